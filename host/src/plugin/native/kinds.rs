//! The traits of the five kinds over a library's table.

use super::super::instance::Instance;
use super::{Table, instance::Live};
use trainyard_plugin::abi::{self, BytesCall, Call, List, Str, TextsCall};
use trainyard_plugin::{
    Filter, Graph, Loss, Metric, MetricInfo, PluginError, Result, TextMetric, TextPair, TokenBatch, Tokenizer, Verdict,
    Vocabulary,
};

/// An instance with the functions of its kind.
struct Native<T: 'static> {
    table: &'static T,
    live: Live,
}

/// The instance as what it is.
pub fn instance(table: Table, live: Live) -> Instance {
    match table {
        Table::Tokenizer(table) => Instance::Tokenizer(Box::new(Native { table, live })),
        Table::Filter(table) => Instance::Filter(Box::new(Native { table, live })),
        Table::Loss(table) => Instance::Loss(Box::new(Native { table, live })),
        Table::Metric(table) => Instance::Metric(Box::new(Native { table, live })),
        Table::TextMetric(table) => Instance::TextMetric(Box::new(Native { table, live })),
    }
}

impl<T> Native<T> {
    fn plain(&self, function: Call) -> Result<super::answer::Answer> {
        // SAFETY: the library follows the contract of its table, to which the user trusted it; the instance is its own,
        // the host lives until the call returns
        self.live.call(function, |function, instance, host| unsafe { function(instance, host) })
    }

    fn texts(&self, function: TextsCall, texts: &[&str]) -> Result<super::answer::Answer> {
        let texts = strs(texts);
        // SAFETY: as in `plain`, and the texts live until the call returns
        self.live.call(function, |function, instance, host| unsafe { function(instance, host, List::new(&texts)) })
    }

    fn bytes(&self, function: BytesCall, bytes: &[u8]) -> Result<super::answer::Answer> {
        // SAFETY: as in `plain`, and the bytes live until the call returns
        self.live.call(function, |function, instance, host| unsafe { function(instance, host, List::new(bytes)) })
    }
}

fn strs(texts: &[&str]) -> Vec<Str> {
    texts.iter().map(|text| List::new(text.as_bytes())).collect()
}

fn delivered<T>(what: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| PluginError::internal(format!("returned without delivering {what}")))
}

impl Tokenizer for Native<abi::TokenizerTable> {
    fn observe(&mut self, texts: &[&str]) -> Result<()> {
        self.texts(self.table.observe, texts).map(drop)
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        self.plain(self.table.train)?.one_bytes()
    }

    fn load(&mut self, model: &[u8]) -> Result<()> {
        self.bytes(self.table.load, model).map(drop)
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        let answer = self.plain(self.table.vocabulary)?;
        Ok(Vocabulary { tokens: answer.bytes, specials: answer.specials })
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        delivered("tokens", self.texts(self.table.encode, texts)?.tokens)
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        let batch = abi::TokenBatch { ids: List::new(&batch.ids), ends: List::new(&batch.ends) };
        // SAFETY: as in `plain`, and the batch lives until the call returns
        let answer =
            self.live.call(self.table.decode, |function, instance, host| unsafe { function(instance, host, batch) })?;
        Ok(answer.bytes)
    }
}

impl Filter for Native<abi::FilterTable> {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        Ok(self.texts(self.table.judge, documents)?.verdicts)
    }

    fn two_pass(&self) -> bool {
        // a filter that cannot say so is asked again by `judge`, whose error is heard
        self.plain(self.table.two_pass).is_ok_and(|answer| answer.number.is_some_and(|number| number != 0.0))
    }

    fn observe(&mut self, documents: &[&str]) -> Result<()> {
        self.texts(self.table.observe, documents).map(drop)
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.plain(self.table.state)?.one_bytes()
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.bytes(self.table.merge, state).map(drop)
    }
}

impl Loss for Native<abi::LossTable> {
    fn describe(&self) -> Result<Graph> {
        delivered("a graph", self.plain(self.table.describe)?.graph)
    }
}

impl Metric for Native<abi::MetricTable> {
    fn info(&self) -> Result<MetricInfo> {
        delivered("unit and direction", self.plain(self.table.info)?.info)
    }

    fn describe(&self) -> Result<Graph> {
        delivered("a graph", self.plain(self.table.describe)?.graph)
    }
}

impl TextMetric for Native<abi::TextMetricTable> {
    fn info(&self) -> Result<MetricInfo> {
        delivered("unit and direction", self.plain(self.table.info)?.info)
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        let references: Vec<_> = pairs.iter().map(|pair| strs(&pair.references)).collect();
        let pair = |(pair, references): (&TextPair<'_>, &Vec<Str>)| abi::TextPair {
            hypothesis: List::new(pair.hypothesis.as_bytes()),
            references: List::new(references),
        };
        let pairs: Vec<_> = pairs.iter().zip(&references).map(pair).collect();
        // SAFETY: as in `plain`, and the pairs live until the call returns
        let call = |function: unsafe extern "C" fn(_, _, _) -> _, instance, host| unsafe {
            function(instance, host, List::new(&pairs))
        };
        self.live.call(self.table.update, call).map(drop)
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.plain(self.table.state)?.one_bytes()
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.bytes(self.table.merge, state).map(drop)
    }

    fn value(&self) -> Result<f64> {
        delivered("a number", self.plain(self.table.value)?.number)
    }
}
