//! Architectures.

use crate::network::Network;
use crate::{PluginError, Result, Setting, Value};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// A model, described and not executed.
///
/// `describe` is called before training. It returns the network as data ([`Network`]); the host checks it, plans its
/// memory, derives its backward and runs it on its own device. The plugin is never entered in a step, and a sandboxed
/// model costs what a built-in one costs.
///
/// The same settings and sizes must always give the same network. A model can be created without any setting: their
/// defaults make a small one.
pub trait Model: Send {
    /// The network for these sizes; its head `logits` has `vocab` columns, or `labels` for a classifier.
    ///
    /// # Errors
    /// Sizes that do not fit the settings.
    fn describe(&self, sizes: &Sizes) -> Result<Network>;

    /// Settings that make the model of a Hugging Face `config.json`, whose nested keys are joined with dots and whose
    /// nulls are left out. Read it with [`ConfigKeys`].
    ///
    /// # Errors
    /// A key that the model does not know, a value that it cannot have.
    fn import(&self, _config: &[Setting]) -> Result<Vec<Setting>> {
        Err(PluginError::unsupported("this model reads no config.json of other programs"))
    }

    /// The `config.json` of this model, written as [`Model::import`] reads it; with `model_type` and `architectures`.
    ///
    /// # Errors
    /// Settings that `config.json` cannot say.
    fn export(&self, _sizes: &Sizes) -> Result<Vec<Setting>> {
        Err(PluginError::unsupported("this model has no form for other programs"))
    }
}

/// Sizes that the host knows and a model is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Sizes {
    /// Tokens in the vocabulary.
    pub vocab: u32,
    /// Longest sequence, in tokens.
    pub context: u32,
    /// Classes of a classifier; 0 where there are none.
    pub labels: u32,
}

impl Sizes {
    /// Sizes of a language model.
    pub const fn new(vocab: u32, context: u32) -> Self {
        Self { vocab, context, labels: 0 }
    }

    /// The same with this number of classes.
    pub const fn labels(self, labels: u32) -> Self {
        Self { labels, ..self }
    }
}

/// Reads a flattened `config.json` and remembers which keys were asked for.
///
/// ```
/// use trainyard_plugin::{ConfigKeys, Setting, Value};
///
/// let config = [Setting { key: "hidden_size".into(), value: Value::Integer(64) }];
/// let keys = ConfigKeys::new(&config);
/// assert_eq!(keys.integer("hidden_size")?, Some(64));
/// keys.harmless(&["torch_dtype", "transformers_version"]);
/// keys.finish()?;
/// # Ok::<(), trainyard_plugin::PluginError>(())
/// ```
#[derive(Debug)]
pub struct ConfigKeys<'a> {
    config: &'a [Setting],
    asked: RefCell<BTreeSet<String>>,
    harmless: RefCell<Vec<String>>,
}

impl<'a> ConfigKeys<'a> {
    /// Nothing was asked for yet.
    pub fn new(config: &'a [Setting]) -> Self {
        Self { config, asked: RefCell::default(), harmless: RefCell::default() }
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.asked.borrow_mut().insert(key.to_owned());
        self.config.iter().find(|setting| setting.key == key).map(|setting| &setting.value)
    }

    /// A whole number.
    ///
    /// # Errors
    /// A value of another type.
    pub fn integer(&self, key: &str) -> Result<Option<i64>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Integer(value)) => Ok(Some(*value)),
            Some(other) => Err(unexpected(key, "a whole number", other)),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// A value of another type.
    pub fn number(&self, key: &str) -> Result<Option<f64>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Number(value)) => Ok(Some(*value)),
            Some(Value::Integer(value)) => Ok(Some(*value as f64)),
            Some(other) => Err(unexpected(key, "a number", other)),
        }
    }

    /// True or false.
    ///
    /// # Errors
    /// A value of another type.
    pub fn flag(&self, key: &str) -> Result<Option<bool>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Boolean(value)) => Ok(Some(*value)),
            Some(other) => Err(unexpected(key, "true or false", other)),
        }
    }

    /// Text.
    ///
    /// # Errors
    /// A value of another type.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Text(value)) => Ok(Some(value)),
            Some(other) => Err(unexpected(key, "text", other)),
        }
    }

    /// A list of texts.
    ///
    /// # Errors
    /// A value of another type.
    pub fn texts(&self, key: &str) -> Result<Option<&'a [String]>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Texts(values)) => Ok(Some(values)),
            Some(other) => Err(unexpected(key, "a list of texts", other)),
        }
    }

    /// Refuses a value of `key` other than these: what the model cannot do otherwise. A key that is not there is fine.
    ///
    /// # Errors
    /// Another value.
    pub fn only(&self, key: &str, allowed: &[Value]) -> Result<()> {
        match self.get(key) {
            Some(value) if !allowed.contains(value) => {
                let expected: Vec<_> = allowed.iter().map(|value| format!("{value:?}")).collect();
                Err(unexpected(key, &expected.join(" or "), value))
            }
            _ => Ok(()),
        }
    }

    /// Keys that change nothing here; one that ends in `*` stands for all that begin like it.
    pub fn harmless(&self, keys: &[&str]) {
        self.harmless.borrow_mut().extend(keys.iter().map(|key| (*key).to_owned()));
    }

    /// Refuses keys that were neither asked for nor called harmless.
    ///
    /// # Errors
    /// The first such key.
    pub fn finish(&self) -> Result<()> {
        let (asked, harmless) = (self.asked.borrow(), self.harmless.borrow());
        let is_harmless = |key: &str| {
            harmless.iter().any(|known| known.strip_suffix('*').map_or(known == key, |start| key.starts_with(start)))
        };
        match self.config.iter().find(|setting| !asked.contains(&setting.key) && !is_harmless(&setting.key)) {
            None => Ok(()),
            Some(Setting { key, value }) => Err(PluginError::config(format!(
                "config.json: {key} = {value:?} is a key that this model does not know, and may change what it computes"
            ))),
        }
    }
}

fn unexpected(key: &str, expected: &str, value: &Value) -> PluginError {
    PluginError::config(format!("config.json: {key}: expected {expected}, got {value:?}"))
}
