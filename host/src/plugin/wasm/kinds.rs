//! The traits of the five kinds over an instance: each function crosses the boundary and converts.

use super::super::instance::Instance;
use super::guest::{Answer, Function, Guest};
use super::types;
use std::cell::RefCell;
use trainyard_plugin::{
    Filter, Graph, Kind, Loss, Metric, MetricInfo, Result, TextMetric, TextPair, TokenBatch, Tokenizer, Verdict,
    Vocabulary,
};

/// An instance behind a trait. The traits have functions that only look, but every call changes a store.
struct Sandboxed<F> {
    guest: RefCell<Guest>,
    functions: F,
}

impl<F> Sandboxed<F> {
    fn new(mut guest: Guest, look_up: impl FnOnce(&mut Guest) -> Result<F>) -> Result<Box<Self>> {
        let functions = look_up(&mut guest)?;
        Ok(Box::new(Self { guest: RefCell::new(guest), functions }))
    }
}

/// The instance as what it is.
pub fn instance(kind: Kind, guest: Guest) -> Result<Instance> {
    Ok(match kind {
        Kind::Tokenizer => Instance::Tokenizer(Sandboxed::new(guest, TokenizerFunctions::look_up)?),
        Kind::Filter => Instance::Filter(Sandboxed::new(guest, FilterFunctions::look_up)?),
        Kind::Loss => Instance::Loss(Sandboxed::new(guest, LossFunctions::look_up)?),
        Kind::Metric => Instance::Metric(Sandboxed::new(guest, MetricFunctions::look_up)?),
        Kind::TextMetric => Instance::TextMetric(Sandboxed::new(guest, TextMetricFunctions::look_up)?),
    })
}

type Bytes = &'static [u8];
type Texts = &'static [&'static str];

/// The exports of a world besides `create`, as in `plugin.wit`.
macro_rules! functions {
    ($name:ident { $($function:ident = $export:literal: ($($parameter:ty)?) -> $result:ty;)+ }) => {
        struct $name {
            $($function: Function<($($parameter,)?), $result>,)+
        }

        impl $name {
            fn look_up(guest: &mut Guest) -> Result<Self> {
                Ok(Self { $($function: guest.function($export)?,)+ })
            }
        }
    };
}

functions!(TokenizerFunctions {
    observe = "observe": (Texts) -> Answer<()>;
    train = "train": () -> Answer<Vec<u8>>;
    load = "load": (Bytes) -> Answer<()>;
    vocabulary = "vocabulary": () -> Answer<types::Vocabulary>;
    encode = "encode": (Texts) -> Answer<types::TokenBatch>;
    decode = "decode": (types::TokenBatchRef<'static>) -> Answer<Vec<Vec<u8>>>;
});

impl Tokenizer for Sandboxed<TokenizerFunctions> {
    fn observe(&mut self, texts: &[&str]) -> Result<()> {
        self.guest.get_mut().call(self.functions.observe, (texts,))
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        self.guest.get_mut().call(self.functions.train, ())
    }

    fn load(&mut self, model: &[u8]) -> Result<()> {
        self.guest.get_mut().call(self.functions.load, (model,))
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        self.guest.borrow_mut().call(self.functions.vocabulary, ()).map(Vocabulary::from)
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        self.guest.get_mut().call(self.functions.encode, (texts,)).map(TokenBatch::from)
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        let batch = types::TokenBatchRef { ids: &batch.ids, ends: &batch.ends };
        self.guest.get_mut().call(self.functions.decode, (batch,))
    }
}

functions!(FilterFunctions {
    two_pass = "two-pass": () -> bool;
    observe = "observe": (Texts) -> Answer<()>;
    state = "state": () -> Answer<Vec<u8>>;
    merge = "merge": (Bytes) -> Answer<()>;
    judge = "judge": (Texts) -> Answer<Vec<types::Verdict>>;
});

impl Filter for Sandboxed<FilterFunctions> {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        let verdicts = self.guest.get_mut().call(self.functions.judge, (documents,))?;
        Ok(verdicts.into_iter().map(Verdict::from).collect())
    }

    fn two_pass(&self) -> bool {
        // a filter that cannot say so has ended: the next call says why
        self.guest.borrow_mut().call_plain(self.functions.two_pass, ()).unwrap_or(false)
    }

    fn observe(&mut self, documents: &[&str]) -> Result<()> {
        self.guest.get_mut().call(self.functions.observe, (documents,))
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.guest.borrow_mut().call(self.functions.state, ())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.guest.get_mut().call(self.functions.merge, (state,))
    }
}

functions!(LossFunctions {
    describe = "describe": () -> Answer<types::Graph>;
});

impl Loss for Sandboxed<LossFunctions> {
    fn describe(&self) -> Result<Graph> {
        self.guest.borrow_mut().call(self.functions.describe, ()).map(Graph::from)
    }
}

functions!(MetricFunctions {
    info = "info": () -> Answer<types::MetricInfo>;
    describe = "describe": () -> Answer<types::Graph>;
});

impl Metric for Sandboxed<MetricFunctions> {
    fn info(&self) -> Result<MetricInfo> {
        self.guest.borrow_mut().call(self.functions.info, ()).map(MetricInfo::from)
    }

    fn describe(&self) -> Result<Graph> {
        self.guest.borrow_mut().call(self.functions.describe, ()).map(Graph::from)
    }
}

functions!(TextMetricFunctions {
    info = "info": () -> Answer<types::MetricInfo>;
    update = "update": (&'static [types::TextPair<'static>]) -> Answer<()>;
    state = "state": () -> Answer<Vec<u8>>;
    merge = "merge": (Bytes) -> Answer<()>;
    value = "value": () -> Answer<f64>;
});

impl TextMetric for Sandboxed<TextMetricFunctions> {
    fn info(&self) -> Result<MetricInfo> {
        self.guest.borrow_mut().call(self.functions.info, ()).map(MetricInfo::from)
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<()> {
        let pairs: Vec<_> = pairs.iter().map(types::TextPair::from).collect();
        self.guest.get_mut().call(self.functions.update, (pairs.as_slice(),))
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.guest.borrow_mut().call(self.functions.state, ())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.guest.get_mut().call(self.functions.merge, (state,))
    }

    fn value(&self) -> Result<f64> {
        self.guest.borrow_mut().call(self.functions.value, ())
    }
}
