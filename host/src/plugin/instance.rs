//! What a backend makes: an instance of one kind, not yet checked.

use trainyard_plugin::{Filter, Kind, Loss, Metric, TextMetric, Tokenizer};

/// One instance of a plugin, as its backend made it.
pub enum Instance {
    Tokenizer(Box<dyn Tokenizer>),
    Filter(Box<dyn Filter>),
    Loss(Box<dyn Loss>),
    Metric(Box<dyn Metric>),
    TextMetric(Box<dyn TextMetric>),
}

impl Instance {
    /// The kind of the plugin that this is an instance of.
    pub fn kind(&self) -> Kind {
        match self {
            Instance::Tokenizer(_) => Kind::Tokenizer,
            Instance::Filter(_) => Kind::Filter,
            Instance::Loss(_) => Kind::Loss,
            Instance::Metric(_) => Kind::Metric,
            Instance::TextMetric(_) => Kind::TextMetric,
        }
    }
}
