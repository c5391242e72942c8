//! Runs that the tests write, by the types of the record, so that its form cannot differ from the program's.

mod clean;
mod compare;
mod feed;
mod report;
mod runs;
mod scaling;

use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use trainyard_report::{
    Comparable, Digests, End, EndState, Final, FinalReport, Header, Metric, MetricValue, PluginReport, Plugins, Record,
    Step, TextReport, Validation,
};

/// A run to be written.
#[derive(Debug, Clone)]
struct Sample {
    seed: i64,
    loss: &'static str,
    tokenizer: &'static str,
    /// The digest of the loss's file; empty for a built-in.
    sha256: &'static str,
    lr: &'static str,
    bits_per_byte: f64,
    /// The digest of the test text.
    text: &'static str,
    /// How the process ended; none if it was killed.
    end: Option<EndState>,
    step: u64,
    parameters: usize,
    step_tokens: u64,
    /// Further lines of `[run]`.
    more: &'static str,
}

const STEPS: u64 = 20;

impl Default for Sample {
    fn default() -> Self {
        Self {
            seed: 1,
            loss: "cross-entropy",
            tokenizer: "bpe",
            sha256: "",
            lr: "0.002",
            bits_per_byte: 2.6,
            text: "bd6b8655480eddb5",
            end: Some(EndState::Done),
            step: STEPS,
            parameters: 3_749_376,
            step_tokens: 2048,
            more: "",
        }
    }
}

impl Sample {
    /// Writes the run's folder.
    fn write(&self, path: &Path) {
        fs::create_dir_all(path.join("data")).unwrap();
        fs::write(path.join(".trainyard-run.json"), "{\"format\":1}\n").unwrap();
        fs::write(path.join("config.toml"), self.config(path)).unwrap();
        fs::write(path.join("plugins.lock"), self.plugins()).unwrap();
        fs::write(path.join("data/tokenizer.model"), format!("tokens of {}", self.tokenizer)).unwrap();
        let lines = self.records().into_iter().map(|record| serde_json::to_string(&record).unwrap() + "\n");
        fs::write(path.join("metrics.jsonl"), lines.collect::<String>()).unwrap();
    }

    fn config(&self, path: &Path) -> String {
        let Self { seed, loss, tokenizer, lr, more, .. } = self;
        let name = path.file_name().unwrap().to_str().unwrap();
        format!(
            "[run]\nname = \"{name}\"\ndir = \"/runs\"\nseed = {seed}\n{more}\n[data]\nthreads = {seed}\n[[data.source]]\n\
             path = \"../a.txt\"\n[tokenizer]\nplugin = \"{tokenizer}\"\n[loss]\nplugin = \"{loss}\"\n[loss.limits]\n\
             call_ms = 10000\n[[metric]]\nplugin = \"bits-per-byte\"\n[[metric]]\nplugin = \"token-accuracy\"\n\
             [optimizer]\nlr = {lr}\n[train]\nsteps = {STEPS}\nbatch = 8\n"
        )
    }

    fn plugins(&self) -> String {
        let plugin = |place: &str, name: &str, sha256: &str| {
            let (version, settings) = ("0.1.0", "");
            json!({ "place": place, "name": name, "version": version, "sha256": sha256, "settings": settings })
        };
        let all = [
            plugin("tokenizer", self.tokenizer, ""),
            plugin("loss", self.loss, self.sha256),
            plugin("metric", "bits-per-byte", ""),
            plugin("metric", "token-accuracy", ""),
        ];
        serde_json::to_string(&all).unwrap()
    }

    /// The values of every metric; the loss is one hundredth above the cross-entropy if it is another function.
    fn values(&self, worse: f64) -> Vec<MetricValue> {
        let is_plain = self.loss == "cross-entropy";
        let bits_per_byte = self.bits_per_byte + worse;
        let of_loss = if is_plain { Comparable::Tokenizer } else { Comparable::Loss };
        let value = |name: &str, plugin: &str, value: f64, unit: &str, comparable| MetricValue {
            name: name.to_owned(),
            plugin: plugin.to_owned(),
            value,
            unit: unit.to_owned(),
            higher_is_better: name == "token-accuracy",
            comparable,
            outputs: Default::default(),
        };
        let loss = 2.0 * bits_per_byte + if is_plain { 0.0 } else { 0.01 };
        vec![
            value("cross-entropy", "", 2.0 * bits_per_byte, "nats/token", Comparable::Tokenizer),
            value("loss", self.loss, loss, "", of_loss),
            value("bits-per-byte", "bits-per-byte", bits_per_byte, "bits/byte", Comparable::Text),
            value("token-accuracy", "token-accuracy", 0.75 - bits_per_byte / 5.0, "", Comparable::Tokenizer),
        ]
    }

    fn records(&self) -> Vec<Record> {
        let metric = |value: MetricValue| {
            let MetricValue { name, plugin, unit, higher_is_better, comparable, .. } = value;
            Metric { name, plugin, unit, higher_is_better, comparable }
        };
        let mut records = vec![Record::Run(Box::new(Header {
            version: "0.1.0".into(),
            commit: "c35807a9a2d8".into(),
            host: "elsewhere".into(),
            device: "cpu".into(),
            digests: Digests { data: format!("{:0>8}", self.tokenizer), ..Digests::default() },
            parameters: self.parameters,
            steps: STEPS,
            metrics: self.values(0.0).into_iter().map(metric).collect(),
            ..Header::default()
        }))];
        for step in 1..=self.step {
            let (seconds, tokens) = (Some(0.5 * step as f64), Some(self.step_tokens * step));
            records.push(Record::Step(Step { step, loss: 4.0, lr: 0.002, seconds, tokens, ..Step::default() }));
            if step % 5 == 0 {
                // the best is the one before the last
                let worse = if step == STEPS { 0.1 } else { 0.75 - 0.05 * step as f64 };
                let extent = trainyard_report::Extent { batches: 2, of: 9 };
                records.push(Record::Validation(Validation::new(step, extent, &self.values(worse), false)));
            }
        }
        if self.end.is_some_and(EndState::is_finished) {
            let text = |digest: &str| TextReport {
                documents: 3,
                bytes: 300,
                digest: Some(digest.into()),
                ..TextReport::default()
            };
            let texts = [("test".to_owned(), text(self.text)), ("validation".to_owned(), text("25a3e06e7c65941f"))];
            let report = FinalReport {
                validation: self.values(0.05),
                test: self.values(0.0),
                texts: texts.into(),
                ..FinalReport::default()
            };
            records.push(Record::Final(Box::new(Final { step: self.step, model_step: self.step, report })));
            let plugin = PluginReport { seconds: 0.25, ..PluginReport::default() };
            records.push(Record::Plugins(Plugins { step: self.step, plugins: vec![plugin.clone(), plugin] }));
        }
        records.extend(self.end.map(|state| {
            Record::End(End {
                step: self.step,
                state,
                seconds: 0.5 * self.step as f64,
                ended: "2026-11-30T03:14:20Z".into(),
                best: None,
                error: (state == EndState::Failed).then(|| "the loss is not finite".to_owned()),
                signal: None,
            })
        }));
        records
    }
}

/// A folder of runs.
fn folder(runs: &[(&str, Sample)]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("runs");
    fs::create_dir(&root).unwrap();
    runs.iter().for_each(|(name, sample)| sample.write(&root.join(name)));
    (dir, root)
}

/// Compares a message with what is expected, in which `DIR` stands for a folder.
#[track_caller]
fn assert_says<T: std::fmt::Debug>(result: crate::Result<T>, dir: &Path, expected: &str) {
    assert_eq!(result.unwrap_err().to_string().replace(dir.to_str().unwrap(), "DIR"), expected);
}
