//! The plugin seam: built-in, WASM and native plugins behind one type.
//!
//! [`Plugin::open`] reads a plugin once; its methods make instances, one per worker thread, as `Box<dyn Tokenizer>` and
//! so on. Everything above sees only those traits. What an instance answers was checked, and its errors begin with the
//! culprit.

mod build;
mod builtin;
mod checked;
mod config;
mod file;
mod grant;
mod guard;
mod hugging_face;
mod inspect;
mod instance;
mod language;
mod limits;
mod list;
mod log;
mod missing;
mod native;
mod new;
mod open;
#[cfg(unix)]
mod process;
mod settings;
mod wasm;

pub use build::{Forms, build, build_all, is_builtin_only};
pub use builtin::names as builtin_names;
pub(crate) use checked::Specials;
pub use config::{Isolation, OnError, PluginConfig, RESERVED_NAMES, Trust};
pub use grant::Grant;
pub(crate) use guard::PLUGIN_ERROR;
pub use guard::Usage;
pub(crate) use hugging_face::hugging_face_tokenizer;
pub use inspect::{Inspection, inspect};
pub use language::Language;
pub use limits::Limits;
pub use list::{Listed, list, search_path};
pub use new::NewPlugin;
pub use open::is_file;
#[cfg(unix)]
pub use process::{serve_as_worker, work};
pub(crate) use wasm::Cache;

use crate::Result;
use crate::base::clean;
use checked::Checked;
use guard::{Counters, Guarded, Source};
use log::Log;
use serde::{Deserialize, Serialize};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use trainyard_plugin::{Builtin, Filter, Identity, Loss, MEASURES, Metric, TextMetric, Tokenizer};

/// A plugin, loaded once: its file read, its identity checked, its WASM compiled. Instances are cheap.
pub struct Plugin {
    identity: Identity,
    stamp: Stamp,
    source: Arc<Source>,
}

/// Characters of a plugin's name or version in messages.
const NAME_CHARS: usize = 60;

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
    /// What its sandbox was opened for, as the config says it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
}

enum Backend {
    Builtin(&'static Builtin),
    Wasm(wasm::Module),
    Native(native::Library),
    #[cfg(unix)]
    Process(process::Isolated),
}

impl Backend {
    fn name(&self) -> &'static str {
        match self {
            Backend::Builtin(_) => "builtin",
            Backend::Wasm(_) => "wasm",
            Backend::Native(_) => "native",
            #[cfg(unix)]
            Backend::Process(isolated) => isolated.backend(),
        }
    }
}

impl Plugin {
    fn new(identity: Identity, sha256: String, backend: Arc<Backend>, config: &PluginConfig) -> Result<Self> {
        let settings = settings::from_toml(&identity.name, &config.config)?;
        let digest = sha256.get(..4).map(|start| format!(", {start}…")).unwrap_or_default();
        let (name, version) = (clean::clip(&identity.name, NAME_CHARS), clean::clip(&identity.version, NAME_CHARS));
        let culprit = format!("plugin \"{name}\" {version} ({}{digest})", backend.name());
        let stamp = Stamp {
            name: identity.name.clone(),
            version: identity.version.clone(),
            kind: identity.kind.name().into(),
            backend: backend.name().into(),
            sha256,
            settings: settings::canonical(&settings),
            allow: config.allow.iter().map(Grant::to_string).collect(),
        };
        let source = Source {
            culprit: culprit.into(),
            settings,
            backend,
            config: config.clone(),
            measures: identity.has(MEASURES),
            counters: Counters::default(),
            is_special_reported: AtomicBool::new(false),
            is_loaded: AtomicBool::new(false),
            log: Mutex::new(Log::new(identity.name.as_str().into(), &config.limits)),
        };
        Ok(Self { identity, stamp, source: Arc::new(source) })
    }

    /// The same plugin with other settings, without loading it again.
    pub fn with_settings(&self, settings: &toml::Table) -> Result<Self> {
        let backend = match &*self.source.backend {
            #[cfg(unix)]
            Backend::Process(isolated) => Arc::new(Backend::Process(isolated.with_settings(settings)?)),
            _ => self.source.backend.clone(),
        };
        let config = PluginConfig { config: settings.clone(), ..self.source.config.clone() };
        Self::new(self.identity.clone(), self.stamp.sha256.clone(), backend, &config)
    }

    /// How results name it: as the config says, or as it names itself.
    pub fn result_name(&self) -> &str {
        self.source.config.name.as_deref().unwrap_or(&self.identity.name)
    }

    /// Its settings, as the config gives them.
    pub(crate) fn settings_given(&self) -> &toml::Table {
        &self.source.config.config
    }

    /// Who it says it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What a run records of it.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// The settings that the config gives, each with its value as text.
    pub fn settings(&self) -> impl Iterator<Item = (String, String)> {
        self.source.settings.iter().map(|setting| (setting.key.clone(), settings::value_text(&setting.value)))
    }

    /// Who is to blame, as in all its errors: `plugin "focal" 0.1.0 (wasm, 3f9c…)`.
    pub fn culprit(&self) -> &str {
        &self.source.culprit
    }

    /// What it did and cost so far, over all its instances.
    pub fn usage(&self) -> Usage {
        self.source.counters.usage()
    }

    /// A new tokenizer with the config's settings.
    pub fn tokenizer(&self) -> Result<Box<dyn Tokenizer>> {
        Ok(Box::new(Guarded::<Checked<dyn Tokenizer>>::new(self.source.clone())?))
    }

    /// A new filter with the config's settings.
    pub fn filter(&self) -> Result<Box<dyn Filter>> {
        Ok(Box::new(Guarded::<Checked<dyn Filter>>::new(self.source.clone())?))
    }

    /// A new loss with the config's settings.
    pub fn loss(&self) -> Result<Box<dyn Loss>> {
        Ok(Box::new(Guarded::<Checked<dyn Loss>>::new(self.source.clone())?))
    }

    /// A new metric with the config's settings.
    pub fn metric(&self) -> Result<Box<dyn Metric>> {
        Ok(Box::new(Guarded::<Checked<dyn Metric>>::new(self.source.clone())?))
    }

    /// A new text metric with the config's settings.
    pub fn text_metric(&self) -> Result<Box<dyn TextMetric>> {
        Ok(Box::new(Guarded::<Checked<dyn TextMetric>>::new(self.source.clone())?))
    }
}
