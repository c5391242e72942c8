//! The traits of the five kinds over an instance: each function crosses the boundary and converts.

use super::super::instance::Instance;
use super::guest::Guest;
use super::types;
use std::cell::RefCell;
use trainyard_plugin::{
    Filter, Graph, Kind, Loss, Metric, MetricInfo, Result, TextMetric, TextPair, TokenBatch, Tokenizer, Verdict,
    Vocabulary,
};

/// An instance behind a trait. The traits have functions that only look, but every call changes a store.
struct Sandboxed {
    guest: RefCell<Guest>,
    /// A filter's; asked once, because the trait's function cannot fail and a call can.
    two_pass: bool,
}

/// The instance as what it is.
pub fn instance(kind: Kind, mut guest: Guest) -> Result<Instance> {
    let two_pass = kind == Kind::Filter && guest.call_plain("two-pass", ())?;
    let plugin = Box::new(Sandboxed { guest: RefCell::new(guest), two_pass });
    Ok(match kind {
        Kind::Tokenizer => Instance::Tokenizer(plugin),
        Kind::Filter => Instance::Filter(plugin),
        Kind::Loss => Instance::Loss(plugin),
        Kind::Metric => Instance::Metric(plugin),
        Kind::TextMetric => Instance::TextMetric(plugin),
    })
}

impl Tokenizer for Sandboxed {
    fn observe(&mut self, texts: &[&str]) -> Result<()> {
        self.guest.get_mut().call("observe", (texts,))
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        self.guest.get_mut().call("train", ())
    }

    fn load(&mut self, model: &[u8]) -> Result<()> {
        self.guest.get_mut().call("load", (model,))
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        self.guest.borrow_mut().call::<_, types::Vocabulary>("vocabulary", ()).map(Vocabulary::from)
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        self.guest.get_mut().call::<_, types::TokenBatch>("encode", (texts,)).map(TokenBatch::from)
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        self.guest.get_mut().call("decode", (types::TokenBatchRef { ids: &batch.ids, ends: &batch.ends },))
    }
}

impl Filter for Sandboxed {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        let verdicts = self.guest.get_mut().call::<_, Vec<types::Verdict>>("judge", (documents,))?;
        Ok(verdicts.into_iter().map(Verdict::from).collect())
    }

    fn two_pass(&self) -> bool {
        self.two_pass
    }

    fn observe(&mut self, documents: &[&str]) -> Result<()> {
        self.guest.get_mut().call("observe", (documents,))
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.guest.borrow_mut().call("state", ())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.guest.get_mut().call("merge", (state,))
    }
}

impl Loss for Sandboxed {
    fn describe(&self) -> Result<Graph> {
        self.guest.borrow_mut().call::<_, types::Graph>("describe", ()).map(Graph::from)
    }
}

impl Metric for Sandboxed {
    fn info(&self) -> Result<MetricInfo> {
        self.guest.borrow_mut().call::<_, types::MetricInfo>("info", ()).map(MetricInfo::from)
    }

    fn describe(&self) -> Result<Graph> {
        self.guest.borrow_mut().call::<_, types::Graph>("describe", ()).map(Graph::from)
    }
}

impl TextMetric for Sandboxed {
    fn info(&self) -> Result<MetricInfo> {
        self.guest.borrow_mut().call::<_, types::MetricInfo>("info", ()).map(MetricInfo::from)
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        let pairs: Vec<_> = pairs.iter().map(types::TextPair::from).collect();
        self.guest.get_mut().call("update", (pairs.as_slice(),))
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.guest.borrow_mut().call("state", ())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.guest.get_mut().call("merge", (state,))
    }

    fn value(&self) -> Result<f64> {
        self.guest.borrow_mut().call("value", ())
    }
}
