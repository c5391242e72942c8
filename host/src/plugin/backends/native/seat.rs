//! An instance as a seat: each function is called through its pointer, with arguments in C's layout.

use super::answer::{self, Answer};
use super::instance::Live;
use super::networks;
use super::tables::Functions;
use crate::plugin::call::{self, Call};
use crate::plugin::seat::Seat;
use std::mem::take;
use trainyard_plugin::abi::{self, BytesCall, List, SizesCall, Str, TextsCall};
use trainyard_plugin::{PluginError, PromptedPair, Result, Setting, Sizes, TextPair, Vocabulary};

/// An instance with the functions of its kind.
pub struct Native {
    pub functions: Functions,
    pub live: Live,
}

/// What was delivered in one call.
type Taken = fn(&mut Answer) -> Result<call::Answer>;

impl Native {
    fn plain(&mut self, function: abi::Call, take: Taken) -> Result<call::Answer> {
        // SAFETY: the library follows the contract of its table, to which the user trusted it; the instance is its own,
        // the host lives until the call returns
        self.live.call(function, |function, instance, host| unsafe { function(instance, host) }, take)
    }

    fn texts(&mut self, function: TextsCall, texts: &[&str], take: Taken) -> Result<call::Answer> {
        let texts = strs(texts);
        // SAFETY: as in `plain`, and the texts live until the call returns
        self.live.call(
            function,
            |function, instance, host| unsafe { function(instance, host, List::new(&texts)) },
            take,
        )
    }

    fn bytes(&mut self, function: BytesCall, bytes: &[u8]) -> Result<call::Answer> {
        // SAFETY: as in `plain`, and the bytes live until the call returns
        self.live.call(
            function,
            |function, instance, host| unsafe { function(instance, host, List::new(bytes)) },
            nothing,
        )
    }

    fn decode(&mut self, batch: &trainyard_plugin::TokenBatch) -> Result<call::Answer> {
        let batch = abi::TokenBatch { ids: List::new(&batch.ids), ends: List::new(&batch.ends) };
        // SAFETY: as in `plain`, and the batch lives until the call returns
        self.live.call(
            self.functions.decode,
            |function, instance, host| unsafe { function(instance, host, batch) },
            |answer| Ok(take(&mut answer.bytes).into()),
        )
    }

    fn update(&mut self, pairs: &[TextPair<'_>]) -> Result<call::Answer> {
        let references: Vec<_> = pairs.iter().map(|pair| strs(&pair.references)).collect();
        let pairs: Vec<_> = pairs.iter().zip(&references).map(|(it, references)| pair(it, references)).collect();
        // SAFETY: as in `plain`, and the pairs live until the call returns
        self.live.call(
            self.functions.update,
            |function, instance, host| unsafe { function(instance, host, List::new(&pairs)) },
            nothing,
        )
    }

    fn update_prompted(&mut self, pairs: &[PromptedPair<'_>]) -> Result<call::Answer> {
        let references: Vec<_> = pairs.iter().map(|it| strs(&it.pair.references)).collect();
        let prompted = |(it, references): (&PromptedPair<'_>, &Vec<Str>)| abi::PromptedPair {
            prompt: List::new(it.prompt.as_bytes()),
            pair: pair(&it.pair, references),
        };
        let pairs: Vec<_> = pairs.iter().zip(&references).map(prompted).collect();
        // SAFETY: as in `plain`, and the pairs live until the call returns
        self.live.call(
            self.functions.prompts.and_then(|table| table.update),
            |function, instance, host| unsafe { function(instance, host, List::new(&pairs)) },
            nothing,
        )
    }

    fn rules(&mut self) -> Result<call::Answer> {
        let function = self.functions.measures.and_then(|table| table.rules);
        // SAFETY: as in `plain`
        let call = |function: unsafe extern "C" fn(_, _, _) -> _, instance, host: *const abi::Host| unsafe {
            function(instance, host, std::ptr::from_ref(&answer::measures((*host).context)))
        };
        self.live.call(function, call, |answer| Ok(take(&mut answer.rules).into()))
    }

    fn measure(&mut self, documents: &[&str]) -> Result<call::Answer> {
        let (function, documents) = (self.functions.measures.and_then(|table| table.measure), strs(documents));
        // SAFETY: as in `plain`, and the documents live until the call returns
        let call = |function: unsafe extern "C" fn(_, _, _, _) -> _, instance, host: *const abi::Host| unsafe {
            function(instance, host, List::new(&documents), std::ptr::from_ref(&answer::measures((*host).context)))
        };
        self.live.call(function, call, |answer| delivered("values", answer.values.take()))
    }

    fn sized(&mut self, function: SizesCall, sizes: &Sizes, take: Taken) -> Result<call::Answer> {
        let sizes = networks::sizes(sizes);
        // SAFETY: as in `plain`, and the sizes live until the call returns
        let call = |function: unsafe extern "C" fn(_, _, _, _) -> _, instance, host: *const abi::Host| unsafe {
            function(instance, host, List::new(&sizes), std::ptr::from_ref(&networks::networks((*host).context)))
        };
        self.live.call(function, call, take)
    }

    fn import_config(&mut self, config: &[Setting]) -> Result<call::Answer> {
        let texts = abi::texts_of(config);
        let config = abi::lend(config, &texts);
        // SAFETY: as in `plain`, and the config lives until the call returns
        let call = |function: unsafe extern "C" fn(_, _, _, _) -> _, instance, host: *const abi::Host| unsafe {
            function(instance, host, List::new(&config), std::ptr::from_ref(&networks::networks((*host).context)))
        };
        self.live.call(self.functions.import_config, call, settings)
    }
}

impl Seat for Native {
    fn call(&mut self, call: Call<'_>) -> Result<call::Answer> {
        let functions = self.functions;
        match call {
            Call::Observe(texts) => self.texts(functions.observe, texts, nothing),
            Call::Train => self.plain(functions.train, one_bytes),
            Call::Load(model) => self.bytes(functions.load, model),
            Call::Vocabulary => self.plain(functions.vocabulary, |answer| {
                let (tokens, specials) = (take(&mut answer.bytes), take(&mut answer.specials));
                Ok(Vocabulary { tokens, specials }.into())
            }),
            Call::Encode(texts) => {
                self.texts(functions.encode, texts, |answer| delivered("tokens", answer.tokens.take()))
            }
            Call::Decode(batch) => self.decode(batch),
            Call::Judge(documents) => {
                self.texts(functions.judge, documents, |answer| Ok(take(&mut answer.verdicts).into()))
            }
            Call::TwoPass => {
                // a filter that cannot say so is asked again by `judge`, whose error is heard
                let said = self.plain(functions.two_pass, |answer| Ok((answer.number.unwrap_or(0.0) != 0.0).into()));
                Ok(said.unwrap_or(false.into()))
            }
            Call::State => self.plain(functions.state, one_bytes),
            Call::Merge(state) => self.bytes(functions.merge, state),
            Call::Describe => self.plain(functions.describe, |answer| delivered("a graph", answer.graph.take())),
            Call::Info => self.plain(functions.info, |answer| delivered("unit and direction", answer.info.take())),
            Call::Update(pairs) => self.update(pairs),
            Call::Value => self.plain(functions.value, |answer| delivered("a number", answer.number)),
            Call::UpdatePrompted(pairs) => self.update_prompted(pairs),
            Call::Signature => self.plain(functions.signature.and_then(|table| table.signature), |answer| {
                let signature = String::from_utf8(answer.one_bytes()?);
                Ok(signature.map_err(|_| PluginError::internal("delivered text that is not UTF-8"))?.into())
            }),
            Call::Rules => self.rules(),
            Call::Measure(documents) => self.measure(documents),
            Call::Network(sizes) => {
                self.sized(functions.network, sizes, |answer| delivered("a network", answer.network.take()))
            }
            Call::ImportConfig(config) => self.import_config(config),
            Call::ExportConfig(sizes) => self.sized(functions.export_config, sizes, settings),
        }
    }
}

fn nothing(_answer: &mut Answer) -> Result<call::Answer> {
    Ok(().into())
}

fn settings(answer: &mut Answer) -> Result<call::Answer> {
    delivered("settings", answer.settings.take())
}

fn one_bytes(answer: &mut Answer) -> Result<call::Answer> {
    answer.one_bytes().map(Into::into)
}

fn pair(pair: &TextPair<'_>, references: &[Str]) -> abi::TextPair {
    abi::TextPair { hypothesis: List::new(pair.hypothesis.as_bytes()), references: List::new(references) }
}

fn strs(texts: &[&str]) -> Vec<Str> {
    texts.iter().map(|text| List::new(text.as_bytes())).collect()
}

/// What must have been delivered.
fn delivered<T: Into<call::Answer>>(what: &str, value: Option<T>) -> Result<call::Answer> {
    value.map(Into::into).ok_or_else(|| PluginError::internal(format!("returned without delivering {what}")))
}
