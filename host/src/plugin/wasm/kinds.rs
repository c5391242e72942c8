//! The traits of the five kinds over an instance: each function crosses the boundary and converts.

use super::super::instance::Instance;
use super::guest::{Answer, Function, Guest};
use super::types;
use std::cell::RefCell;
use trainyard_plugin::{
    Filter, Graph, Kind, Loss, Metric, MetricInfo, PluginError, Result, Rule, TextMetric, TextPair, TokenBatch,
    Tokenizer, Verdict, Vocabulary,
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

/// The instance as what it is; `measures` when its identity lists that ability.
pub fn instance(kind: Kind, measures: bool, guest: Guest) -> Result<Instance> {
    Ok(match kind {
        Kind::Tokenizer => Instance::Tokenizer(Sandboxed::new(guest, TokenizerFunctions::look_up)?),
        Kind::Filter => Instance::Filter(Sandboxed::new(guest, |guest| MeasuredFilter::look_up(guest, measures))?),
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

/// The interface of the ability `measures`; a host finds that of any 0.1.
const MEASURES: &str = "trainyard:plugin/measures@0.1.1";

/// The rules, and what measures.
type Measures = (Vec<Rule>, Function<(Texts,), Answer<Vec<f64>>>);

/// A filter's functions and, with the ability `measures`, its rules and what measures.
struct MeasuredFilter {
    filter: FilterFunctions,
    measures: Option<Measures>,
}

impl MeasuredFilter {
    fn look_up(guest: &mut Guest, measures: bool) -> Result<Self> {
        let filter = FilterFunctions::look_up(guest)?;
        if !measures {
            return Ok(Self { filter, measures: None });
        }
        // asked here, where an error is heard: the trait's function cannot fail
        let rules = guest.function_of::<(), Answer<Vec<types::Rule>>>(MEASURES, "rules")?;
        let rules = guest.call(rules, ())?.into_iter().map(Rule::from).collect();
        Ok(Self { filter, measures: Some((rules, guest.function_of(MEASURES, "measure")?)) })
    }
}

impl Filter for Sandboxed<MeasuredFilter> {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        let verdicts = self.guest.get_mut().call(self.functions.filter.judge, (documents,))?;
        Ok(verdicts.into_iter().map(Verdict::from).collect())
    }

    fn two_pass(&self) -> bool {
        // a filter that cannot say so has ended: the next call says why
        self.guest.borrow_mut().call_plain(self.functions.filter.two_pass, ()).unwrap_or(false)
    }

    fn observe(&mut self, documents: &[&str]) -> Result<()> {
        self.guest.get_mut().call(self.functions.filter.observe, (documents,))
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.guest.borrow_mut().call(self.functions.filter.state, ())
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.guest.get_mut().call(self.functions.filter.merge, (state,))
    }

    fn rules(&self) -> Vec<Rule> {
        self.functions.measures.as_ref().map(|(rules, _)| rules.clone()).unwrap_or_default()
    }

    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        match &self.functions.measures {
            Some((_, measure)) => self.guest.get_mut().call(*measure, (documents,)),
            None => Err(PluginError::unsupported("this filter measures nothing")),
        }
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
