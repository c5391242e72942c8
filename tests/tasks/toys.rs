//! Small labelled data that are learnt in seconds, and runs on them.

use crate::program::{Outcome, trainyard};
use serde_json::{Value as Json, json};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// A folder with data and a config.
pub struct Toy {
    pub folder: TempDir,
}

/// Numbers that are the same in every run.
pub struct Dice(u64);

impl Dice {
    pub fn new() -> Self {
        Self(1)
    }

    pub fn below(&mut self, n: usize) -> usize {
        // Knuth's generator, whose upper bits are good
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    /// A text of these letters.
    pub fn text(&mut self, letters: &str, n: usize) -> String {
        let letters: Vec<char> = letters.chars().collect();
        (0..n).map(|_| letters[self.below(letters.len())]).collect()
    }
}

const ENCODER: &str = "[model]\nplugin = 'bert'\ncontext = 24\n[model.config]\nlayers = 1\nwidth = 32\nheads = 2\n";
const TAGGER: &str = "[model]\nplugin = 'lstm'\ncontext = 48\n[model.config]\nhead = 'tokens'\nlayers = 1\nwidth = 32\n\
                      bidirectional = true\n";
const FEATURES: &str = "[model]\nplugin = 'features'\ncontext = 48\n[model.config]\nreads = 'mean'\nwidth = 8\n";
const TRANSLATOR: &str = "[model]\nplugin = 't5'\ncontext = 24\n[model.config]\nlayers = 1\nwidth = 32\nheads = 2\n";

impl Toy {
    /// A run `run` on `lines`; `config` has the task, the fields and the model.
    pub fn new(lines: &[Json], config: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(folder.path().join("data.jsonl"), lines).unwrap();
        let config = format!(
            "[data]\nvalidation = 0.15\ntest = 0.15\nsource = [{{ path = 'data.jsonl' }}]\n{config}\
             [tokenizer]\nplugin = 'byte'\n[optimizer]\nlr = 1e-2\n\
             [train]\nsteps = 120\nbatch = 16\nvalidate_every = 40\nvalidate_batches = 0\ncheckpoint_every = 50\n\
             keep_checkpoints = 0\nthreads = 1\n[sample]\ntokens = 0\n"
        );
        fs::write(folder.path().join("run.toml"), config).unwrap();
        Self { folder }
    }

    /// Texts of vowels are good.
    pub fn labels() -> Self {
        let mut dice = Dice::new();
        let line = |_| {
            let (label, letters) = [("good", "aeo"), ("bad", "xyz")][dice.below(2)];
            let n = 4 + dice.below(16);
            json!({ "text": dice.text(letters, n), "label": label })
        };
        let lines: Vec<_> = (0..240).map(line).collect();
        let head = ENCODER.replace("layers", "head = 'sequence'\nlayers");
        Self::new(&lines, &format!("[data.fields]\nlabel = 'label'\n[task]\nkind = 'labels'\n{head}"))
    }

    /// A topic for each kind of letters in a text.
    pub fn several() -> Self {
        let mut dice = Dice::new();
        let line = |_| {
            let topics: Vec<&str> = ["a", "b", "c"].into_iter().filter(|_| dice.below(2) == 1).collect();
            let text = dice.text(&format!("{}{}x", topics.concat(), topics.concat()), 16);
            let topics: Vec<_> = topics.into_iter().filter(|topic| text.contains(topic)).collect();
            json!({ "text": text, "topics": topics })
        };
        let lines: Vec<_> = (0..300).map(line).collect();
        let head = ENCODER.replace("layers", "head = 'sequence'\npool = 'mean'\nlayers");
        let task = "[data.fields]\nlabel = 'topics'\n[task]\nkind = 'labels'\nvalues = 'several'\n";
        Self::new(&lines, &format!("{task}{head}"))
    }

    /// The share of one letter.
    pub fn number() -> Self {
        let mut dice = Dice::new();
        let line = |_| {
            let letters = ["a", "aaab", "ab", "abbb", "b"][dice.below(5)];
            let text = dice.text(letters, 20);
            let share = text.matches('a').count() as f64 / 20.0;
            json!({ "text": text, "share": share })
        };
        let lines: Vec<_> = (0..300).map(line).collect();
        let head = ENCODER.replace("layers", "head = 'sequence'\nlayers");
        let task = "[data.fields]\nlabel = 'share'\n[task]\nkind = 'labels'\nvalues = 'number'\n";
        Self::new(&lines, &format!("{task}{head}"))
    }

    /// The second text decides.
    pub fn pair() -> Self {
        let mut dice = Dice::new();
        let line = |_| {
            let (label, letters) = [("yes", "aeo"), ("no", "xyz")][dice.below(2)];
            let (n, m) = (2 + dice.below(8), 2 + dice.below(8));
            json!({ "text": dice.text("aeoxyz", n), "answer": dice.text(letters, m), "label": label })
        };
        let lines: Vec<_> = (0..400).map(line).collect();
        let head = ENCODER.replace("layers", "head = 'sequence'\nlayers");
        let fields = "[data.fields]\nlabel = 'label'\ntarget = 'answer'\n";
        Self::new(&lines, &format!("{fields}[task]\nkind = 'labels'\npair = true\n{head}"))
    }

    /// The first letter of a word decides; names may have two words.
    pub fn tags(crf: bool) -> Self {
        let mut dice = Dice::new();
        let line = |index: usize| {
            let (mut words, mut tags) = (Vec::new(), Vec::new());
            for _ in 0..2 + dice.below(5) {
                let parts: &[(&str, &str)] = match dice.below(5) {
                    0 => &[("Anna", "B-PER")],
                    1 => &[("New", "B-LOC"), ("York", "I-LOC")],
                    2 => &[("Oslo", "B-LOC")],
                    _ => &[("went", "O")],
                };
                parts.iter().for_each(|(word, tag)| (words.push(*word), tags.push(*tag)).1);
            }
            json!({ "id": index.to_string(), "text": words.join(" "), "tags": tags })
        };
        let lines: Vec<_> = (0..240).map(line).collect();
        let task = format!("[data.fields]\ntags = 'tags'\n[task]\nkind = 'tags'\ncrf = {crf}\n");
        Self::new(&lines, &format!("{task}{TAGGER}"))
    }

    /// The same by features of words, without a network.
    pub fn word_tags() -> Self {
        let toy = Self::tags(true);
        let path = toy.folder.path().join("run.toml");
        let config = fs::read_to_string(&path).unwrap();
        let config =
            config.replace(TAGGER, FEATURES).replace("crf = true", "crf = true\nword_features = true\nbuckets = 4096");
        fs::write(path, config.replace("lr = 1e-2", "lr = 1e-1")).unwrap();
        toy
    }

    /// Runs of one letter.
    pub fn masked() -> Self {
        let mut dice = Dice::new();
        let line = |_| {
            let letter = ["a", "b", "c", "d"][dice.below(4)];
            json!({ "text": letter.repeat(20 + dice.below(10)) })
        };
        let lines: Vec<_> = (0..240).map(line).collect();
        Self::new(&lines, &format!("[task]\nkind = 'masked'\n{ENCODER}"))
    }

    /// Vowels are answered with a word, other letters with another.
    pub fn pairs() -> Self {
        let mut dice = Dice::new();
        let line = |_| {
            let (letters, target) = [("aeo", "yes"), ("xyz", "nono")][dice.below(2)];
            let n = 2 + dice.below(10);
            json!({ "text": dice.text(letters, n), "answer": target })
        };
        let lines: Vec<_> = (0..300).map(line).collect();
        let task = "[data.fields]\ntarget = 'answer'\n[task]\nkind = 'seq2seq'\n";
        // at the rate of the others it learns the words and not when to say them
        Self::new(&lines, &format!("{task}{TRANSLATOR}")).slower()
    }

    fn slower(self) -> Self {
        let path = self.folder.path().join("run.toml");
        let config = fs::read_to_string(&path).unwrap();
        fs::write(path, config.replace("lr = 1e-2", "lr = 5e-3")).unwrap();
        self
    }

    pub fn command(&self, arguments: &[&str]) -> Outcome {
        trainyard(arguments).in_folder(self.folder.path()).run()
    }

    pub fn train(&self, arguments: &[&str]) -> Outcome {
        self.command(&[&["train", "run.toml"], arguments].concat())
    }

    #[track_caller]
    pub fn trains(&self, arguments: &[&str]) -> String {
        let outcome = self.train(arguments);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        outcome.stderr
    }

    /// The error of a run with these settings, `!key` without that one; without `error: `.
    #[track_caller]
    pub fn refused(&self, settings: &[&str]) -> String {
        let mut arguments = vec!["--overwrite"];
        arguments.extend(settings.iter().flat_map(|setting| match setting.strip_prefix('!') {
            Some(key) => ["--unset", key],
            None => ["--set", setting],
        }));
        let outcome = self.train(&arguments);
        assert_ne!(outcome.code, 0, "{settings:?}: {}", outcome.stderr);
        let errors: Vec<&str> = outcome.stderr.lines().filter_map(|line| line.strip_prefix("error: ")).collect();
        assert_eq!(errors.len(), 1, "{}", outcome.stderr);
        errors[0].to_owned()
    }

    /// The result of `eval`.
    #[track_caller]
    pub fn evaluated(&self, arguments: &[&str]) -> Json {
        let outcome = self.command(&[&["eval", "runs/run", "--json"], arguments].concat());
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        serde_json::from_str(&outcome.stdout).unwrap()
    }

    pub fn run(&self) -> PathBuf {
        self.folder.path().join("runs/run")
    }

    /// Every file of a checkpoint.
    pub fn checkpoint(&self, step: u64) -> Vec<Vec<u8>> {
        let root = self.run().join(format!("checkpoints/step-{step}"));
        let files = ["model.safetensors", "config.json", "trainyard/optimizer.safetensors", "trainyard/state.json"];
        files.iter().map(|name| fs::read(root.join(name)).unwrap()).collect()
    }
}
