//! Vectors of tokens: what is drawn, and runs that learn them.

use super::toys::{Dice, Toy};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use tempfile::TempDir;
use trainyard::corpus::Packing;
use trainyard::feed::tasks::{EmbeddingsConfig, EmbeddingsForm, Marks, Task, TaskConfig};
use trainyard::feed::{Loader, Position, Recipe, Shard, ShardInfo, ShardWriter, Supply};
use trainyard::rows::Rows;

const END: u32 = 200;
const CONTEXT: usize = 64;
const BYTES: [u32; 201] = {
    let mut bytes = [1; 201];
    bytes[END as usize] = 0;
    bytes
};

const SKIP_GRAM: EmbeddingsConfig =
    EmbeddingsConfig { form: EmbeddingsForm::SkipGram, window: 5, negatives: 5, subsample: 0.0 };

/// A token, what is read to tell it, and the negatives that count.
#[derive(Debug, Clone, PartialEq)]
struct Example {
    target: u32,
    read: Vec<u32>,
    negatives: Vec<u32>,
}

/// Documents, and the task on them.
struct Text {
    shard: Shard,
    task: Arc<dyn Task>,
    places: usize,
    _folder: TempDir,
}

impl Text {
    fn new(config: &EmbeddingsConfig, documents: &[Vec<u32>]) -> Self {
        let folder = TempDir::new().unwrap();
        let info = ShardInfo { n_vocabulary: 201, end_of_text: Some(END), tokenizer: [0; 32], source: [0; 32] };
        let mut writer = ShardWriter::create(&folder.path().join("text.shard"), info).unwrap();
        documents.iter().for_each(|document| writer.push(document).unwrap());
        let (shard, places) = (writer.finish().unwrap(), config.places());
        let config = TaskConfig::Embeddings(config.clone());
        let counts = config.counts(&shard, &BYTES);
        let task = config.task(Marks::default(), None, None, Default::default(), &counts, &Default::default()).unwrap();
        Self { shard, task, places, _folder: folder }
    }

    fn loader(&self, batch: usize, seed: u64, sample: u64) -> Loader<'_> {
        let recipe = Recipe { task: self.task.clone(), packing: Packing::BestFit, ..Recipe::new(CONTEXT, batch, seed) };
        Loader::with(&self.shard, &recipe, &BYTES, Position { sample }).unwrap()
    }

    /// The examples of `n` batches.
    fn examples(&self, batch: usize, seed: u64, n: usize, workers: usize) -> Vec<Example> {
        let loader = self.loader(batch, seed, 0);
        std::thread::scope(|scope| {
            let mut ahead = loader.ahead(scope, workers);
            (0..n).flat_map(|_| self.of(&ahead.next().unwrap())).collect()
        })
    }

    /// The examples of a batch; what is read is what a mean over it reads.
    fn of(&self, rows: &Rows) -> Vec<Example> {
        let (places, columns) = (self.places, &rows.columns);
        assert_eq!((rows.context, rows.inputs.len()), (places, rows.sequences * places));
        assert_eq!([columns.targets.len(), columns.weight.len(), rows.types.len()], [rows.inputs.len(); 3]);
        let example = |first: usize| {
            let all = first..first + places;
            let (types, weight) = (&rows.types[all.clone()], &columns.weight[all.clone()]);
            let n_read = rows.document_position[all.clone()].iter().skip(1).take_while(|&&place| place > 0).count() + 1;
            if weight[0] == 0.0 {
                assert!(weight.iter().chain(&columns.targets[all]).all(|&number| number == 0.0), "padding counts");
                return None;
            }
            assert!(columns.targets[all].iter().enumerate().all(|(place, &target)| (target == 1.0) == (place == 0)));
            assert!(weight[n_read..].iter().all(|&weight| weight == 0.0), "a candidate beyond what is read");
            let negatives = (1..places).filter(|&place| weight[place] > 0.0).map(|place| types[place]).collect();
            Some(Example { target: types[0], read: rows.inputs[first..first + n_read].to_vec(), negatives })
        };
        (0..rows.sequences).filter_map(|sequence| example(sequence * places)).collect()
    }
}

/// Documents of tokens that each occur once, so that a token says its place.
fn documents() -> Vec<Vec<u32>> {
    (0..4).map(|document| (document * 50..document * 50 + 50).collect()).collect()
}

#[test]
fn draws_depend_on_the_seed_and_the_sequence_alone() {
    // all documents are the same, so that the order of documents does not show
    let text = Text::new(&EmbeddingsConfig { subsample: 0.05, ..SKIP_GRAM }, &vec![(0..60).collect(); 40]);
    let expected = text.examples(8, 1, 12, 0);
    assert!(expected.len() > 10_000, "{}", expected.len());
    assert!(text.examples(8, 1, 12, 3) == expected, "with workers");
    assert!(text.examples(3, 1, 32, 0) == expected, "in smaller batches");
    assert!(text.examples(8, 2, 12, 0) != expected, "another seed");
    let late = text.loader(8, 1, 40).next_batch();
    assert!(text.of(&late) == text.of(&text.loader(8, 1, 0).batch(Position { sample: 40 })), "after a resume");
    let one = |sample| text.of(&text.loader(1, 1, sample).next_batch());
    assert!(one(0) != one(40), "the next epoch draws the same");
}

#[test]
fn windows_are_those_of_word2vec() {
    let text = Text::new(&SKIP_GRAM, &documents());
    let mut at_distance = [0.0; 6];
    for Example { target, read, negatives } in text.examples(4, 1, 60, 0) {
        let [context] = BTreeSet::from_iter(read).into_iter().collect::<Vec<_>>()[..] else { panic!("two contexts") };
        assert!(context / 50 == target / 50 && context != target, "{context} {target}");
        at_distance[context.abs_diff(target) as usize] += 1.0;
        assert!(negatives.len() <= 5 && negatives.iter().all(|&id| id != target && id < END));
    }
    // each distance d is within the reach of 1 to 5 with the probability (6 - d) / 5; at the ends there is less
    for distance in 1..=5 {
        let (share, expected) = (at_distance[distance] / at_distance[1], (6 - distance) as f64 / 5.0);
        assert!((share - expected).abs() < 0.06, "{distance}: {share} {expected}");
    }
}

#[test]
fn a_mean_is_over_all_tokens_near() {
    let config = EmbeddingsConfig { form: EmbeddingsForm::Cbow, ..SKIP_GRAM };
    let text = Text::new(&config, &documents());
    assert_eq!(text.places, 10);
    let examples = text.examples(4, 1, 20, 0);
    assert!(examples.len() > 3_000, "{}", examples.len());
    for Example { target, read, .. } in examples {
        let near: BTreeSet<u32> = read.iter().copied().collect();
        // all of them equally often
        let times = read.len() / near.len();
        assert!(near.iter().all(|id| read.iter().filter(|other| *other == id).count() == times), "{read:?}");
        assert!((6..=10).contains(&read.len()) && !near.contains(&target));
        let reach = near.iter().map(|&id| id.abs_diff(target)).max().unwrap();
        let within = (target.saturating_sub(reach)..=target + reach).filter(|&id| id / 50 == target / 50);
        assert_eq!(within.filter(|&id| id != target).collect::<BTreeSet<_>>(), near, "{target}");
    }
}

#[test]
fn negatives_and_shares_are_those_of_the_counts() {
    // token i is there i² times
    let mut document: Vec<u32> = (0..12_u32).flat_map(|id| vec![id; (id * id) as usize]).collect();
    let mut dice = Dice::new();
    (1..document.len()).for_each(|i| document.swap(i, dice.below(i + 1)));
    let n = document.len() as f64;
    let text = Text::new(&SKIP_GRAM, &vec![document.clone(); 8]);
    let (mut drawn, mut expected) = ([0.0; 12], [0.0; 12]);
    for Example { target, negatives, .. } in text.examples(8, 1, 20, 0) {
        negatives.iter().for_each(|&id| drawn[id as usize] += 1.0);
        // one that is the token itself does not count
        let weight = |id: usize| if id as u32 == target { 0.0 } else { (id as f64).powf(1.5) };
        let all: f64 = (0..12).map(|id| (id as f64).powf(1.5)).sum();
        (0..12).for_each(|id| expected[id] += 5.0 * weight(id) / all);
    }
    for id in 1..12 {
        assert!((drawn[id] / expected[id] - 1.0).abs() < 0.1, "{id}: {} {}", drawn[id], expected[id]);
    }
    assert_eq!(drawn[0], 0.0, "a token that is nowhere");
    // the share of a token falls to √(t f) + t with the share f of the text
    let text = Text::new(&EmbeddingsConfig { window: 1, subsample: 0.01, ..SKIP_GRAM }, &vec![document; 8]);
    let mut read = [0.0; 12];
    text.examples(8, 1, 60, 0).iter().for_each(|example| read[example.target as usize] += 1.0);
    let all: f64 = read.iter().sum();
    let share = |id: usize| (id * id) as f64 / n;
    let kept = |id: usize| ((0.01 * share(id)).sqrt() + 0.01).min(share(id));
    let sum: f64 = (1..12).map(kept).sum();
    for (id, read) in read.iter().enumerate().skip(3) {
        assert!((read / all / (kept(id) / sum) - 1.0).abs() < 0.12, "{id}: {}", read / all);
    }
}

/// Texts of letters that stand near one another.
fn toy(form: &str) -> Toy {
    let mut dice = Dice::new();
    let line = |_| {
        let letters = ["aeo", "xyz", "123"][dice.below(3)];
        json!({ "text": dice.text(letters, 30) })
    };
    let lines: Vec<_> = (0..300).map(line).collect();
    let task = format!("[task]\nkind = 'embeddings'\nform = '{form}'\nsubsample = 0.0\n");
    let toy = Toy::new(&lines, &format!("{task}[model]\nplugin = 'embeddings'\ncontext = 32\nconfig.width = 8\n"));
    let path = toy.folder.path().join("run.toml");
    let config = fs::read_to_string(&path).unwrap().replace("lr = 1e-2", "lr = 3e-2");
    fs::write(path, config).unwrap();
    toy
}

#[track_caller]
fn learns(form: &str) {
    let toy = toy(form);
    let told = toy.trains(&[]);
    assert!(told.contains("candidates a step; word2vec's rate of 0.025 is lr = "), "{told}");
    let expected = toy.checkpoint(120);
    for step in [100, 120] {
        fs::remove_dir_all(toy.run().join(format!("checkpoints/step-{step}"))).unwrap();
    }
    assert!(toy.trains(&["--resume"]).contains("resumed after step 50"));
    assert!(toy.checkpoint(120) == expected, "the resumed run has other bytes");

    let outcome = toy.command(&["convert", "runs/run", "letters.vec"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, "letters.vec: 9 vectors of 8 numbers\n"));
    let text = fs::read_to_string(toy.folder.path().join("letters.vec")).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("9 8"));
    let vectors: Vec<(&str, Vec<f64>)> = lines
        .map(|line| line.split_once(' ').unwrap())
        .map(|(token, numbers)| (token, numbers.split(' ').map(|number| number.parse().unwrap()).collect()))
        .collect();
    let cosine = |a: &[f64], b: &[f64]| {
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        product(a, b) / (product(a, a) * product(b, b)).sqrt()
    };
    for (token, vector) in &vectors {
        assert_eq!(vector.len(), 8);
        let group = ["aeo", "xyz", "123"].into_iter().find(|group| group.contains(token)).unwrap();
        let mut others: Vec<_> = vectors.iter().filter(|(other, _)| other != token).collect();
        others.sort_by(|a, b| cosine(&b.1, vector).total_cmp(&cosine(&a.1, vector)));
        assert!(others[..2].iter().all(|(other, _)| group.contains(other)), "{form}: {token}: {:?}", &others[..2]);
    }
    let outcome = toy.command(&["convert", "runs/run", "letters.vec"]);
    let expected = "error: letters.vec: is there already; remove it, or choose another file\n";
    assert_eq!((outcome.code, outcome.stderr.as_str()), (2, expected));
}

#[test]
fn letters_of_the_same_texts_become_neighbours() {
    learns("skip-gram");
    learns("cbow");
}

#[test]
fn settings_that_are_wrong() {
    let toy = toy("skip-gram");
    for (settings, expected) in [
        (&["task.form=t5"][..], "--set task.form=t5: task.form: expected \"skip-gram\" or \"cbow\", got \"t5\""),
        (&["task.window=0"], "--set task.window=0: task.window: expected a whole number, 1 to 100, got 0"),
        (
            &["task.rate=0.2"],
            "--set task.rate=0.2: task.rate: belongs to kind = \"masked\" or \"denoise\", this task is \"embeddings\"",
        ),
        (
            &["task.negatives=40"],
            "model.context: expected at least 41, the places of an example, got 32; raise it, or lower task.window or \
             task.negatives",
        ),
        (
            &["model.plugin=lstm"],
            "model: expected the parameter input.weight, the vectors of task.kind = \"embeddings\", got a model without; \
             set model.plugin = \"embeddings\"",
        ),
    ] {
        assert_eq!(toy.refused(settings), expected, "{settings:?}");
    }
    let masked = Toy::masked();
    masked.trains(&["--set", "train.steps=1", "--set", "train.validate_every=0"]);
    let error = |arguments: &[&str]| masked.command(arguments).stderr;
    assert_eq!(
        error(&["convert", "runs/run", "x.vec"]),
        "error: runs/run: expected a run of task.kind = \"embeddings\", got \"masked\"; convert it to a folder or a .gguf \
         file\n"
    );
    assert_eq!(
        error(&["convert", "runs/run", "x.vec", "--dtype", "f16"]),
        "error: --dtype: a .vec file has no other numbers than f32; leave it out\n"
    );
}
