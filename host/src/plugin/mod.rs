//! The plugin seam: built-in, WASM and native plugins behind one type.
//!
//! [`Plugin::open`] reads a plugin once; its methods make instances, one per worker thread, as `Box<dyn Tokenizer>` and
//! so on. Everything above sees only those traits. What an instance answers was checked, and its errors begin with the
//! culprit.

mod build;
mod builtin;
mod checked;
mod config;
mod dirs;
mod file;
mod grant;
mod inspect;
mod instance;
mod language;
mod limits;
mod list;
mod log;
mod native;
mod new;
mod open;
mod settings;
mod wasm;

pub use build::{Forms, build};
pub use config::{Isolation, OnError, PluginConfig, Trust};
pub use grant::Grant;
pub use inspect::{Inspection, inspect};
pub use language::Language;
pub use limits::Limits;
pub use list::{Listed, list, search_path};
pub use new::NewPlugin;
pub use open::is_file;
pub(crate) use wasm::Cache;

use crate::{Error, Result};
use checked::{Checked, blame};
use instance::Instance;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use trainyard_plugin::{Builtin, Filter, Identity, Kind, Loss, Metric, Setting, TextMetric, Tokenizer};

/// A plugin, loaded once: its file read, its identity checked, its WASM compiled. Instances are cheap.
pub struct Plugin {
    identity: Identity,
    stamp: Stamp,
    settings: Vec<Setting>,
    backend: Backend,
    /// Begins every error: `plugin "focal" 0.1.0 (wasm, 3f9c…)`.
    culprit: Arc<str>,
}

/// One plugin serves all worker threads, each with an instance of its own.
const _: fn(&Plugin) -> &(dyn Send + Sync) = |plugin| plugin;

/// What a run and its checkpoints record of a plugin; another stamp is another plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamp {
    /// As in its identity.
    pub name: String,
    /// As in its identity.
    pub version: String,
    /// `tokenizer`, `filter`, `loss`, `metric` or `text-metric`.
    pub kind: String,
    /// `builtin`, `wasm` or `native`.
    pub backend: String,
    /// Of the file, in lower-case hexadecimal; empty for a built-in.
    pub sha256: String,
    /// The config's settings as one line.
    pub settings: String,
}

enum Backend {
    Builtin(&'static Builtin),
    Wasm(wasm::Module),
    Native(native::Library),
}

impl Backend {
    fn name(&self) -> &'static str {
        match self {
            Backend::Builtin(_) => "builtin",
            Backend::Wasm(_) => "wasm",
            Backend::Native(_) => "native",
        }
    }
}

impl Plugin {
    fn new(identity: Identity, sha256: String, backend: Backend, config: &PluginConfig) -> Result<Self> {
        let settings = settings::from_toml(&identity.name, &config.config)?;
        let digest = sha256.get(..4).map(|start| format!(", {start}…")).unwrap_or_default();
        let culprit = format!("plugin {:?} {} ({}{digest})", identity.name, identity.version, backend.name());
        let stamp = Stamp {
            name: identity.name.clone(),
            version: identity.version.clone(),
            kind: identity.kind.name().into(),
            backend: backend.name().into(),
            sha256,
            settings: settings::canonical(&settings),
        };
        Ok(Self { identity, stamp, settings, backend, culprit: culprit.into() })
    }

    /// Who it says it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What a run records of it.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// Who is to blame, as in all its errors: `plugin "focal" 0.1.0 (wasm, 3f9c…)`.
    pub fn culprit(&self) -> &str {
        &self.culprit
    }

    /// A new tokenizer with the config's settings.
    pub fn tokenizer(&self) -> Result<Box<dyn Tokenizer>> {
        match self.create()? {
            Instance::Tokenizer(plugin) => Ok(Box::new(Checked::new(self.culprit.clone(), plugin))),
            other => Err(self.wrong_kind(other.kind(), Kind::Tokenizer)),
        }
    }

    /// A new filter with the config's settings.
    pub fn filter(&self) -> Result<Box<dyn Filter>> {
        match self.create()? {
            Instance::Filter(plugin) => Ok(Box::new(Checked::new(self.culprit.clone(), plugin))),
            other => Err(self.wrong_kind(other.kind(), Kind::Filter)),
        }
    }

    /// A new loss with the config's settings.
    pub fn loss(&self) -> Result<Box<dyn Loss>> {
        match self.create()? {
            Instance::Loss(plugin) => Ok(Box::new(Checked::new(self.culprit.clone(), plugin))),
            other => Err(self.wrong_kind(other.kind(), Kind::Loss)),
        }
    }

    /// A new metric with the config's settings.
    pub fn metric(&self) -> Result<Box<dyn Metric>> {
        match self.create()? {
            Instance::Metric(plugin) => Ok(Box::new(Checked::new(self.culprit.clone(), plugin))),
            other => Err(self.wrong_kind(other.kind(), Kind::Metric)),
        }
    }

    /// A new text metric with the config's settings.
    pub fn text_metric(&self) -> Result<Box<dyn TextMetric>> {
        match self.create()? {
            Instance::TextMetric(plugin) => Ok(Box::new(Checked::new(self.culprit.clone(), plugin))),
            other => Err(self.wrong_kind(other.kind(), Kind::TextMetric)),
        }
    }

    fn create(&self) -> Result<Instance> {
        let created = match &self.backend {
            Backend::Builtin(builtin) => builtin::create(builtin, &self.settings),
            Backend::Wasm(module) => module.create(&self.settings),
            Backend::Native(library) => library.create(&self.settings),
        };
        created.map_err(|error| blame(&self.culprit, "create", error).into())
    }

    fn wrong_kind(&self, got: Kind, expected: Kind) -> Error {
        Error::plugin(format!("{}: is a {got}, expected a {expected}", self.culprit))
    }
}
