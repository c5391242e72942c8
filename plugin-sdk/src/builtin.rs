//! A plugin that is linked into the host. `export!` makes one with the WASM and native forms, from the same source.

use crate::{Filter, Loss, Metric, Model, Result, Setting, TextMetric, Tokenizer};

/// A constructor of each kind.
#[derive(Debug, Clone, Copy)]
pub enum Constructor {
    /// Makes a tokenizer.
    Tokenizer(fn(&[Setting]) -> Result<Box<dyn Tokenizer>>),
    /// Makes a filter.
    Filter(fn(&[Setting]) -> Result<Box<dyn Filter>>),
    /// Makes a loss.
    Loss(fn(&[Setting]) -> Result<Box<dyn Loss>>),
    /// Makes a metric.
    Metric(fn(&[Setting]) -> Result<Box<dyn Metric>>),
    /// Makes a text metric.
    TextMetric(fn(&[Setting]) -> Result<Box<dyn TextMetric>>),
    /// Makes a model.
    Model(fn(&[Setting]) -> Result<Box<dyn Model>>),
}

/// A plugin that is linked in: `PLUGIN` of a plugin crate.
#[derive(Debug, Clone, Copy)]
pub struct Builtin {
    /// The text that [`crate::Identity::parse`] reads.
    pub identity: &'static str,
    /// How one is made.
    pub create: Constructor,
}
