//! One instance of any kind of plugin, to be timed.

use crate::plugin::Plugin;
use crate::{Error, Result};
use trainyard_plugin::{Filter, Kind, Loss, Metric, TextMetric, TextPair, Tokenizer};

/// An instance as everything in this program sees it, checks of its answers included.
pub enum Worker {
    Tokenizer(Box<dyn Tokenizer>),
    Filter(Box<dyn Filter>),
    Loss(Box<dyn Loss>),
    Metric(Box<dyn Metric>),
    TextMetric(Box<dyn TextMetric>),
}

/// The shortest call of a kind, which [`Worker::empty_call`] makes.
pub fn call_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Tokenizer => "encode of 0 texts",
        Kind::Filter => "judge of 0 documents",
        Kind::Loss | Kind::Metric => "describe",
        Kind::TextMetric => "update with 0 pairs",
    }
}

impl Worker {
    /// A new instance with the config's settings.
    pub fn create(plugin: &Plugin) -> Result<Self> {
        Ok(match plugin.identity().kind {
            Kind::Tokenizer => Self::Tokenizer(plugin.tokenizer()?),
            Kind::Filter => Self::Filter(plugin.filter()?),
            Kind::Loss => Self::Loss(plugin.loss()?),
            Kind::Metric => Self::Metric(plugin.metric()?),
            Kind::TextMetric => Self::TextMetric(plugin.text_metric()?),
        })
    }

    /// The model of a tokenizer, trained on the text; empty for other kinds.
    pub fn train(plugin: &Plugin, batches: &[&[&str]]) -> Result<Vec<u8>> {
        let Self::Tokenizer(mut tokenizer) = Self::create(plugin)? else { return Ok(Vec::new()) };
        batches.iter().try_for_each(|batch| tokenizer.observe(batch)).map_err(Error::from)?;
        Ok(tokenizer.train()?)
    }

    /// An instance that can handle text: the model is loaded, the first pass was made.
    pub fn ready(plugin: &Plugin, model: &[u8], batches: &[&[&str]]) -> Result<Self> {
        let mut worker = Self::create(plugin)?;
        match &mut worker {
            Self::Tokenizer(tokenizer) => tokenizer.load(model)?,
            Self::Filter(filter) if filter.two_pass() => {
                batches.iter().try_for_each(|batch| filter.observe(batch))?;
            }
            _ => {}
        }
        Ok(worker)
    }

    /// Whether text can pass through it.
    pub fn takes_text(&self) -> bool {
        !matches!(self, Self::Loss(_) | Self::Metric(_))
    }

    /// The shortest call.
    pub fn empty_call(&mut self) -> Result<()> {
        match self {
            Self::Loss(loss) => drop(loss.describe()?),
            Self::Metric(metric) => drop(metric.describe()?),
            _ => self.handle(&[])?,
        }
        Ok(())
    }

    /// One call with these documents.
    pub fn handle(&mut self, documents: &[&str]) -> Result<()> {
        match self {
            Self::Tokenizer(tokenizer) => drop(tokenizer.encode(documents)?),
            Self::Filter(filter) => drop(filter.judge(documents)?),
            Self::TextMetric(metric) => {
                let pair = |hypothesis| TextPair { hypothesis, references: Vec::new() };
                metric.update(&documents.iter().copied().map(pair).collect::<Vec<_>>())?;
            }
            Self::Loss(_) | Self::Metric(_) => {}
        }
        Ok(())
    }
}
