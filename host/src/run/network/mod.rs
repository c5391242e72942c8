//! `[model]` of a run's config: the plugin that describes the network, its settings, and the longest sequence.

mod described;
mod head;
mod kind;
mod of_task;

pub use described::{Described, VECTORS};
pub use head::check_head;
pub use kind::{Architecture, KindConfig};

use crate::Result;
use crate::feed::tasks::TaskConfig;
use crate::plugin::{Plugin, PluginConfig};
use crate::run::start::{Imported, StartConfig, merge};
use crate::settings::Section;
use kind::SIZE_MAX;
use schemars::JsonSchema;
use serde::Serialize;
use trainyard_plugin::{Kind, Sizes};

/// `[model]`: the network. It is written in one of two ways, and each is recorded as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ModelConfig {
    /// With `kind`: the built-in `gpt2` or `llama`.
    Kind(KindConfig),
    /// With `plugin`.
    Plugin(PluginModelConfig),
}

/// `[model]`: the network: a plugin with its settings, or with `kind` one of two built-in networks.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PluginModelConfig {
    /// Longest sequence, in tokens.
    pub context: usize,
    /// The plugin and its settings.
    #[serde(flatten)]
    pub plugin: PluginConfig,
}

/// The built-in that a config without `plugin` and `kind` has.
const DEFAULT: &str = "gpt2";

/// Keys of `[model]` that go with `kind`.
const OF_KIND: [&str; 11] =
    ["kind", "layers", "heads", "kv_heads", "width", "hidden", "dropout", "tied", "norm_epsilon", "gelu", "rope_theta"];
/// Keys of `[model]` that go with `plugin`.
const OF_PLUGIN: [&str; 9] =
    ["config", "trust", "draft", "sha256", "isolation", "on_error", "max_errors", "allow", "limits"];

/// Settings of a model's plugin that say which classes it has.
const OF_CLASSES: [&str; 2] = ["labels", "label_names"];

/// The default of the longest sequence, and of a model that starts from another one: many read far longer texts than a
/// run has the memory for.
const CONTEXT: usize = 256;
const STARTED_CONTEXT: usize = 1024;

/// Sizes of a model that its data decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataSizes {
    /// Tokens.
    pub vocab: usize,
    /// Classes, where a row's logits are not those of tokens; or else 0.
    pub labels: usize,
}

impl From<usize> for DataSizes {
    /// Sizes of a language model.
    fn from(vocab: usize) -> Self {
        Self { vocab, labels: 0 }
    }
}

impl PluginModelConfig {
    fn read(section: &mut Section<'_>, plugin: PluginConfig, context: usize) -> Self {
        section.misplaced("kind", "names a built-in, and so does model.plugin: expected one of them, remove the other");
        for key in OF_KIND {
            section.misplaced(key, format_args!("is a setting of the plugin: write model.config.{key}"));
        }
        Self { plugin, context: section.integer("context", 1..=SIZE_MAX, context) }
    }

    /// The model that a run starts from, changed as far as its weights allow.
    fn started(section: &mut Section<'_>, start: &StartConfig, task: &TaskConfig) -> Self {
        let is_named = section.holds("plugin");
        let mut plugin = match is_named {
            true => PluginConfig::read(section, None),
            false => PluginConfig::read_named(section, String::new()),
        };
        let imported = match Imported::open(&start.from, is_named.then_some(&plugin)) {
            Ok(imported) => imported,
            Err(error) => {
                // Of a run that has begun, the rest of the config says it all. A folder that is not there was reported.
                if start.from.exists() {
                    section.problem("plugin", error);
                }
                return Self::read(section, plugin, CONTEXT);
            }
        };
        let is_head_given = plugin.config.contains_key("head");
        // classes are those of the run's data
        let mut own = imported.config.config;
        OF_CLASSES.iter().for_each(|key| drop(own.remove(*key)));
        match merge(&own, &plugin.config, imported.folder.root()) {
            Ok(merged) => plugin.config = merged,
            Err(error) => section.problem("config", error),
        }
        plugin.plugin = imported.config.plugin;
        of_task::choose_head(section, &mut plugin, is_head_given, task);
        Self::read(section, plugin, imported.context.min(STARTED_CONTEXT))
    }
}

impl ModelConfig {
    /// What `[model]` may contain: without a word it is as `start` says, if the run starts from another model, with the
    /// head that `task` needs.
    pub(crate) fn read(section: &mut Section<'_>, start: Option<&StartConfig>, task: &TaskConfig) -> Self {
        if section.is_dry() {
            // the reference shows both ways
            PluginConfig::read(section, Some(DEFAULT));
            return Self::Kind(KindConfig::read(section));
        }
        if let Some(start) = start.filter(|_| !section.holds("kind")) {
            return Self::Plugin(PluginModelConfig::started(section, start, task));
        }
        if !section.holds("plugin") {
            for key in OF_PLUGIN {
                section.misplaced(key, "belongs to a plugin, expected model.plugin as well: its name or file");
            }
            return Self::Kind(KindConfig::read(section));
        }
        let mut plugin = PluginConfig::read(section, Some(DEFAULT));
        let is_head_given = plugin.config.contains_key("head");
        of_task::choose_head(section, &mut plugin, is_head_given, task);
        Self::Plugin(PluginModelConfig::read(section, plugin, CONTEXT))
    }

    /// Longest sequence, in tokens.
    pub fn context(&self) -> usize {
        match self {
            Self::Kind(kind) => kind.context,
            Self::Plugin(plugin) => plugin.context,
        }
    }

    /// The plugin and its settings: with `kind` the built-in that it means.
    pub fn plugin(&self) -> PluginConfig {
        match self {
            Self::Kind(kind) => kind.plugin(),
            Self::Plugin(plugin) => plugin.plugin.clone(),
        }
    }

    /// The plugin's table in the config; none where the config is written with `kind`.
    pub fn named_plugin(&self) -> Option<&PluginConfig> {
        match self {
            Self::Kind(_) => None,
            Self::Plugin(plugin) => Some(&plugin.plugin),
        }
    }

    /// The same, to be changed.
    pub fn named_plugin_mut(&mut self) -> Option<&mut PluginConfig> {
        match self {
            Self::Kind(_) => None,
            Self::Plugin(plugin) => Some(&mut plugin.plugin),
        }
    }

    /// Sizes that the plugin is asked for.
    pub fn sizes(&self, data: impl Into<DataSizes>) -> Sizes {
        let DataSizes { vocab, labels } = data.into();
        let small = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        Sizes::new(small(vocab), small(self.context())).labels(small(labels))
    }

    /// What a new instance of the plugin describes for the sizes of the data: for predictions and tests. A run
    /// asks the plugin that it recorded, [`crate::run::RunPlugins::described`].
    ///
    /// # Errors
    /// A plugin that cannot be opened or refuses its settings, sizes that no network can have.
    pub fn described(&self, data: impl Into<DataSizes>) -> Result<Described> {
        Described::new(&Plugin::open(&self.plugin(), Kind::Model)?, &self.sizes(data))
    }

    /// A size by its key, where the config gives it.
    pub fn size(&self, key: &str) -> Option<usize> {
        match (self, key) {
            (_, "context") => Some(self.context()),
            (Self::Kind(kind), "layers") => Some(kind.layers),
            (Self::Kind(kind), "width") => Some(kind.width),
            (Self::Kind(kind), "hidden") => Some(kind.hidden),
            (Self::Kind(_), _) => None,
            (Self::Plugin(plugin), _) => {
                plugin.plugin.config.get(key)?.as_integer().and_then(|size| usize::try_from(size).ok())
            }
        }
    }

    /// Where a size is written.
    pub(crate) fn place(&self, key: &str) -> String {
        match self {
            Self::Plugin(_) if key != "context" => format!("model.config.{key}"),
            _ => format!("model.{key}"),
        }
    }

    /// Sets a size by its key.
    pub(crate) fn set(&mut self, key: &str, value: usize) {
        match (self, key) {
            (Self::Kind(kind), "context") => kind.context = value,
            (Self::Plugin(plugin), "context") => plugin.context = value,
            (Self::Kind(kind), _) => kind.set(key, value),
            (Self::Plugin(plugin), _) => {
                let value = i64::try_from(value).unwrap_or(i64::MAX);
                plugin.plugin.config.insert(key.to_owned(), value.into());
            }
        }
    }

    /// The model with sizes whose products can be computed. Larger ones need more memory than there is in any case.
    pub(crate) fn bounded(&self) -> Self {
        match self {
            Self::Kind(kind) => Self::Kind(kind.bounded()),
            Self::Plugin(_) => self.clone(),
        }
    }

    /// Share of activations that numerics 1 set to zero: with `kind` alone, because it is older than plugins.
    pub(crate) fn dropout_by_kind(&self) -> f64 {
        match self {
            Self::Kind(kind) => kind.dropout,
            Self::Plugin(_) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::run::RunConfig;

    fn read(model: &str) -> crate::Result<RunConfig> {
        let text = format!("[[data.source]]\npath = 'x.txt'\n[tokenizer]\nplugin = 'byte'\n[model]\n{model}\n");
        RunConfig::parse(&text, &[])
    }

    #[track_caller]
    fn refused(model: &str, expected: &str) {
        let error = read(model).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn both_spellings_describe_one_network() {
        let old = read("kind = 'llama'\nlayers = 3\nheads = 2\nwidth = 16\nhidden = 32\nkv_heads = 1\ncontext = 8");
        let new =
            "plugin = 'llama'\ncontext = 8\nconfig = { layers = 3, heads = 2, width = 16, hidden = 32, kv_heads = 1 }";
        let [old, new] = [old, read(new)].map(|config| config.expect("a good config").model);
        let [a, b] = [&old, &new].map(|model| model.described(50).expect("a network").network);
        assert!(a == b && a.blocks.len() == 3, "{} and {} layers", a.layers.len(), b.layers.len());
        assert_eq!(
            (old.size("width"), new.size("width"), new.place("width").as_str()),
            (Some(16), Some(16), "model.config.width")
        );
    }

    #[test]
    fn a_config_is_written_as_it_is_read() {
        for model in
            ["kind = 'gpt'", "plugin = 'gpt2'\n[model.config]\nlayers = 2", "plugin = 'a/b.wasm'\ndraft = true"]
        {
            let config = read(model).expect("a good config");
            let text = config.to_toml().expect("it is TOML");
            assert_eq!(RunConfig::parse(&text, &[]).expect(&text), config, "{text}");
        }
    }

    #[test]
    fn spellings_do_not_mix() {
        refused("plugin = 'gpt2'\nkind = 'gpt'", "model.kind: names a built-in, and so does model.plugin");
        refused("plugin = 'gpt2'\nlayers = 4", "model.layers: is a setting of the plugin: write model.config.layers");
        refused(
            "kind = 'gpt'\nconfig = { layers = 4 }",
            "model.config: belongs to a plugin, expected model.plugin as well",
        );
        refused("plugin = 'gpt2'\nlayer = 4", "model: unknown key \"layer\"");
    }
}
