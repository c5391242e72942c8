//! Records of a run: typed, written once, and taken by every [`Sink`](super::Sink).
//!
//! In `metrics.jsonl` each is a line, an object with its `kind` and the `step` that it belongs to. Names that a plugin
//! chooses are keys of objects of their own, so that none of them can take the place of a number of the host's.

use super::{Comparable, Extent, FinalReport, MetricValue, PluginReport, Update, distinct};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Record {
    /// A process begins the run: the header, first of all records.
    Run(Box<Header>),
    /// A process resumes the run.
    Resume(Box<Header>),
    /// The run goes back to an earlier checkpoint.
    Rewind(Rewind),
    /// What is wrong and does not stop the run.
    Warning(Warning),
    /// A step was done.
    Step(Step),
    /// A rank that waits for none came with what it has changed.
    Update(Update),
    /// The validation text was measured.
    Validation(Validation),
    /// Another text was measured.
    Watch(Watch),
    /// The model wrote a text.
    Sample(Sample),
    /// The run's model was measured on held-out text.
    Final(Box<Final>),
    /// What the plugins of this process did.
    Plugins(Plugins),
    /// The process ends, unless it is killed.
    End(End),
}

/// What a process trains, with what, where and since when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Header {
    /// Steps done before.
    pub step: u64,
    /// Name of the run.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Commit that the program was built from, with a `+` if the sources had other changes; `unknown` without one.
    pub commit: String,
    /// Name of the machine.
    pub host: String,
    /// `cpu`, or the GPU's place and name.
    pub device: String,
    /// Threads that compute.
    pub threads: usize,
    /// Processes that train together; 0 and left out where it is one.
    #[serde(skip_serializing_if = "is_zero")]
    pub ranks: usize,
    /// Start of the process, as RFC 3339 in UTC.
    pub started: String,
    /// What `--set` changed of the config, in the order of the command line.
    pub set: Vec<String>,
    /// What the run is a function of.
    pub digests: Digests,
    /// Numbers that are trained.
    pub parameters: usize,
    /// Tokens that the model knows.
    pub vocabulary: usize,
    /// Steps of the whole run.
    pub steps: u64,
    /// Tokens of each step.
    pub tokens_per_step: u64,
    /// What validations measure, in order.
    pub metrics: Vec<Metric>,
}

fn is_zero(ranks: &usize) -> bool {
    *ranks == 0
}

/// Digests of what a run is a function of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Digests {
    /// SHA-256 of the run's `config.toml`.
    pub config: String,
    /// XXH3-128 over the checksums of the prepared data, as checkpoints have it.
    pub data: String,
    /// SHA-256 of the run's `plugins.lock`.
    pub plugins: String,
}

/// A number that validations measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metric {
    /// Its name, unlike all others.
    pub name: String,
    /// The plugin that computes it; empty for what the host computes itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub plugin: String,
    /// For example `bits/byte`; empty when it has none.
    pub unit: String,
    /// Says whether more is better.
    pub higher_is_better: bool,
    /// Which other runs' numbers it may be compared with, on a text that the tokenizer keeps.
    pub comparable: Comparable,
}

/// The run goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rewind {
    /// Steps done at that checkpoint.
    pub step: u64,
    /// Its name.
    pub from: String,
    /// Steps of the checkpoints after it, which the run will replace.
    pub later: Vec<u64>,
}

/// What is wrong and does not stop the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// Steps done.
    pub step: u64,
    /// A line for people.
    pub warning: String,
}

/// One optimizer step. What is missing was not recorded by earlier versions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Step {
    /// Steps done, with this one.
    pub step: u64,
    /// Loss of the step, in the loss's own unit: nats per token for cross-entropy.
    #[serde(deserialize_with = "number")]
    #[schemars(with = "Option<f64>")]
    pub loss: f64,
    /// Learning rate of the step, after the schedule.
    #[serde(deserialize_with = "number")]
    #[schemars(with = "Option<f64>")]
    pub lr: f64,
    /// Euclidean norm of the gradient before clipping.
    #[serde(deserialize_with = "number")]
    #[schemars(with = "Option<f64>")]
    pub grad_norm: f64,
    /// Seconds of training since the run began, without what was lost in a kill and without pauses.
    pub seconds: Option<f64>,
    /// Tokens since the run began.
    pub tokens: Option<u64>,
    /// Sequences since the run began, by those of an epoch of all sources.
    pub epochs: Option<f64>,
    /// Speed of the step, in tokens per second.
    #[serde(deserialize_with = "number")]
    #[schemars(with = "Option<f64>")]
    pub tokens_per_second: f64,
    /// Speed by the fastest that the machine can multiply, 0 to 1; none while that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_of_peak: Option<f64>,
    /// Milliseconds that the step waited for its batches.
    #[serde(deserialize_with = "number")]
    #[schemars(with = "Option<f64>")]
    pub data_wait_ms: f64,
    /// Weight of the step, the sum over its tokens, where it is below 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negative_weight: Option<f64>,
    /// Further outputs of the loss, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "numbers")]
    #[schemars(with = "BTreeMap<String, Option<f64>>")]
    pub outputs: BTreeMap<String, f64>,
}

impl Step {
    /// Further outputs by their names, each made unlike those before it.
    pub fn outputs(names: &[String], values: &[f64]) -> BTreeMap<String, f64> {
        let names = distinct(names.iter().skip(1).map(String::as_str), &[]);
        names.into_iter().zip(values.iter().skip(1).copied()).collect()
    }
}

/// A text that the model wrote while training.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Sample {
    /// Steps done.
    pub step: u64,
    /// Seconds of training since the run began.
    pub seconds: Option<f64>,
    /// The prompt and how the model continues it.
    pub text: String,
}

/// A validation while training.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Validation {
    /// Steps done.
    pub step: u64,
    /// Seconds of training since the run began, as in a step's record.
    pub seconds: Option<f64>,
    /// Tokens since the run began.
    pub tokens: Option<u64>,
    /// The values by name, each in the unit that the header gives.
    #[serde(rename = "validation", deserialize_with = "numbers")]
    #[schemars(with = "BTreeMap<String, Option<f64>>")]
    pub values: BTreeMap<String, f64>,
    /// Batches that were read, and batches of the whole text.
    #[serde(rename = "validation_batches")]
    pub batches: Option<[u64; 2]>,
    /// Which other runs' numbers each may be compared with.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub comparable: BTreeMap<String, Comparable>,
    /// True when the tokenizer loses part of the text, so that numbers per byte are comparable with none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lossy: bool,
    /// Further outputs of each plugin, by the name of its number.
    #[serde(rename = "validation_outputs", skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "by_name")]
    #[schemars(with = "BTreeMap<String, BTreeMap<String, Option<f64>>>")]
    pub outputs: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Validation {
    /// A validation after step `step` that read the part `extent` of the text; `lossy` says that the tokenizer loses
    /// part of it.
    pub fn new(step: u64, extent: Extent, values: &[MetricValue], lossy: bool) -> Self {
        let with_outputs = values.iter().filter(|value| !value.outputs.is_empty());
        Self {
            step,
            values: values.iter().map(|value| (value.name.clone(), value.value)).collect(),
            batches: Some([extent.batches, extent.of]),
            comparable: values.iter().map(|value| (value.name.clone(), value.comparable)).collect(),
            lossy,
            outputs: with_outputs.map(|value| (value.name.clone(), value.outputs.clone())).collect(),
            ..Self::default()
        }
    }
}

/// Another text that is measured with each validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Watch {
    /// Its name.
    pub text: String,
    /// What was measured.
    #[serde(flatten)]
    pub measured: Validation,
}

/// The run's model on held-out text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Final {
    /// Steps done.
    pub step: u64,
    /// Steps that the model has seen.
    #[serde(default)]
    pub model_step: u64,
    /// What was measured.
    #[serde(rename = "final")]
    pub report: FinalReport,
}

/// What the plugins of this process did and cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plugins {
    /// Steps done.
    pub step: u64,
    /// Each plugin.
    pub plugins: Vec<PluginReport>,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// Steps done.
    pub step: u64,
    /// Which end it is.
    pub state: EndState,
    /// Seconds of training since the run began, as in a step's record.
    pub seconds: f64,
    /// Time of day, as RFC 3339 in UTC.
    pub ended: String,
    /// The best validation so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<BestReport>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The signal that asked it to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
}

/// Ends of a process. One that was killed has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndState {
    /// All steps were done.
    Done,
    /// Validation stopped improving.
    StoppedEarly,
    /// A signal asked for it; the run can be resumed.
    Interrupted,
    /// An error.
    Failed,
}

impl EndState {
    /// Says whether the run has all its results.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Done | Self::StoppedEarly)
    }
}

/// The best validation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BestReport {
    /// Steps done at that time.
    pub step: u64,
    /// Its loss, in the loss's own unit.
    #[serde(deserialize_with = "number")]
    #[schemars(with = "Option<f64>")]
    pub loss: f64,
    /// Says whether its checkpoint is there.
    pub kept: bool,
}

impl Record {
    /// Steps done when it was written.
    pub fn step(&self) -> u64 {
        match self {
            Self::Run(header) | Self::Resume(header) => header.step,
            Self::Rewind(rewind) => rewind.step,
            Self::Warning(warning) => warning.step,
            Self::Step(step) => step.step,
            Self::Update(update) => update.step,
            Self::Validation(validation) => validation.step,
            Self::Watch(watch) => watch.measured.step,
            Self::Sample(sample) => sample.step,
            Self::Final(report) => report.step,
            Self::Plugins(plugins) => plugins.step,
            Self::End(end) => end.step,
        }
    }

    /// The record of an object; none where it is of a kind that this version does not know, or damaged. Objects of
    /// versions that wrote no `kind` are known by their keys.
    pub fn from_json(mut object: Value) -> Option<Self> {
        if object.get("kind").is_none() {
            let kinds = ["lr", "validation", "final", "plugins", "warning", "from"];
            let names = ["step", "validation", "final", "plugins", "warning", "rewind"];
            let (_, name) = kinds.iter().zip(names).find(|(key, _)| object.get(key).is_some())?;
            object.as_object_mut()?.insert("kind".to_owned(), name.into());
        }
        serde_json::from_value(object).ok()
    }
}

/// A number, where JSON has `null` for one that is not finite.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// As [`number`], by name.
pub(super) fn numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let numbers = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
    Ok(numbers.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
}

/// As [`numbers`], by name again.
fn by_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, BTreeMap<String, f64>>, D::Error> {
    #[derive(Deserialize)]
    struct Numbers(#[serde(deserialize_with = "numbers")] BTreeMap<String, f64>);
    let named = BTreeMap::<String, Numbers>::deserialize(deserializer)?;
    Ok(named.into_iter().map(|(name, Numbers(numbers))| (name, numbers)).collect())
}

#[cfg(test)]
mod tests;
