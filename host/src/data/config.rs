//! `[data]` and `[tokenizer]` of a run's config.

use crate::plugin::PluginConfig;
use serde::Serialize;
use std::path::PathBuf;

/// `[data]`: where documents come from, which stay, and how they are split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataConfig {
    /// `[[data.source]]`, at least one.
    pub source: Vec<SourceConfig>,
    /// `[[data.filter]]`, applied in this order.
    pub filter: Vec<PluginConfig>,
    /// Share of documents held out for validation while training, 0 to below 1.
    pub validation: f64,
    /// Share of documents held out for the final test, 0 to below 1.
    pub test: f64,
}

/// `[[data.source]]`: one file or folder.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceConfig {
    /// A `.txt` or `.jsonl` file, also `.gz` or `.zst`, or a folder of such; absolute after loading.
    pub path: PathBuf,
    /// For text files: a regular expression; each match at the start of a line begins a new document.
    /// Without it a file is one document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// For JSON lines: the field that holds the text.
    pub text_field: String,
    /// For JSON lines: the field that holds the document's id; without it (or without the field) ids are made from file and line.
    pub id_field: String,
    /// What to do with invalid UTF-8.
    pub invalid_utf8: InvalidUtf8,
}

/// What to do with a document that is not valid UTF-8. Counted in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InvalidUtf8 {
    /// Stop, naming file and byte offset.
    Error,
    /// Replace what is invalid by U+FFFD.
    Replace,
    /// Drop the document.
    Drop,
}

/// `[tokenizer]`: the plugin, and where its model comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TokenizerConfig {
    /// The plugin and its settings.
    #[serde(flatten)]
    pub plugin: PluginConfig,
    /// A trained model, for example a `tokenizer.json`; without it the tokenizer is trained on the training split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
}
