//! Numbers that say how good a model is.

use crate::{Graph, PluginError, Result};

/// A metric over predicted tokens, described like a loss ([`crate::Loss`]) and run along with it.
pub trait Metric: Send {
    /// Unit, direction and aggregation.
    fn info(&self) -> Result<MetricInfo>;

    /// The metric as a graph: the value comes from sum and weight of `outputs[0]` over the whole evaluation, as
    /// [`MetricInfo::aggregation`] says.
    fn describe(&self) -> Result<Graph>;
}

/// A metric over generated text.
///
/// Merging the states of several instances must equal one instance that was updated with all pairs, in any order.
pub trait TextMetric: Send {
    /// Unit, direction and aggregation.
    fn info(&self) -> Result<MetricInfo>;

    /// Counts one batch of texts.
    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()>;

    /// What was counted so far.
    fn state(&self) -> Result<Vec<u8>>;

    /// Adds what another instance counted.
    fn merge(&mut self, state: &[u8]) -> Result<()>;

    /// The metric of everything counted; NaN when nothing was.
    fn value(&self) -> Result<f64>;

    /// Counts one batch of texts with what the model was given before it wrote them. Takes the place of
    /// [`TextMetric::update`] where the host knows the prompts, if the plugin claims the ability [`crate::PROMPTS`].
    fn update_prompted(&mut self, _pairs: &[PromptedPair<'_>]) -> Result<()> {
        Err(PluginError::unsupported("this text metric reads no prompts"))
    }

    /// What the value is computed with, for a plugin that claims the ability [`crate::SIGNATURE`]: each setting that
    /// has a say in it as `key:value`, joined by `|`, in the words of the program that the metric agrees with, and the
    /// version last. A function of the settings alone: the host puts the number of references before it.
    fn signature(&self) -> Result<String> {
        Err(PluginError::unsupported("this text metric has no signature"))
    }
}

/// A generated text and the texts it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextPair<'a> {
    /// What the model wrote.
    pub hypothesis: &'a str,
    /// What it might have written.
    pub references: Vec<&'a str>,
}

/// A pair, and what the model was given before it wrote the hypothesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptedPair<'a> {
    /// What the model was given: the text that it continues, or its source.
    pub prompt: &'a str,
    /// What it wrote, and what that is compared with.
    pub pair: TextPair<'a>,
}

/// How to read a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricInfo {
    /// For example `bits/byte`; empty when the number has no unit.
    pub unit: String,
    /// Which of two values is the better one.
    pub direction: Direction,
    /// How sum and weight become the number: [`MEAN`] or [`EXP_MEAN`]. An open set of names: a host refuses those that
    /// it does not know. Not used of a text metric, whose value is the number.
    pub aggregation: String,
}

/// The number is sum / weight.
pub const MEAN: &str = "mean";
/// The number is e to the power of sum / weight: perplexity, when that is a loss in nats.
pub const EXP_MEAN: &str = "exp-mean";

impl MetricInfo {
    /// A mean in `unit`, the lower the better.
    pub fn lower_is_better(unit: &str) -> Self {
        Self { unit: unit.into(), direction: Direction::LowerIsBetter, aggregation: MEAN.into() }
    }

    /// A mean in `unit`, the higher the better.
    pub fn higher_is_better(unit: &str) -> Self {
        Self { direction: Direction::HigherIsBetter, ..Self::lower_is_better(unit) }
    }

    /// The same with another aggregation.
    pub fn aggregation(mut self, aggregation: &str) -> Self {
        self.aggregation = aggregation.into();
        self
    }
}

/// Which of two values is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// As for a loss.
    LowerIsBetter,
    /// As for an accuracy.
    HigherIsBetter,
}
