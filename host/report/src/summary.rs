//! What a run came to, for `--json` and for people.

use super::compare::{Comparable, TextReport};
use super::documents::SplitDocuments;
use super::record::{BestReport, Metric, number, numbers};
use super::test_set::TestSetReport;
use super::text::{NAME_CHARS, count, duration, short, wrap};
use super::usage::PluginReport;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use trainyard_base::clean;

/// The name of the number that is the same for every loss: nats per token.
pub const CROSS_ENTROPY: &str = "cross-entropy";

/// The name of the number that is minimised.
pub const LOSS: &str = "loss";

/// Columns of the sampled text.
const TEXT_COLUMNS: usize = 80;

/// One measured number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricValue {
    /// `cross-entropy`, `loss`, or the metric's name: each of its own.
    pub name: String,
    /// The plugin that computes it; empty for what the host computes itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub plugin: String,
    /// The number, in `unit`.
    #[serde(deserialize_with = "number")]
    #[schemars(with = "Option<f64>")]
    pub value: f64,
    /// For example `bits/byte`; empty when it has none.
    pub unit: String,
    /// True when more is better.
    pub higher_is_better: bool,
    /// Which other runs' numbers it may be compared with.
    pub comparable: Comparable,
    /// Further outputs of the plugin, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "numbers")]
    #[schemars(with = "BTreeMap<String, Option<f64>>")]
    pub outputs: BTreeMap<String, f64>,
}

impl MetricValue {
    /// Says whether this is the plugin's own loss and that is plain cross-entropy, which has a number of its own.
    pub fn is_repeated(&self) -> bool {
        is_repeated(&self.name, self.comparable)
    }

    /// Name for people: `loss (focal)`, or the plain name.
    pub fn label(&self) -> String {
        label(&self.name, &self.plugin)
    }
}

impl Metric {
    /// As [`MetricValue::is_repeated`].
    pub fn is_repeated(&self) -> bool {
        is_repeated(&self.name, self.comparable)
    }

    /// As [`MetricValue::label`].
    pub fn label(&self) -> String {
        label(&self.name, &self.plugin)
    }
}

fn is_repeated(name: &str, comparable: Comparable) -> bool {
    name == LOSS && comparable != Comparable::Loss
}

fn label(name: &str, plugin: &str) -> String {
    match name {
        LOSS if !plugin.is_empty() => format!("loss ({plugin})"),
        _ => name.to_owned(),
    }
}

/// The size of the test text, plain and compressed: what its bits per byte are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Baseline {
    /// Length in bytes of UTF-8.
    pub bytes: u64,
    /// Length in bytes after `gzip -9`.
    pub gzip_bytes: u64,
    /// Length in bytes after `xz -9`.
    pub xz_bytes: u64,
}

/// A model on held-out text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FinalReport {
    /// Plain cross-entropy, loss and metrics on the validation text; empty when there is none.
    pub validation: Vec<MetricValue>,
    /// Plain cross-entropy, loss and metrics on the test text; empty when there is none.
    pub test: Vec<MetricValue>,
    /// What was measured, by split.
    pub texts: BTreeMap<String, TextReport>,
    /// How right predictions of labels, numbers or tags are, by split.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub predictions: BTreeMap<String, TaskReport>,
    /// What the model wrote for the prompts of each set of `[[eval.text]]`, by its name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sets: BTreeMap<String, TestSetReport>,
    /// What compressors make of the test text; none when there is none.
    pub baseline: Option<Baseline>,
    /// The prompt and how the model continues it; empty when no text was asked for.
    pub sample: String,
    /// What plugins failed at, so that it is missing here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// What each document of a split costs: in a file of its own, not in records.
    #[serde(skip)]
    pub documents: Vec<SplitDocuments>,
}

/// How right a model's predictions are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskReport {
    /// For programs.
    #[serde(flatten)]
    pub values: serde_json::Value,
    /// For people.
    #[serde(skip)]
    pub text: String,
}

/// What training has read of one source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceReport {
    /// Its name; empty when all documents are taken alike.
    pub name: String,
    /// Sequences read, since the beginning of the run.
    pub sequences: u64,
    /// How often the whole source was read.
    pub epochs: f64,
}

/// The part of the validation text that a validation reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Extent {
    /// Batches that it reads, from the beginning.
    pub batches: u64,
    /// Batches of the whole text.
    pub of: u64,
}

impl Display for Extent {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.batches < self.of {
            true => write!(f, "first {} of {} batches", self.batches, self.of),
            false => write!(f, "whole text"),
        }
    }
}

/// The size of the vocabulary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct VocabularyReport {
    /// Tokens that there are.
    pub tokens: u64,
    /// Tokens that the tokenizer was asked to learn, where it learned fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<u64>,
}

impl VocabularyReport {
    /// Line for people when the text did not give what was asked for.
    pub fn line(&self) -> Option<String> {
        let (tokens, asked) = (self.tokens, self.asked?);
        Some(format!(
            "tokenizer: asked for {asked} tokens, learned {tokens}: the training text has no more; the model has {tokens}"
        ))
    }
}

/// What `train` came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainSummary {
    /// The run's folder.
    pub run: PathBuf,
    /// The folder of the run's model, the checkpoint that `report` is of: the best one of a run with patience, the last
    /// one of any other.
    pub checkpoint: PathBuf,
    /// `best` or `last`.
    pub model: &'static str,
    /// Steps that this checkpoint has seen.
    pub model_step: u64,
    /// What validations read while training.
    pub validation_while_training: Option<Extent>,
    /// Optimizer steps since the beginning of the run.
    pub steps: u64,
    /// True when validation stopped improving before the last step.
    pub stopped_early: bool,
    /// The best validation, whichever model that is; none before a validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<BestReport>,
    /// Loss of the last step; NaN when there was no step to do.
    pub train_loss: f64,
    /// Seconds that this process trained for.
    pub seconds: f64,
    /// Mean over these seconds, validations and checkpoints included.
    pub tokens_per_second: f64,
    /// Seconds of `seconds` in which the trainer waited for batches.
    pub data_wait: f64,
    /// How often training has gone through the sources that are mixed by weight, or through all together.
    pub sources: Vec<SourceReport>,
    /// Numbers that were trained.
    pub parameters: usize,
    /// Tokens that the model knows.
    pub vocabulary: VocabularyReport,
    /// Numbers on held-out text.
    #[serde(flatten)]
    pub report: FinalReport,
    /// What the plugins did and cost.
    pub plugins: Vec<PluginReport>,
    /// What is wrong with the loss or a metric, though the run went to its end.
    pub warnings: Vec<String>,
}

/// A file that was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Place as it was named or found.
    pub path: PathBuf,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

/// What `eval` came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvalSummary {
    /// The run's folder.
    pub run: PathBuf,
    /// The checkpoint's folder.
    pub checkpoint: PathBuf,
    /// Steps that the checkpoint has seen.
    pub step: u64,
    /// `best`, `last` or `step`: which checkpoint of the run it is.
    pub model: &'static str,
    /// Plugins that are not those of the run, by place: what it was trained with, and what is used here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub changed: BTreeMap<String, [String; 2]>,
    /// The files that were measured in place of the run's own text; empty when there were none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<FileReport>,
    /// Numbers on held-out text.
    #[serde(flatten)]
    pub report: FinalReport,
    /// What is wrong with the loss or a metric.
    pub warnings: Vec<String>,
}

impl Display for TrainSummary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.report)?;
        if let Some(extent) = self.validation_while_training.filter(|extent| extent.batches < extent.of) {
            writeln!(f, "held-out text is measured as a whole; validations while training read the {extent}\n")?;
        }
        let early = if self.stopped_early { ", stopped early: validation no longer improves" } else { "" };
        let (speed, parameters) = (count(self.tokens_per_second), count(self.parameters as f64));
        let time = duration(self.seconds);
        writeln!(f, "{} steps in {time}, {speed} tokens/s, {parameters} parameters{early}", self.steps)?;
        self.data(f)?;
        self.vocabulary.line().iter().try_for_each(|line| writeln!(f, "{line}"))?;
        if self.train_loss.is_finite() {
            writeln!(f, "loss of the last training step: {:.4}", self.train_loss)?;
        }
        writeln!(f)?;
        self.plugins.iter().try_for_each(|plugin| writeln!(f, "{plugin}"))?;
        self.warnings.iter().try_for_each(|warning| writeln!(f, "warning: {warning}"))?;
        writeln!(f, "\nrun         {}", short(&self.run))?;
        for (what, file) in [("config", "config.toml"), ("plugins", "plugins.lock"), ("metrics", "metrics.jsonl")] {
            writeln!(f, "{what:<11} {}", short(&self.run.join(file)))?;
        }
        let which = match self.model {
            "best" if self.model_step < self.steps => {
                format!("  (step {}, the best on validation: the model that is measured above)", self.model_step)
            }
            _ => String::new(),
        };
        writeln!(f, "checkpoint  {}{which}", short(&self.checkpoint))?;
        self.best_line().map_or(Ok(()), |line| writeln!(f, "{line}"))
    }
}

impl TrainSummary {
    /// Where the best validation was, when the run's model is another one.
    fn best_line(&self) -> Option<String> {
        let BestReport { step, loss, kept } = self.best.filter(|best| best.step != self.model_step)?;
        let folder = self.checkpoint.with_file_name(format!("step-{step}"));
        Some(match kept {
            true => format!(
                "best        {}  (validation loss {loss:.4} after step {step}: --checkpoint best)",
                short(&folder)
            ),
            false => {
                format!("best        not kept: validation loss {loss:.4} after step {step}, which train.patience keeps")
            }
        })
    }

    /// What was read, and how long that took.
    fn data(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let epochs = |source: &SourceReport| {
            let of = if source.name.is_empty() { String::new() } else { format!(" of {}", source.name) };
            format!("{:.2} epochs{of}", source.epochs)
        };
        let epochs: Vec<_> = self.sources.iter().map(epochs).collect();
        let share = 100.0 * self.data_wait / self.seconds.max(1e-9);
        writeln!(f, "data: {}, waited for {share:.2}% of the time", epochs.join(", "))
    }
}

impl Display for EvalSummary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.report)?;
        for (place, [then, now]) in &self.changed {
            writeln!(f, "not the run's {place}: trained with {then}, measured with {now}")?;
        }
        self.warnings.iter().try_for_each(|warning| writeln!(f, "warning: {warning}"))?;
        for file in &self.data {
            writeln!(f, "data        {} (sha256 {})", short(&file.path), file.sha256)?;
        }
        writeln!(f, "run         {}", short(&self.run))?;
        let which = if self.model == "best" { "  (the best on validation)" } else { "" };
        writeln!(f, "checkpoint  {}{which}", short(&self.checkpoint))
    }
}

impl Display for FinalReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.validation.is_empty() || !self.test.is_empty() {
            self.table(f)?;
        }
        // as a rule there is a test text, and it is what counts
        if let Some((split, report)) = self.predictions.iter().next() {
            writeln!(f, "\npredictions for the {split} documents\n{}", report.text.trim_end())?;
        }
        self.sets.iter().try_for_each(|(name, set)| writeln!(f, "\n{name}: {set}"))?;
        if !self.sample.is_empty() {
            write!(f, "\n{}", wrap(&self.sample, TEXT_COLUMNS))?;
        }
        Ok(())
    }
}

impl FinalReport {
    /// A line per metric, a column per text, and the compressors below.
    fn table(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let metrics = if self.test.is_empty() { &self.validation } else { &self.test };
        let metrics = || metrics.iter().filter(|metric| !metric.is_repeated());
        let shown = |metric: &MetricValue| clean::clip(&metric.label(), NAME_CHARS).into_owned();
        let width = metrics().map(|metric| shown(metric).chars().count()).max().unwrap_or(0).max(14);
        let by_name = |values: &[MetricValue]| -> BTreeMap<String, f64> {
            values.iter().map(|value| (value.name.clone(), value.value)).collect()
        };
        let (validation, test) = (by_name(&self.validation), by_name(&self.test));
        writeln!(f, "{:width$}  {:>10}  {:>10}", "held-out text", "validation", "test")?;
        for metric in metrics() {
            let MetricValue { name, unit, higher_is_better, comparable, .. } = metric;
            let direction = if *higher_is_better { "higher is better" } else { "lower is better" };
            let unit = if unit.is_empty() { String::new() } else { format!("{unit}, ") };
            let (validation, test) = (cell(validation.get(name)), cell(test.get(name)));
            let (label, mark) = (shown(metric), comparable.mark());
            writeln!(f, "{label:width$}  {validation:>10}  {test:>10}  {unit}{direction}{mark}")?;
        }
        self.compressors(f, width)?;
        self.texts.iter().rev().try_for_each(|(split, text)| writeln!(f, "{split:width$}  {text}"))
    }

    /// What the model's bits per byte are compared with.
    fn compressors(&self, f: &mut Formatter<'_>, width: usize) -> fmt::Result {
        let Some(baseline) = self.baseline.filter(|_| self.predictions.is_empty()) else { return Ok(()) };
        for (name, bytes) in [("gzip -9", baseline.gzip_bytes), ("xz -9", baseline.xz_bytes)] {
            let bits_per_byte = 8.0 * bytes as f64 / baseline.bytes.max(1) as f64;
            writeln!(f, "{name:width$}  {:>10}  {bits_per_byte:>10.4}  bits/byte", "")?;
        }
        Ok(())
    }
}

fn cell(value: Option<&f64>) -> String {
    value.map(|value| format!("{value:.4}")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
