//! Sources mixed by weight, and curricula.

use super::Corpus;
use super::packing::shard_of;
use tempfile::TempDir;
use trainyard::corpus::{CurriculumConfig, Packing, SourceSpan, Split, TokenFormat};
use trainyard::feed::{Loader, Position, Recipe, Shard};
use trainyard::run::RunConfig;

const TOKEN_BYTES: [u32; 1000] = [1; 1000];

/// A shard of documents of 10 tokens, the first 40 from `web`, 60 from `books`, 20 from `code`; the tokens of a
/// document are 1, 2 or 3, the number of its source.
fn shard(folder: &TempDir) -> (Shard, Vec<SourceSpan>) {
    let sizes = [("web", 40), ("books", 60), ("code", 20)];
    let documents: Vec<Vec<u32>> =
        sizes.iter().enumerate().flat_map(|(i, (_, n))| vec![vec![i as u32 + 1; 10]; *n]).collect();
    let mut first_document = 0;
    let spans = sizes.map(|(name, documents)| {
        let documents = documents as u64;
        let span = SourceSpan { name: name.into(), documents, first_document, ..SourceSpan::default() };
        first_document += documents;
        span
    });
    (shard_of(folder, &documents), spans.into())
}

fn recipe(spans: &[SourceSpan], packing: Packing, phases: &[(u64, [f64; 3])]) -> Recipe {
    let phases = phases.iter().map(|(start, weights)| (*start, weights.to_vec())).collect();
    Recipe { packing, sources: spans.to_vec(), phases, ..Recipe::new(11, 1, 5) }
}

/// The source of each of the first `n` sequences.
fn sources(shard: &Shard, recipe: &Recipe, n: usize) -> Vec<usize> {
    let mut loader = Loader::with(shard, recipe, &TOKEN_BYTES, Position::default()).unwrap();
    let source = |inputs: Vec<u32>| inputs.into_iter().max().unwrap() as usize - 1;
    (0..n).map(|_| source(loader.next_batch().inputs)).collect()
}

/// A share is one of the sequences, whatever the source's size and weight; the others have the rest.
#[test]
fn a_share_does_not_depend_on_sizes() {
    let folder = TempDir::new().unwrap();
    let (shard, spans) = shard(&folder);
    for (own, expected) in [
        ([Some(0.1), None, None], [0.1, 0.9 * 60.0 / 80.0, 0.9 * 20.0 / 80.0]),
        ([None, Some(0.0), Some(0.25)], [0.75, 0.0, 0.25]),
        ([Some(0.2), Some(0.5), Some(0.3)], [0.2, 0.5, 0.3]),
    ] {
        let recipe = Recipe { shares: own.into(), ..recipe(&spans, Packing::BestFit, &[(0, [1.0, 1.0, 1.0])]) };
        let mut counts = [0.0_f64; 3];
        sources(&shard, &recipe, 1000).into_iter().for_each(|source| counts[source] += 1.0 / 1000.0);
        let is_near = counts.iter().zip(expected).all(|(count, share)| (count - share).abs() < 0.003);
        assert!(is_near, "{own:?}: got {counts:?}, expected {expected:?}");
    }
}

/// A source has had its share at any time, to within the number of sources.
#[test]
fn sources_are_drawn_by_weight_evenly() {
    let folder = TempDir::new().unwrap();
    let (shard, spans) = shard(&folder);
    for weights in [[1.0, 3.0, 0.0], [1.0, 1.0, 1.0], [0.02, 1.0, 7.0], [0.0, 0.0, 2.0]] {
        let recipe = recipe(&spans, Packing::BestFit, &[(0, weights)]);
        // A document and its end fill a sequence.
        let shares = [40.0 * weights[0], 60.0 * weights[1], 20.0 * weights[2]];
        let total: f64 = shares.iter().sum();
        let mut counts = [0.0; 3];
        for (i, source) in sources(&shard, &recipe, 3000).into_iter().enumerate() {
            counts[source] += 1.0;
            for (count, share) in counts.iter().zip(shares) {
                let expected = share / total * (i + 1) as f64;
                assert!((count - expected).abs() <= 1.5, "{weights:?}: {counts:?} after {}", i + 1);
            }
        }
    }
}

/// Every document of a source comes once before any comes twice, whatever else is mixed in.
#[test]
fn a_source_is_gone_through_in_epochs_of_its_own() {
    let folder = TempDir::new().unwrap();
    let texts: Vec<Vec<u32>> = (0..60).map(|i| vec![i + 1; 10]).collect();
    let shard = shard_of(&folder, &texts);
    let span = |name: &str, first_document, documents| SourceSpan {
        name: name.into(),
        first_document,
        documents,
        ..SourceSpan::default()
    };
    let mut recipe = recipe(&[], Packing::BestFit, &[]);
    recipe.sources = vec![span("a", 0, 20), span("b", 20, 40)];
    recipe.phases = vec![(0, vec![1.0, 1.0]), (90, vec![5.0, 1.0]), (200, vec![0.0, 1.0])];
    let mut loader = Loader::with(&shard, &recipe, &TOKEN_BYTES, Position::default()).unwrap();
    let drawn: Vec<u32> = (0..400).map(|_| loader.next_batch().inputs.into_iter().max().unwrap()).collect();
    for (documents, n) in [(1..=20, 20), (21..=60, 40)] {
        let of_source: Vec<u32> = drawn.iter().copied().filter(|id| documents.contains(id)).collect();
        for epoch in of_source.chunks_exact(n) {
            let mut epoch = epoch.to_vec();
            epoch.sort();
            assert_eq!(epoch, documents.clone().collect::<Vec<_>>());
        }
        assert_ne!(of_source[..n], of_source[n..2 * n], "another order each epoch");
    }
    // What is reported is what was drawn.
    let report = loader.epochs(Position { sample: 400 });
    let counted = |range: std::ops::RangeInclusive<u32>| drawn.iter().filter(|&id| range.contains(id)).count() as u64;
    assert_eq!(report.iter().map(|source| source.sequences).collect::<Vec<_>>(), [counted(1..=20), counted(21..=60)]);
    assert_eq!(report[0].epochs, report[0].sequences as f64 / 20.0);
}

#[test]
fn a_curriculum_changes_the_weights_at_its_step() {
    let folder = TempDir::new().unwrap();
    let (shard, spans) = shard(&folder);
    let phases = [(0, [1.0, 0.0, 0.0]), (100, [0.0, 1.0, 0.0]), (150, [0.0, 1.0, 3.0])];
    let drawn = sources(&shard, &recipe(&spans, Packing::Concatenate, &phases), 270);
    assert_eq!(drawn[..100], [0; 100]);
    assert_eq!(drawn[100..150], [1; 50]);
    // Three times as many documents of a third of the weight: half of the sequences, to within a window.
    let n = drawn[150..].iter().filter(|&&source| source == 2).count();
    assert!((58..=62).contains(&n), "{n} of 120");
}

/// Adding or removing a source changes the pace of another source, not its order.
#[test]
fn a_source_keeps_its_order_beside_others() {
    let folder = TempDir::new().unwrap();
    let (shard, spans) = shard(&folder);
    let of_books = |weights: [f64; 3]| -> Vec<Vec<u32>> {
        let recipe = recipe(&spans, Packing::Concatenate, &[(0, weights)]);
        let mut loader = Loader::with(&shard, &recipe, &TOKEN_BYTES, Position::default()).unwrap();
        let all = (0..300).map(|_| loader.next_batch().inputs);
        all.filter(|inputs| inputs.contains(&2)).take(50).collect()
    };
    assert_eq!(of_books([0.0, 1.0, 0.0]), of_books([1.0, 1.0, 1.0]));
}

#[test]
fn no_source_with_text_and_weight_is_an_error() {
    let folder = TempDir::new().unwrap();
    let (shard, mut spans) = shard(&folder);
    let with = |spans: &[SourceSpan], weights| {
        let recipe = recipe(spans, Packing::Concatenate, &[(0, weights)]);
        Loader::with(&shard, &recipe, &TOKEN_BYTES, Position::default()).unwrap_err().to_string()
    };
    let message = "data.source: no source with a weight above 0 has documents to train on (from sequence 0 on); raise a weight or add text";
    assert_eq!(with(&spans, [0.0; 3]), message);
    spans[1].documents = 0;
    assert_eq!(with(&spans, [0.0, 1.0, 0.0]), message);
    spans[2].documents = 21;
    let error = with(&spans, [0.0, 0.0, 1.0]);
    assert!(error.ends_with("source \"code\" is said to end after the last of 120 documents"), "{error}");
}

/// Preparation says where sources are, and the config's weights reach the loader by name.
#[test]
fn a_corpus_of_two_sources_is_mixed_by_name() {
    let mut corpus = Corpus::new();
    for (name, n) in [("web", 40), ("books", 20)] {
        let line = |i: usize| serde_json::json!({ "id": format!("{name}{i}"), "text": format!("{name} {i}") });
        let lines: Vec<_> = (0..n).map(|i| line(i).to_string() + "\n").collect();
        corpus.add(&format!("{name}.jsonl"), lines.concat());
    }
    corpus.config.validation = 0.2;
    corpus.config.packing = Packing::Pad;
    let dataset = corpus.prepare().unwrap();
    for (split, report) in dataset.manifest.report.splits.iter().enumerate() {
        assert_eq!(report.split, Split::ALL[split]);
        let names: Vec<_> = report.sources.iter().map(|source| source.name.as_str()).collect();
        assert_eq!(names, ["web", "books"]);
        let [web, books] = [0, 1].map(|i| &report.sources[i]);
        assert_eq!((web.first_document, web.first_token), (0, 1));
        assert_eq!((books.first_document, books.first_token), (web.documents, 1 + web.tokens));
        assert_eq!(web.documents + books.documents, report.documents);
        assert_eq!(1 + web.tokens + books.tokens, report.tokens);
        assert_eq!(web.bytes + books.bytes, report.bytes);
    }
    let recipe = Recipe::new(16, 4, 1);
    let with = |corpus: &Corpus| {
        recipe.clone().with(&corpus.config, &dataset.manifest.report.splits[0].sources, 10, 8).unwrap()
    };
    assert!(with(&corpus).sources.is_empty(), "equal weights are no mixture");
    corpus.config.source[1].weight = 3.0;
    corpus.config.curriculum =
        vec![CurriculumConfig { from: 0.55, weights: [("web".to_owned(), 0.0)].into_iter().collect() }];
    let recipe = with(&corpus);
    // 0.55 of 10 steps is the sixth, of 8 sequences each.
    assert_eq!(recipe.phases, [(0, vec![1.0, 3.0]), (48, vec![0.0, 3.0])]);
    let bytes = &dataset.tokenizer.token_bytes;
    let mut loader = Loader::with(&dataset.train, &recipe, bytes, Position { sample: 48 }).unwrap();
    for _ in 0..20 {
        assert!(loader.next_batch().inputs.chunks(16).all(|inputs| inputs[1] == u32::from(b'b')));
    }
}

const CONFIG: &str =
    "[[data.source]]\npath = 'web'\n[[data.source]]\npath = 'books'\nweight = 2\n[tokenizer]\nplugin = 'byte'\n";

fn load(text: &str) -> trainyard::Result<RunConfig> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.toml");
    std::fs::write(&path, text).unwrap();
    RunConfig::load(&path, &[]).map_err(|error| error.context("config"))
}

#[test]
fn a_curriculum_is_read_and_written() {
    let text = format!(
        "{CONFIG}[data]\npacking = 'pad'\n[[data.curriculum]]\nfrom = 0.25\nweights = {{ web = 3, books = 0.5 }}\n"
    );
    let config = load(&text).unwrap();
    let weights = [("web".to_owned(), 3.0), ("books".to_owned(), 0.5)].into_iter().collect();
    assert_eq!(config.data.curriculum, [CurriculumConfig { from: 0.25, weights }]);
    assert_eq!((config.data.packing, config.data.is_mixed(), config.train.workers), (Packing::Pad, true, 1));
    assert_eq!(load(&config.to_toml().unwrap()).unwrap(), config);
}

#[test]
fn mistakes_in_a_curriculum_have_their_place() {
    for (text, expected) in [
        ("weights = { wbe = 1 }", "data.curriculum.0.weights: no source is named \"wbe\"; there are web, books"),
        ("weights = { web = -1 }", "data.curriculum.0.weights: web: expected a number of 0 or more, got -1"),
        ("weights = { web = 'a' }", "data.curriculum.0.weights: web: expected a number of 0 or more, got \"a\""),
        ("from = 1.0", "data.curriculum.0.from: expected "),
        (
            "from = 0.5\n[[data.curriculum]]\nfrom = 0.4",
            "data.curriculum: expected phases in the order in which they begin, by their `from`",
        ),
    ] {
        let error = load(&format!("{CONFIG}[[data.curriculum]]\n{text}\n")).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn tokens_take_the_place_of_sources() {
    let tokens = "[data.tokens]\ntrain = 'a.bin'\nformat = 'llmc'\n";
    let config = load(&format!("[tokenizer]\nplugin = 'byte'\n{tokens}")).unwrap();
    let read = config.data.tokens.clone().unwrap();
    assert_eq!((read.format, read.train.file_name().unwrap().to_str()), (Some(TokenFormat::Llmc), Some("a.bin")));
    assert!(!config.data.has_validation());
    assert_eq!(load(&config.to_toml().unwrap()).unwrap(), config);
    for (text, expected) in [
        (CONFIG, "expected tokens or sources, got both"),
        ("[[data.filter]]\nplugin = 'length'\n[tokenizer]\nplugin = 'byte'\n", "filters judge text"),
        ("[train]\npatience = 1\n[tokenizer]\nplugin = 'byte'\n", "needs held-out text"),
    ] {
        let error = load(&format!("{text}{tokens}")).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
