//! The traits of the five kinds under a policy, and what `skip` leaves out of each.

use super::super::checked::Checked;
use super::counters::Work;
use super::{Guarded, Kept};
use std::sync::atomic::Ordering;
use trainyard_plugin::{
    Filter, Graph, Loss, Metric, MetricInfo, Result, Rule, TextMetric, TextPair, TokenBatch, Tokenizer, Verdict,
    Vocabulary,
};

/// Why a document is dropped that its filter could not judge.
pub const PLUGIN_ERROR: &str = "plugin-error";

impl Tokenizer for Guarded<Checked<dyn Tokenizer>> {
    fn observe(&mut self, texts: &[&str]) -> Result<()> {
        // a tokenizer in training has no state that another instance could take over
        self.lose();
        self.call(Work::texts(texts), |plugin| plugin.observe(texts))
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        self.call(Work::default(), |plugin| plugin.train())
    }

    fn load(&mut self, model: &[u8]) -> Result<()> {
        self.live.borrow_mut().is_quiet = self.source.is_loaded.swap(true, Ordering::Relaxed);
        let result = self.call(Work { items: 0, bytes: model.len() as u64 }, |plugin| plugin.load(model));
        self.live.borrow_mut().is_quiet = false;
        result?;
        self.keep(|_| Ok(Kept::Bytes(model.to_owned())))
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        self.call(Work::default(), |plugin| plugin.vocabulary())
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        let error = match self.call(Work::texts(texts), |plugin| plugin.encode(texts)) {
            Err(error) if self.skips(&error) => error,
            Err(error) => return Err(error),
            Ok(batch) => {
                let checked = self.live.borrow().plugin.as_ref().map_or(Ok(()), |plugin| plugin.check_specials(&batch));
                checked.unwrap_or_else(|error| self.source.warn_of_special(&error));
                return Ok(batch);
            }
        };
        let mut batch = TokenBatch::default();
        match texts {
            [_] => self.source.skip("document", error)?,
            _ => {
                for text in texts {
                    batch.ids.extend(self.encode(&[text])?.ids);
                    batch.end_sequence()?;
                }
                return Ok(batch);
            }
        }
        batch.end_sequence()?;
        Ok(batch)
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        let work = Work { items: batch.ends.len() as u64, bytes: 4 * batch.ids.len() as u64 };
        self.call(work, |plugin| plugin.decode(batch))
    }
}

impl Filter for Guarded<Checked<dyn Filter>> {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        if self.live.borrow().kept == Kept::Lost {
            // the first pass is over: from here on another instance can take over
            self.keep(|plugin| plugin.state().map(Kept::Bytes))?;
        }
        let error = match self.call(Work::texts(documents), |plugin| plugin.judge(documents)) {
            Err(error) if self.skips(&error) => error,
            result => return result,
        };
        match documents {
            [_] => self.source.skip("document", error).map(|()| vec![Verdict::drop(PLUGIN_ERROR)]),
            _ => documents.iter().map(|document| Ok(self.judge(&[document])?.remove(0))).collect(),
        }
    }

    fn rules(&self) -> Vec<Rule> {
        self.call(Work::default(), |plugin| Ok(plugin.rules())).unwrap_or_default()
    }

    /// Leaves nothing out: a value that is missing is no verdict. The host lets `judge` say of such documents what the
    /// policy says of them.
    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        if self.live.borrow().kept == Kept::Lost {
            self.keep(|plugin| plugin.state().map(Kept::Bytes))?;
        }
        let result = self.call(Work::texts(documents), |plugin| plugin.measure(documents));
        if let Err(error) = &result {
            // the next call may need a new instance
            self.skips(error);
        }
        result
    }

    fn two_pass(&self) -> bool {
        self.call(Work::default(), |plugin| Ok(plugin.two_pass())).unwrap_or(false)
    }

    fn observe(&mut self, documents: &[&str]) -> Result<()> {
        self.lose();
        self.call(Work::texts(documents), |plugin| plugin.observe(documents))
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.call(Work::default(), |plugin| plugin.state())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.call(Work { items: 0, bytes: state.len() as u64 }, |plugin| plugin.merge(state))?;
        self.keep(|plugin| plugin.state().map(Kept::Bytes))
    }
}

impl Loss for Guarded<Checked<dyn Loss>> {
    fn describe(&self) -> Result<Graph> {
        self.call(Work::default(), |plugin| plugin.describe())
    }
}

impl Metric for Guarded<Checked<dyn Metric>> {
    fn info(&self) -> Result<MetricInfo> {
        self.call(Work::default(), |plugin| plugin.info())
    }

    fn describe(&self) -> Result<Graph> {
        self.call(Work::default(), |plugin| plugin.describe())
    }
}

impl TextMetric for Guarded<Checked<dyn TextMetric>> {
    fn info(&self) -> Result<MetricInfo> {
        self.call(Work::default(), |plugin| plugin.info())
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        let bytes =
            |pair: &TextPair| pair.hypothesis.len() + pair.references.iter().map(|text| text.len()).sum::<usize>();
        let work = Work { items: pairs.len() as u64, bytes: pairs.iter().map(|pair| bytes(pair) as u64).sum() };
        match self.call(work, |plugin| plugin.update(pairs)) {
            Err(error) if self.skips(&error) => {
                // some pairs of the batch may be counted already: a new instance goes on from before it
                self.live.borrow_mut().plugin = None;
                match pairs {
                    [_] => self.source.skip("pair", error),
                    _ => pairs.iter().try_for_each(|pair| self.update(std::slice::from_ref(pair))),
                }
            }
            Err(error) => Err(error),
            Ok(()) => self.keep(|plugin| plugin.state().map(Kept::Bytes)),
        }
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.call(Work::default(), |plugin| plugin.state())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.call(Work { items: 0, bytes: state.len() as u64 }, |plugin| plugin.merge(state))?;
        self.keep(|plugin| plugin.state().map(Kept::Bytes))
    }

    fn value(&self) -> Result<f64> {
        self.call(Work::default(), |plugin| plugin.value())
    }
}
