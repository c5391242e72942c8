//! The traits of the five kinds over a worker.

use super::super::instance::Instance;
use super::call::Call;
use super::codec::Decode;
use super::host::Worker;
use std::borrow::Cow;
use std::cell::RefCell;
use trainyard_plugin::{
    Filter, Graph, Kind, Loss, Metric, MetricInfo, Result, Rule, TextMetric, TextPair, TokenBatch, Tokenizer, Verdict,
    Vocabulary,
};

/// An instance behind a trait. The traits have functions that only look, but every call may end the worker.
struct Remote {
    worker: RefCell<Worker>,
    /// A filter's; asked once, because the trait's function cannot fail and a call can.
    two_pass: bool,
    /// Of a filter with the ability `measures`; asked once for the same reason.
    rules: Vec<Rule>,
}

impl Remote {
    fn call<T: for<'a> Decode<'a>>(&self, call: &Call<'_>) -> Result<T> {
        self.worker.borrow_mut().call(call)
    }
}

/// The instance as what it is; `measures` when its identity lists that ability.
pub fn instance(kind: Kind, measures: bool, mut worker: Worker) -> Result<Instance> {
    let two_pass = kind == Kind::Filter && worker.call(&Call::TwoPass)?;
    let rules = if kind == Kind::Filter && measures { worker.call(&Call::Rules)? } else { Vec::new() };
    let plugin = Box::new(Remote { worker: RefCell::new(worker), two_pass, rules });
    Ok(match kind {
        Kind::Tokenizer => Instance::Tokenizer(plugin),
        Kind::Filter => Instance::Filter(plugin),
        Kind::Loss => Instance::Loss(plugin),
        Kind::Metric => Instance::Metric(plugin),
        Kind::TextMetric => Instance::TextMetric(plugin),
    })
}

impl Tokenizer for Remote {
    fn observe(&mut self, texts: &[&str]) -> Result<()> {
        self.call(&Call::Observe(Cow::Borrowed(texts)))
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        self.call(&Call::Train)
    }

    fn load(&mut self, model: &[u8]) -> Result<()> {
        self.call(&Call::Load(model))
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        self.call(&Call::Vocabulary)
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        self.call(&Call::Encode(Cow::Borrowed(texts)))
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        self.call(&Call::Decode(Cow::Borrowed(batch)))
    }
}

impl Filter for Remote {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        self.call(&Call::Judge(Cow::Borrowed(documents)))
    }

    fn two_pass(&self) -> bool {
        self.two_pass
    }

    fn rules(&self) -> Vec<Rule> {
        self.rules.clone()
    }

    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        self.call(&Call::Measure(Cow::Borrowed(documents)))
    }

    fn observe(&mut self, documents: &[&str]) -> Result<()> {
        self.call(&Call::Observe(Cow::Borrowed(documents)))
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.call(&Call::State)
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.call(&Call::Merge(state))
    }
}

impl Loss for Remote {
    fn describe(&self) -> Result<Graph> {
        self.call(&Call::Describe)
    }
}

impl Metric for Remote {
    fn info(&self) -> Result<MetricInfo> {
        self.call(&Call::Info)
    }

    fn describe(&self) -> Result<Graph> {
        self.call(&Call::Describe)
    }
}

impl TextMetric for Remote {
    fn info(&self) -> Result<MetricInfo> {
        self.call(&Call::Info)
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        self.call(&Call::Update(Cow::Borrowed(pairs)))
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.call(&Call::State)
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.call(&Call::Merge(state))
    }

    fn value(&self) -> Result<f64> {
        self.call(&Call::Value)
    }
}
