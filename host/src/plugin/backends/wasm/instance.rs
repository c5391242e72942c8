//! An instance as a seat: each function crosses the boundary and converts.

use super::guest::{Export, Guest};
use super::{networks, types};
use crate::plugin::call::{self, Call};
use crate::plugin::seat::Seat;
use trainyard_plugin::network::Network;
use trainyard_plugin::{Graph, MetricInfo, PluginError, Result, Rule, Setting, TokenBatch, Verdict, Vocabulary};

type Answer<T> = super::guest::Answer<T>;
type Bytes = &'static [u8];
type Texts = &'static [&'static str];
type Sizes = &'static [networks::Size<'static>];
type Settings = &'static [types::Setting<'static>];

/// The interfaces of abilities; a host finds those of any 0.1.
const MEASURES: Option<&str> = Some("trainyard:plugin/measures@0.1.3");
const PROMPTS: Option<&str> = Some("trainyard:plugin/prompts@0.1.3");
const SIGNATURE: Option<&str> = Some("trainyard:plugin/signature@0.1.3");

/// The exports behind all functions, as in `plugin.wit`: those that a component's kind and abilities have.
macro_rules! exports {
    ($( $field:ident $function:ident in $interface:expr, $export:literal: ($($parameter:ty)?) -> $result:ty; )+) => {
        #[derive(Default)]
        struct Exports {
            $( $field: Option<Export<($($parameter,)?), $result>>, )+
        }

        impl Exports {
            fn look_up(guest: &mut Guest, functions: &[call::Function]) -> Result<Self> {
                let mut exports = Self::default();
                for function in functions {
                    match function {
                        $( call::Function::$function => {
                            exports.$field = Some(guest.export($interface, $export)?);
                        } )+
                    }
                }
                Ok(exports)
            }
        }
    };
}

exports! {
    observe Observe in None, "observe": (Texts) -> Answer<()>;
    train Train in None, "train": () -> Answer<Vec<u8>>;
    load Load in None, "load": (Bytes) -> Answer<()>;
    vocabulary Vocabulary in None, "vocabulary": () -> Answer<types::Vocabulary>;
    encode Encode in None, "encode": (Texts) -> Answer<types::TokenBatch>;
    decode Decode in None, "decode": (types::TokenBatchRef<'static>) -> Answer<Vec<Vec<u8>>>;
    judge Judge in None, "judge": (Texts) -> Answer<Vec<types::Verdict>>;
    two_pass TwoPass in None, "two-pass": () -> bool;
    state State in None, "state": () -> Answer<Vec<u8>>;
    merge Merge in None, "merge": (Bytes) -> Answer<()>;
    describe Describe in None, "describe": () -> Answer<types::Graph>;
    info Info in None, "info": () -> Answer<types::MetricInfo>;
    update Update in None, "update": (&'static [types::TextPair<'static>]) -> Answer<()>;
    value Value in None, "value": () -> Answer<f64>;
    rules Rules in MEASURES, "rules": () -> Answer<Vec<types::Rule>>;
    measure Measure in MEASURES, "measure": (Texts) -> Answer<Vec<f64>>;
    network Network in None, "describe": (Sizes) -> Answer<networks::Network>;
    import_config ImportConfig in None, "import-config": (Settings) -> Answer<Vec<networks::Setting>>;
    export_config ExportConfig in None, "export-config": (Sizes) -> Answer<Vec<networks::Setting>>;
    update_prompted UpdatePrompted in PROMPTS, "update": (&'static [types::PromptedPair<'static>]) -> Answer<()>;
    signature Signature in SIGNATURE, "signature": () -> Answer<String>;
}

/// An instance with the exports of its kind.
pub struct Sandboxed {
    guest: Guest,
    exports: Exports,
}

impl Sandboxed {
    /// The instance with these functions, which it must have.
    ///
    /// # Errors
    /// A function that is missing, or has other types than the contract.
    pub fn new(mut guest: Guest, functions: &[call::Function]) -> Result<Self> {
        let exports = Exports::look_up(&mut guest, functions)?;
        Ok(Self { guest, exports })
    }
}

impl Seat for Sandboxed {
    fn call(&mut self, call: Call<'_>) -> Result<call::Answer> {
        let Self { guest, exports } = self;
        Ok(match call {
            Call::Observe(texts) => guest.call(exports.observe, (texts,))?.into(),
            Call::Train => guest.call(exports.train, ())?.into(),
            Call::Load(model) => guest.call(exports.load, (model,))?.into(),
            Call::Vocabulary => Vocabulary::from(guest.call(exports.vocabulary, ())?).into(),
            Call::Encode(texts) => TokenBatch::from(guest.call(exports.encode, (texts,))?).into(),
            Call::Decode(batch) => {
                let batch = types::TokenBatchRef { ids: &batch.ids, ends: &batch.ends };
                guest.call(exports.decode, (batch,))?.into()
            }
            Call::Judge(documents) => {
                let verdicts = guest.call(exports.judge, (documents,))?;
                verdicts.into_iter().map(Verdict::from).collect::<Vec<_>>().into()
            }
            // a filter that cannot say so has ended: the next call says why
            Call::TwoPass => guest.call_plain(exports.two_pass, ()).unwrap_or(false).into(),
            Call::State => guest.call(exports.state, ())?.into(),
            Call::Merge(state) => guest.call(exports.merge, (state,))?.into(),
            Call::Describe => Graph::from(guest.call(exports.describe, ())?).into(),
            Call::Info => MetricInfo::from(guest.call(exports.info, ())?).into(),
            Call::Update(pairs) => {
                let pairs: Vec<_> = pairs.iter().map(types::TextPair::from).collect();
                guest.call(exports.update, (pairs.as_slice(),))?.into()
            }
            Call::Value => guest.call(exports.value, ())?.into(),
            Call::UpdatePrompted(pairs) => {
                let pairs: Vec<_> = pairs.iter().map(types::PromptedPair::from).collect();
                guest.call(exports.update_prompted, (pairs.as_slice(),))?.into()
            }
            Call::Signature => guest.call(exports.signature, ())?.into(),
            Call::Rules => {
                let rules = guest.call(exports.rules, ())?;
                rules.into_iter().map(Rule::from).collect::<Vec<_>>().into()
            }
            Call::Measure(documents) => guest.call(exports.measure, (documents,))?.into(),
            Call::Network(sizes) => {
                let sizes = networks::sizes(sizes);
                let network = guest.call(exports.network, (sizes.as_slice(),))?;
                network.check_counts()?;
                Network::from(network).into()
            }
            Call::ImportConfig(config) => {
                let config: Vec<_> = config.iter().map(types::Setting::from).collect();
                settings(guest.call(exports.import_config, (config.as_slice(),))?)
            }
            Call::ExportConfig(sizes) => {
                let sizes = networks::sizes(sizes);
                settings(guest.call(exports.export_config, (sizes.as_slice(),))?)
            }
        })
    }
}

fn settings(settings: Vec<networks::Setting>) -> call::Answer {
    settings.into_iter().map(Setting::from).collect::<Vec<_>>().into()
}

/// What is said of a function that the component's kind does not have.
pub fn missing() -> PluginError {
    PluginError::internal("this plugin does not have the function")
}
