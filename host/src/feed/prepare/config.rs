//! `[tokenizer]` of a run's config.

use crate::feed::declared_end_of_text;
use crate::plugin::PluginConfig;
use crate::settings::Section;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::PathBuf;

/// `[tokenizer]`: the plugin, and where its model comes from.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TokenizerConfig {
    /// The plugin and its settings.
    #[serde(flatten)]
    pub plugin: PluginConfig,
    /// A trained model, for example a `tokenizer.json`; without it the tokenizer is trained on the training split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// Name of the token that ends a document, or `none`; without it the tokenizer says which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_of_text: Option<String>,
}

/// The plugin that reads the `tokenizer.json` of the model that training starts from.
const STARTED: &str = "hf-tokenizer";

impl TokenizerConfig {
    /// What `[tokenizer]` may contain. Without a plugin it is `start`, the `tokenizer.json` of the model that training
    /// starts from, if there is one.
    pub(crate) fn read(section: &mut Section<'_>, start: Option<PathBuf>) -> Self {
        let is_started = start.is_some() && !section.holds("plugin");
        let plugin = PluginConfig::read(section, start.as_ref().map(|_| STARTED));
        let model = section.path("model").or(start.filter(|_| is_started));
        let given = section.text_that("end_of_text", "the name of a token, or \"none\"", |name| !name.is_empty());
        // only built-ins read files of Hugging Face, and other files next to them declare more
        let declared = || model.as_deref().filter(|_| plugin.file().is_none()).and_then(declared_end_of_text);
        let end_of_text = given.or_else(declared);
        Self { plugin, model, end_of_text }
    }
}
