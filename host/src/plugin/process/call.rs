//! The calls of all five kinds, and what a worker makes of them.

use super::super::instance::Instance;
use super::codec::{Decode, Encode, Reader};
use std::borrow::Cow;
use trainyard_plugin::{PluginError, TextPair, TokenBatch};

/// One call, with its arguments lent by whoever made it.
#[derive(Debug, Clone, PartialEq)]
pub enum Call<'a> {
    /// Loads the plugin, which is sandboxed or not, from the bytes that its host checked, as this config says, which is
    /// JSON; comes first.
    Open(bool, &'a str, &'a [u8]),
    /// Makes the instance; comes second. All others belong to the instance.
    Create,
    Observe(Cow<'a, [&'a str]>),
    Train,
    Load(&'a [u8]),
    Vocabulary,
    Encode(Cow<'a, [&'a str]>),
    Decode(Cow<'a, TokenBatch>),
    Judge(Cow<'a, [&'a str]>),
    TwoPass,
    State,
    Merge(&'a [u8]),
    Describe,
    Info,
    Update(Cow<'a, [TextPair<'a>]>),
    Value,
    Rules,
    Measure(Cow<'a, [&'a str]>),
    /// Destroys the instance and ends the worker; has no answer.
    End,
    /// Compiles a component, with deadlines or without, within seconds of processor time and mebibytes of memory, and
    /// answers with its code; comes first and last.
    Compile(bool, u64, u64, &'a [u8]),
}

impl Encode for Call<'_> {
    fn encode(&self, to: &mut Vec<u8>) {
        match self {
            Call::Open(is_wasm, config, file) => (0u8, (is_wasm, (config, file))).encode(to),
            Call::Create => 1u8.encode(to),
            Call::Observe(texts) => (2u8, texts).encode(to),
            Call::Train => 3u8.encode(to),
            Call::Load(model) => (4u8, model).encode(to),
            Call::Vocabulary => 5u8.encode(to),
            Call::Encode(texts) => (6u8, texts).encode(to),
            Call::Decode(batch) => (7u8, batch).encode(to),
            Call::Judge(documents) => (8u8, documents).encode(to),
            Call::TwoPass => 9u8.encode(to),
            Call::State => 10u8.encode(to),
            Call::Merge(state) => (11u8, state).encode(to),
            Call::Describe => 12u8.encode(to),
            Call::Info => 13u8.encode(to),
            Call::Update(pairs) => (14u8, pairs).encode(to),
            Call::Value => 15u8.encode(to),
            Call::Rules => 16u8.encode(to),
            Call::Measure(documents) => (17u8, documents).encode(to),
            Call::End => 18u8.encode(to),
            Call::Compile(deadlines, cpu_s, memory_mb, component) => {
                (19u8, (deadlines, (cpu_s, (memory_mb, component)))).encode(to);
            }
        }
    }
}

impl<'a> Decode<'a> for Call<'a> {
    fn decode(from: &mut Reader<'a>) -> Option<Self> {
        Some(match u8::decode(from)? {
            0 => Call::Open(Decode::decode(from)?, Decode::decode(from)?, Decode::decode(from)?),
            1 => Call::Create,
            2 => Call::Observe(Decode::decode(from)?),
            3 => Call::Train,
            4 => Call::Load(Decode::decode(from)?),
            5 => Call::Vocabulary,
            6 => Call::Encode(Decode::decode(from)?),
            7 => Call::Decode(Decode::decode(from)?),
            8 => Call::Judge(Decode::decode(from)?),
            9 => Call::TwoPass,
            10 => Call::State,
            11 => Call::Merge(Decode::decode(from)?),
            12 => Call::Describe,
            13 => Call::Info,
            14 => Call::Update(Decode::decode(from)?),
            15 => Call::Value,
            16 => Call::Rules,
            17 => Call::Measure(Decode::decode(from)?),
            18 => Call::End,
            19 => Call::Compile(
                Decode::decode(from)?,
                Decode::decode(from)?,
                Decode::decode(from)?,
                Decode::decode(from)?,
            ),
            _ => return None,
        })
    }
}

/// Calls the instance and appends what it answers, a `Result`, to `to`.
pub fn answer(instance: &mut Instance, call: Call<'_>, to: &mut Vec<u8>) {
    use Instance::{Filter, Loss, Metric, TextMetric, Tokenizer};
    match (instance, call) {
        (Tokenizer(plugin), Call::Observe(texts)) => plugin.observe(&texts).encode(to),
        (Tokenizer(plugin), Call::Train) => plugin.train().encode(to),
        (Tokenizer(plugin), Call::Load(model)) => plugin.load(model).encode(to),
        (Tokenizer(plugin), Call::Vocabulary) => plugin.vocabulary().encode(to),
        (Tokenizer(plugin), Call::Encode(texts)) => plugin.encode(&texts).encode(to),
        (Tokenizer(plugin), Call::Decode(batch)) => plugin.decode(&batch).encode(to),
        (Filter(plugin), Call::Judge(documents)) => plugin.judge(&documents).encode(to),
        (Filter(plugin), Call::TwoPass) => Ok::<_, PluginError>(plugin.two_pass()).encode(to),
        (Filter(plugin), Call::Observe(documents)) => plugin.observe(&documents).encode(to),
        (Filter(plugin), Call::State) => plugin.state().encode(to),
        (Filter(plugin), Call::Merge(state)) => plugin.merge(state).encode(to),
        (Filter(plugin), Call::Rules) => Ok::<_, PluginError>(plugin.rules()).encode(to),
        (Filter(plugin), Call::Measure(documents)) => plugin.measure(&documents).encode(to),
        (Loss(plugin), Call::Describe) => plugin.describe().encode(to),
        (Metric(plugin), Call::Info) => plugin.info().encode(to),
        (Metric(plugin), Call::Describe) => plugin.describe().encode(to),
        (TextMetric(plugin), Call::Info) => plugin.info().encode(to),
        (TextMetric(plugin), Call::Update(pairs)) => plugin.update(&pairs).encode(to),
        (TextMetric(plugin), Call::State) => plugin.state().encode(to),
        (TextMetric(plugin), Call::Merge(state)) => plugin.merge(state).encode(to),
        (TextMetric(plugin), Call::Value) => plugin.value().encode(to),
        (instance, _) => {
            let error = format!("this function is not one of a {}", instance.kind());
            Err::<(), _>(PluginError::internal(error)).encode(to);
        }
    }
}
