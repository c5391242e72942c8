//! The plugin seam: built-in, WASM and native plugins behind one type.
//!
//! [`Plugin::open`] reads a plugin once; its methods make instances, one per worker thread, as `Box<dyn Tokenizer>` and
//! so on. Everything above sees only those traits. Below them every function of every kind is a [`Call`] with an
//! answer: a backend (`backends`) carries it to the plugin, `checked` checks what is answered and names the culprit in
//! errors, and `guard` applies the policy of the config. `kinds` has one file per kind.

mod backends;
mod build;
mod call;
mod checked;
#[cfg(unix)]
mod codec;
mod config;
mod file;
mod grant;
mod guard;
mod hugging_face;
mod inspect;
mod kinds;
mod language;
mod limits;
mod list;
mod listing;
mod log;
mod missing;
mod new;
mod open;
mod seat;
mod settings;

pub use backends::builtin::{abilities as builtin_abilities, names as builtin_names};
#[cfg(unix)]
pub use backends::process::{serve_as_worker, work};
pub(crate) use backends::wasm::Cache;
pub use build::{Forms, build, build_all, is_builtin_only};
pub(crate) use call::{Call, Function};
pub use config::{Isolation, OnError, PluginConfig, RESERVED_NAMES, Trust};
pub use grant::Grant;
pub use guard::Usage;
pub(crate) use hugging_face::{hugging_face_tokenizer, with_added_token};
pub use inspect::{Inspection, inspect};
pub(crate) use kinds::{Instance, METRICS, PLUGIN_ERROR, Specials};
pub use language::Language;
pub use limits::Limits;
pub use list::{Listed, list, search_path};
pub use listing::listing;
pub use new::NewPlugin;
pub use open::is_file;

use crate::Result;
use crate::base::clean;
use guard::{Counters, Source};
use log::Log;
use seat::Backend;
use serde::{Deserialize, Serialize};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use trainyard_plugin::Identity;

/// A plugin, loaded once: its file read, its identity checked, its WASM compiled. Instances are cheap.
pub struct Plugin {
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
    /// The name of its kind, such as `filter`.
    pub kind: String,
    /// `builtin`, `wasm` or `native`.
    pub backend: String,
    /// Digest of the file, in lower-case hexadecimal; empty for a built-in.
    pub sha256: String,
    /// The config's settings as one line.
    pub settings: String,
    /// What its sandbox was opened for, as the config says it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
}

impl Plugin {
    fn new(identity: Identity, sha256: String, backend: Arc<dyn Backend>, config: &PluginConfig) -> Result<Self> {
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
            counters: Counters::default(),
            is_warned: AtomicBool::new(false),
            is_loaded: AtomicBool::new(false),
            log: Mutex::new(Log::new(identity.name.as_str().into(), &config.limits)),
            identity,
        };
        Ok(Self { stamp, source: Arc::new(source) })
    }

    /// The same plugin with other settings, without loading it again.
    ///
    /// # Errors
    /// Settings that are not flat.
    pub fn with_settings(&self, settings: &toml::Table) -> Result<Self> {
        let own = self.source.backend.with_settings(settings)?;
        let backend = own.unwrap_or_else(|| self.source.backend.clone());
        let config = PluginConfig { config: settings.clone(), ..self.source.config.clone() };
        Self::new(self.identity().clone(), self.stamp.sha256.clone(), backend, &config)
    }

    /// How results name it: as the config says, or as it names itself.
    pub fn result_name(&self) -> &str {
        self.source.config.name.as_deref().unwrap_or(&self.identity().name)
    }

    /// Its settings, as the config gives them.
    pub(crate) fn settings_given(&self) -> &toml::Table {
        &self.source.config.config
    }

    /// Who it says it is.
    pub fn identity(&self) -> &Identity {
        &self.source.identity
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
}
