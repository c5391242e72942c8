//! The traits of the five kinds over a library's table.

use super::super::instance::Instance;
use super::{Table, answer::Answer, answer::measures, instance::Live};
use std::mem::take;
use trainyard_plugin::abi::{self, BytesCall, Call, List, Str, TextsCall};
use trainyard_plugin::{
    Filter, Graph, Loss, Metric, MetricInfo, PluginError, Result, Rule, TextMetric, TextPair, TokenBatch, Tokenizer,
    Verdict, Vocabulary,
};

/// An instance with the functions of its kind.
struct Native<T: 'static> {
    table: &'static T,
    live: Live,
}

/// The instance as what it is.
pub fn instance(table: Table, live: Live) -> Result<Instance> {
    Ok(match table {
        Table::Tokenizer(table) => Instance::Tokenizer(Box::new(Native { table, live })),
        Table::Filter(table, measures) => {
            Instance::Filter(Box::new(NativeFilter::new(Native { table, live }, measures)?))
        }
        Table::Loss(table) => Instance::Loss(Box::new(Native { table, live })),
        Table::Metric(table) => Instance::Metric(Box::new(Native { table, live })),
        Table::TextMetric(table) => Instance::TextMetric(Box::new(Native { table, live })),
    })
}

/// What was delivered in one call.
type Taken<R> = fn(&mut Answer) -> Result<R>;

impl<T> Native<T> {
    fn plain<R>(&self, function: Call, take: Taken<R>) -> Result<R> {
        // SAFETY: the library follows the contract of its table, to which the user trusted it; the instance is its own,
        // the host lives until the call returns
        self.live.call(function, |function, instance, host| unsafe { function(instance, host) }, take)
    }

    fn texts<R>(&self, function: TextsCall, texts: &[&str], take: Taken<R>) -> Result<R> {
        let texts = strs(texts);
        // SAFETY: as in `plain`, and the texts live until the call returns
        self.live.call(
            function,
            |function, instance, host| unsafe { function(instance, host, List::new(&texts)) },
            take,
        )
    }

    fn bytes(&self, function: BytesCall, bytes: &[u8]) -> Result<()> {
        // SAFETY: as in `plain`, and the bytes live until the call returns
        let call = |function: unsafe extern "C" fn(_, _, _) -> _, instance, host| unsafe {
            function(instance, host, List::new(bytes))
        };
        self.live.call(function, call, nothing)
    }
}

fn nothing(_answer: &mut Answer) -> Result<()> {
    Ok(())
}

fn strs(texts: &[&str]) -> Vec<Str> {
    texts.iter().map(|text| List::new(text.as_bytes())).collect()
}

/// What must have been delivered.
fn delivered<T>(what: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| PluginError::internal(format!("returned without delivering {what}")))
}

impl Tokenizer for Native<abi::TokenizerTable> {
    fn observe(&mut self, texts: &[&str]) -> Result<()> {
        self.texts(self.table.observe, texts, nothing)
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        self.plain(self.table.train, Answer::one_bytes)
    }

    fn load(&mut self, model: &[u8]) -> Result<()> {
        self.bytes(self.table.load, model)
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        self.plain(self.table.vocabulary, |answer| {
            Ok(Vocabulary { tokens: take(&mut answer.bytes), specials: take(&mut answer.specials) })
        })
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        self.texts(self.table.encode, texts, |answer| delivered("tokens", answer.tokens.take()))
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        let batch = abi::TokenBatch { ids: List::new(&batch.ids), ends: List::new(&batch.ends) };
        // SAFETY: as in `plain`, and the batch lives until the call returns
        let call =
            |function: unsafe extern "C" fn(_, _, _) -> _, instance, host| unsafe { function(instance, host, batch) };
        self.live.call(self.table.decode, call, |answer| Ok(take(&mut answer.bytes)))
    }
}

/// A filter and, with the ability `measures`, its functions and rules.
struct NativeFilter {
    native: Native<abi::FilterTable>,
    measures: Option<&'static abi::MeasuresTable>,
    rules: Vec<Rule>,
}

impl NativeFilter {
    fn new(native: Native<abi::FilterTable>, table: Option<&'static abi::MeasuresTable>) -> Result<Self> {
        // SAFETY: as in `Native::plain`
        let call = |function: unsafe extern "C" fn(_, _, _) -> _, instance, host: *const abi::Host| unsafe {
            function(instance, host, std::ptr::from_ref(&measures((*host).context)))
        };
        // asked here, where an error is heard: the trait's function cannot fail
        let rules = table.map(|table| native.live.call(table.rules, call, |answer| Ok(take(&mut answer.rules))));
        Ok(Self { native, measures: table, rules: rules.transpose()?.unwrap_or_default() })
    }
}

impl Filter for NativeFilter {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        self.native.texts(self.native.table.judge, documents, |answer| Ok(take(&mut answer.verdicts)))
    }

    fn two_pass(&self) -> bool {
        // a filter that cannot say so is asked again by `judge`, whose error is heard
        self.native
            .plain(self.native.table.two_pass, |answer| Ok(answer.number))
            .is_ok_and(|number| number.is_some_and(|it| it != 0.0))
    }

    fn observe(&mut self, documents: &[&str]) -> Result<()> {
        self.native.texts(self.native.table.observe, documents, nothing)
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.native.plain(self.native.table.state, Answer::one_bytes)
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.native.bytes(self.native.table.merge, state)
    }

    fn rules(&self) -> Vec<Rule> {
        self.rules.clone()
    }

    fn measure(&mut self, documents: &[&str]) -> Result<Vec<f64>> {
        let table = self.measures.ok_or_else(|| PluginError::unsupported("this filter measures nothing"))?;
        let documents = strs(documents);
        // SAFETY: as in `Native::plain`, and the documents live until the call returns
        let call = |function: unsafe extern "C" fn(_, _, _, _) -> _, instance, host: *const abi::Host| unsafe {
            function(instance, host, List::new(&documents), std::ptr::from_ref(&measures((*host).context)))
        };
        self.native.live.call(table.measure, call, |answer| delivered("values", answer.values.take()))
    }
}

impl Loss for Native<abi::LossTable> {
    fn describe(&self) -> Result<Graph> {
        self.plain(self.table.describe, |answer| delivered("a graph", answer.graph.take()))
    }
}

impl Metric for Native<abi::MetricTable> {
    fn info(&self) -> Result<MetricInfo> {
        self.plain(self.table.info, |answer| delivered("unit and direction", answer.info.take()))
    }

    fn describe(&self) -> Result<Graph> {
        self.plain(self.table.describe, |answer| delivered("a graph", answer.graph.take()))
    }
}

impl TextMetric for Native<abi::TextMetricTable> {
    fn info(&self) -> Result<MetricInfo> {
        self.plain(self.table.info, |answer| delivered("unit and direction", answer.info.take()))
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
        self.live.call(self.table.update, call, nothing)
    }

    fn state(&self) -> Result<Vec<u8>> {
        self.plain(self.table.state, Answer::one_bytes)
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        self.bytes(self.table.merge, state)
    }

    fn value(&self) -> Result<f64> {
        self.plain(self.table.value, |answer| delivered("a number", answer.number))
    }
}
