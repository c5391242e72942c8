//! Filters, splits, the tokenizer's training, and what the manifest says about them.

use super::{Corpus, END, byte_tokenizer, filter, json_lines, named, read, text, texts};
use std::collections::BTreeMap;
use std::fs;
use trainyard::corpus::{Split, compression_baseline};
use trainyard::feed::{Dataset, Shard, open};
use trainyard_plugin::{Filter, PluginError, Verdict};

fn numbers(n: usize) -> String {
    json_lines((0..n).map(|i| format!("document {i}")))
}

#[test]
fn drops_are_counted_under_filter_and_reason() {
    let corpus =
        Corpus::of("a.jsonl", json_lines(["one", "two!", "three", "four!", "five!", "six!", "a rather long one"]));
    let short = filter("short", |text| match text.len() {
        0..4 => Verdict::drop("too_short"),
        4..10 => Verdict::keep(),
        _ => Verdict::drop("too_long"),
    });
    let calm = filter("calm", |text| if text.ends_with('!') { Verdict::drop("") } else { Verdict::keep() });
    let dataset = corpus.prepare_with(&[short, calm]).unwrap();
    assert_eq!(texts(&dataset), ["three"]);
    let report = dataset.manifest.report;
    assert_eq!((report.read, report.kept), (7, 1));
    assert_eq!(report.filters[0].summary(), "2 of 7 documents (too_long 1, too_short 1)");
    assert_eq!(report.filters[1].summary(), "4 of 5 documents (no reason given 4)");
    assert_eq!(report.filters[0].reasons["too_short"].samples, ["a0"]);
    assert_eq!(report.filters[1].reasons["no reason given"].samples, ["a1", "a3", "a4"]);
}

#[test]
fn rewritten_text_replaces_the_text() {
    let corpus = Corpus::of("a.jsonl", json_lines(["  x ", "-"]));
    let trim = filter("trim", |text| Verdict::rewrite(text.trim().replace('-', "")));
    let seen_next = filter("next", |text| {
        assert_eq!(text, "x");
        Verdict::keep()
    });
    let dataset = corpus.prepare_with(&[trim, seen_next]).unwrap();
    assert_eq!(texts(&dataset), ["x"]);
    assert_eq!(dataset.manifest.report.filters[0].summary(), "1 of 2 documents (rewritten to nothing 1)");
    assert_eq!(dataset.manifest.report.filters[0].rewritten, 1);
}

/// Drops documents that the corpus contains more than once.
#[derive(Clone, Default)]
struct Unique(BTreeMap<String, usize>);

impl Filter for Unique {
    fn judge(&mut self, documents: &[&str]) -> trainyard_plugin::Result<Vec<Verdict>> {
        let once = |text: &&str| if self.0[*text] == 1 { Verdict::keep() } else { Verdict::drop("repeated") };
        Ok(documents.iter().map(once).collect())
    }

    fn two_pass(&self) -> bool {
        true
    }

    fn observe(&mut self, documents: &[&str]) -> trainyard_plugin::Result<()> {
        for text in documents {
            *self.0.entry((*text).into()).or_default() += 1;
        }
        Ok(())
    }

    fn state(&self) -> trainyard_plugin::Result<Vec<u8>> {
        Ok(serde_json::to_vec(&self.0).unwrap())
    }

    fn merge(&mut self, state: &[u8]) -> trainyard_plugin::Result<()> {
        let other: BTreeMap<String, usize> = serde_json::from_slice(state).unwrap();
        other.into_iter().for_each(|(text, n)| *self.0.entry(text).or_default() += n);
        Ok(())
    }
}

#[test]
fn a_two_pass_filter_first_observes_what_earlier_filters_keep() {
    // 2,000 documents are several batches; "odd" ones go before, and upper case comes before the second look.
    let lines = (0..2000).map(|i| if i % 2 == 1 { "odd".to_owned() } else { format!("Even {}", i / 4 * (i % 3)) });
    let corpus = Corpus::of("a.jsonl", json_lines(lines.clone()));
    let even = filter("even", |text| if text == "odd" { Verdict::drop("odd") } else { Verdict::keep() });
    let upper = filter("upper", |text| Verdict::rewrite(text.to_uppercase()));
    let filters = &[even, named("unique", Unique::default()), upper, named("again", Unique::default())];
    let dataset = corpus.prepare_with(filters).unwrap();
    let mut counts = BTreeMap::new();
    lines.clone().for_each(|line| *counts.entry(line).or_insert(0) += 1);
    let expected: Vec<_> = lines.filter(|line| line != "odd" && counts[line] == 1).map(|l| l.to_uppercase()).collect();
    assert!(expected.len() > 300, "{}", expected.len());
    assert_eq!(texts(&dataset), expected);
    assert_eq!(dataset.manifest.report.filters[1].seen, 1000);
    assert_eq!(dataset.manifest.report.filters[3].dropped(), 0);
}

#[test]
fn a_batch_holds_at_most_256_documents_or_a_mebibyte() {
    #[derive(Clone)]
    struct Sizes;
    impl Filter for Sizes {
        fn judge(&mut self, documents: &[&str]) -> trainyard_plugin::Result<Vec<Verdict>> {
            let bytes: usize = documents[..documents.len() - 1].iter().map(|text| text.len()).sum();
            assert!(documents.len() <= 256 && bytes < 1 << 20, "{} documents, {bytes} bytes", documents.len());
            Ok(documents.iter().map(|_| Verdict::keep()).collect())
        }
    }
    let lines = (0..1200).map(|i| "x".repeat(if i < 600 { 1 } else { 30_000 }));
    let dataset = Corpus::of("a.jsonl", json_lines(lines)).prepare_with(&[named("sizes", Sizes)]).unwrap();
    assert_eq!(dataset.train.n_documents(), 1200);
}

#[test]
fn nothing_left_names_who_dropped_what() {
    let corpus = Corpus::of("a.jsonl", numbers(12));
    let error = corpus.prepare_with(&[
        filter("fine", |_| Verdict::keep()),
        filter("length", |text| Verdict::drop(if text.len() < 11 { "too_short" } else { "dull" })),
    ]);
    assert_eq!(
        error.unwrap_err().to_string(),
        "data: no document is left: filter \"length\" dropped 12 of 12 documents (dull 2, too_short 10); loosen the filter's settings or remove it"
    );
}

#[test]
fn plugin_errors_pass_through() {
    #[derive(Clone)]
    struct Broken;
    impl Filter for Broken {
        fn judge(&mut self, documents: &[&str]) -> trainyard_plugin::Result<Vec<Verdict>> {
            match documents.len() {
                1 => Err(PluginError::internal("plugin \"broken\": judge: gave up")),
                _ => Ok(Vec::new()),
            }
        }
    }
    let error = |n| Corpus::of("a.jsonl", numbers(n)).prepare_with(&[named("broken", Broken)]).unwrap_err();
    assert_eq!((error(1).to_string().as_str(), error(1).exit_code()), ("plugin \"broken\": judge: gave up", 3));
    assert_eq!(error(2).to_string(), "filter \"broken\": judge: verdicts: expected 2, got 0");
}

fn split_of(shard: Option<&Shard>) -> Vec<String> {
    shard.map_or(Vec::new(), |shard| (0..shard.n_documents()).map(|i| text(&shard.document(i))).collect())
}

fn splits(dataset: &Dataset) -> [Vec<String>; 3] {
    [Some(&dataset.train), dataset.validation.as_ref(), dataset.test.as_ref()].map(split_of)
}

#[test]
fn adding_documents_moves_no_other() {
    let mut corpus = Corpus::of("a.jsonl", numbers(1000));
    (corpus.config.validation, corpus.config.test) = (0.2, 0.1);
    let before = splits(&corpus.prepare().unwrap());
    corpus.write("a.jsonl", numbers(3000));
    let after = splits(&corpus.prepare().unwrap());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before[..], after[..before.len()]);
    }
    // Three standard deviations of a binomial of 3,000.
    for (split, share) in after.iter().zip([0.7, 0.2, 0.1]) {
        let (n, expected) = (split.len() as f64, 3000.0 * share);
        assert!((n - expected).abs() < 3.0 * (expected * (1.0 - share)).sqrt(), "{n} documents, expected {expected}");
    }
    // The hash is part of the format: a change would move the documents of every corpus.
    let config = &corpus.config;
    let of = ["a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7"].map(|id| Split::of(id, config).name());
    assert_eq!(of, ["validation", "train", "train", "train", "train", "train", "validation", "train"]);
}

#[test]
fn an_empty_split_is_an_error_with_a_cure() {
    let mut corpus = Corpus::of("a.txt", "only one");
    corpus.config.validation = 1e-9;
    assert_eq!(
        corpus.error(),
        "data: no document of 1 is in the validation split with data.validation = 0.000000001; raise it, set it to 0, or cut the text into more documents (data.source.document) or add some"
    );
    corpus.config.validation = 0.999_999;
    assert_eq!(
        corpus.error(),
        "data: no document of 1 is in the train split, data.validation and data.test take them all; lower these, or cut the text into more documents (data.source.document) or add some"
    );
}

#[test]
fn the_tokenizer_is_trained_on_the_train_split_only() {
    let mut corpus = Corpus::of("a.jsonl", numbers(300));
    corpus.config.validation = 0.3;
    let dataset = corpus.prepare().unwrap();
    let train = &dataset.manifest.report.splits[0];
    assert_eq!(train.split, Split::Train);
    assert_eq!(dataset.tokenizer.model, train.bytes.to_string().into_bytes());
    assert!(dataset.manifest.tokenizer.trained);
}

#[test]
fn a_given_model_is_loaded_not_trained() {
    let corpus = Corpus::of("a.txt", "x");
    let mut tokenizer = byte_tokenizer();
    tokenizer.model = Some(b"given".to_vec());
    let dataset = corpus.prepare_by(&[], &tokenizer).unwrap();
    assert_eq!(dataset.tokenizer.model, b"given");
    assert_eq!((dataset.tokenizer.n_tokens, dataset.tokenizer.end_of_text), (257, Some(END)));
    assert!(!dataset.manifest.tokenizer.trained);
    assert_eq!(read(&corpus.dir().join("tokenizer.model")), b"given");
}

#[test]
fn preparing_twice_gives_the_same_bytes() {
    let mut corpus = Corpus::of("a.jsonl", numbers(200));
    (corpus.config.validation, corpus.config.test) = (0.1, 0.1);
    let names =
        ["train.shard", "validation.shard", "test.shard", "tokenizer.model", "vocabulary.json", "manifest.json"];
    let files = || names.map(|name| read(&corpus.dir().join(name)));
    corpus.prepare().unwrap();
    let first = files();
    corpus.prepare().unwrap();
    assert!(first == files());
    let mut left: Vec<_> =
        fs::read_dir(corpus.dir()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(
        left,
        [
            "lineage.json",
            "manifest.json",
            "test.shard",
            "tokenizer.model",
            "train.shard",
            "validation.shard",
            "vocabulary.json"
        ]
    );
}

#[test]
fn what_is_opened_is_what_was_prepared() {
    let mut corpus = Corpus::of("a.jsonl", numbers(200));
    corpus.config.test = 0.2;
    let prepared = corpus.prepare().unwrap();
    let opened = open(&corpus.dir()).unwrap();
    assert_eq!(opened.manifest, prepared.manifest);
    assert_eq!(opened.tokenizer, prepared.tokenizer);
    assert_eq!(splits(&opened), splits(&prepared));
    let [train, test] = &opened.manifest.report.splits[..] else { panic!("expected two splits") };
    assert_eq!((train.split, test.split), (Split::Train, Split::Test));
    assert_eq!(test.tokens, test.bytes + test.documents + 1);
    assert_eq!(train.documents + test.documents, 200);
    assert_eq!(opened.manifest.report.held_out.unwrap().split, Split::Test);
    assert_eq!(opened.manifest.report.held_out.unwrap().baseline.bytes, test.bytes);
}

#[test]
fn an_interrupted_preparation_is_not_opened() {
    let corpus = Corpus::of("a.txt", "x");
    corpus.prepare().unwrap();
    corpus.write("a.txt", b"\xff");
    corpus.prepare().unwrap_err();
    let error = corpus.message(&open(&corpus.dir()).unwrap_err());
    assert!(error.starts_with("data/manifest.json: cannot read (delete the folder and run again"), "{error}");
}

/// The corpus of the default run.
const AUSTEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus/austen.txt.zst");
/// As in configs/austen.toml: a title page goes with its first chapter, an afterword with the last.
const CHAPTER: &str = "(?:(?:CHAPTER|Chapter) (?:[2-9]|[1-9][0-9]|I[IVX]+|[VX][IVXL]*)|VOLUME II+|SENSE AND SENSIBILITY|\
    PRIDE AND PREJUDICE|MANSFIELD PARK|EMMA|NORTHANGER ABBEY|Persuasion)$";

#[test]
fn compressed_sizes_are_those_of_the_programs() {
    let text = zstd::decode_all(fs::File::open(AUSTEN).unwrap()).unwrap();
    let baseline = compression_baseline(&text[..200_000]).unwrap();
    // head -c 200000 austen.txt | gzip -9 | wc -c, with gzip 1.12; the same with xz 5.4.1.
    let (gzip, xz) = (73_221_u64, 64_700_u64);
    let close = |actual: u64, expected: u64| actual.abs_diff(expected) * 200 <= expected;
    assert!(close(baseline.gzip_bytes, gzip) && close(baseline.xz_bytes, xz), "{baseline:?}");
    assert_eq!(baseline.bytes, 200_000);
    assert!((baseline.xz_bits_per_byte() - 2.588).abs() < 0.02 && (baseline.gzip_bits_per_byte() - 2.929).abs() < 0.02);
}

#[test]
fn austen_is_cut_into_its_chapters() {
    let mut corpus = Corpus::new();
    let source = corpus.source("");
    source.path = AUSTEN.into();
    source.document = Some(CHAPTER.into());
    corpus.config.validation = 0.05;
    corpus.config.test = 0.05;
    let dataset = corpus.prepare().unwrap();
    let report = &dataset.manifest.report;
    assert_eq!((report.read, report.kept), (269, 269));
    assert_eq!(report.splits.iter().map(|split| split.bytes).sum::<u64>(), 4_025_029);
    let shortest = splits(&dataset).concat().iter().map(String::len).min();
    assert_eq!(shortest, Some(3947));
}
