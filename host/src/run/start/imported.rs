//! A model that another program, or another run, has saved.

use super::family::family_of;
use super::folder::weights_folder;
use crate::formats::hf::Folder;
use crate::plugin::{Plugin, PluginConfig};
use crate::run::OpenedRun;
use crate::run::checkpoint::MANIFEST;
use crate::{Error, Result};
use std::path::Path;
use toml::Value as Toml;
use trainyard_plugin::network::Network;
use trainyard_plugin::{Kind, Setting, Sizes, Value};

/// The setting of a family with the number of positions that it has.
const CONTEXT: &str = "context";

/// A folder whose `config.json` a model plugin has read. Its weights are opened when they are needed.
pub struct Imported {
    /// The folder.
    pub folder: Folder,
    /// The plugin, with the settings that make this model.
    pub plugin: Plugin,
    /// As a config names it.
    pub config: PluginConfig,
    /// Tokens in its vocabulary.
    pub vocab: usize,
    /// The longest sequence that it reads, in tokens.
    pub context: usize,
}

impl Imported {
    /// Opens the folder `from`, with `named` as the plugin that reads it, or else the built-in one for it.
    ///
    /// # Errors
    /// No such folder, no plugin that reads it, or a `config.json` with what the plugin does not know.
    pub fn open(from: &Path, named: Option<&PluginConfig>) -> Result<Self> {
        let folder = Folder::open(&weights_folder(from)?)?;
        if let Some((config, context)) = of_run(folder.root(), named)? {
            let plugin = Plugin::open(&config, Kind::Model)?;
            return Ok(Self { vocab: folder.sizes.vocab, folder, plugin, config, context });
        }
        let bare = named.map(|named| PluginConfig { config: toml::Table::new(), ..named.clone() });
        let family = family_of(&folder.config, bare.as_ref())?;
        let context = |error: Error| error.context(folder.root().display());
        let settings =
            family.model().and_then(|model| Ok(model.import(&folder.config.settings()?)?)).map_err(context)?;
        let longest = settings.iter().find(|setting| setting.key == CONTEXT);
        let longest = match longest.map(|setting| &setting.value) {
            Some(Value::Integer(longest)) if *longest > 0 => usize::try_from(*longest).unwrap_or(folder.sizes.context),
            _ => folder.sizes.context,
        };
        let table = to_toml(&settings);
        let plugin = family.with_settings(&table)?;
        let config = match named {
            Some(named) => PluginConfig { config: table, ..named.clone() },
            None => PluginConfig { config: table, ..PluginConfig::new(plugin.identity().name.as_str()) },
        };
        Ok(Self { plugin, config, vocab: folder.sizes.vocab, context: longest, folder })
    }

    /// Its network, with a vocabulary of `vocab` tokens, for sequences of at most `context`.
    ///
    /// # Errors
    /// Settings or sizes that the plugin refuses.
    pub fn network(&self, vocab: usize, context: usize) -> Result<Network> {
        let size = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        let sizes = Sizes::new(size(vocab), size(context)).labels(size(self.folder.sizes.labels));
        Ok(self.plugin.model()?.describe(&sizes)?)
    }
}

/// The model plugin and the context of the run that a checkpoint is of: it needs no `config.json` that other programs
/// know. None of a folder that is in no run, or where `named` is another plugin. What the run has trusted its plugin
/// with is not taken over.
fn of_run(folder: &Path, named: Option<&PluginConfig>) -> Result<Option<(PluginConfig, usize)>> {
    let checkpoints = folder.parent().filter(|parent| parent.ends_with("checkpoints"));
    let Some(root) = checkpoints.and_then(Path::parent) else { return Ok(None) };
    if !folder.join(MANIFEST).is_file() || !root.join("config.toml").is_file() {
        return Ok(None);
    }
    let run = OpenedRun::open(root, &[], &["model"])?;
    let PluginConfig { plugin, config, draft, .. } = run.config.model.plugin();
    if named.is_some_and(|named| named.plugin != plugin) {
        return Ok(None);
    }
    let named = named.cloned().unwrap_or_else(|| PluginConfig::new(plugin.as_str()));
    let draft = draft || named.draft;
    Ok(Some((PluginConfig { plugin, config, draft, ..named }, run.config.model.context())))
}

/// Settings as a config has them.
fn to_toml(settings: &[Setting]) -> toml::Table {
    let value = |value: &Value| match value {
        Value::Boolean(value) => Toml::Boolean(*value),
        Value::Integer(value) => Toml::Integer(*value),
        Value::Number(value) => Toml::Float(*value),
        Value::Text(text) => Toml::String(text.clone()),
        Value::Numbers(values) => Toml::Array(values.iter().copied().map(Toml::Float).collect()),
        Value::Texts(texts) => Toml::Array(texts.iter().cloned().map(Toml::String).collect()),
    };
    settings.iter().map(|setting| (setting.key.clone(), value(&setting.value))).collect()
}
