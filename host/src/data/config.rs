//! `[data]` and `[tokenizer]` of a run's config.

use crate::config::Section;
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
    /// For JSON lines: the field that holds the document's id; without it (or without the field) ids are made from file
    /// and line.
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

impl DataConfig {
    /// What `[data]` may contain.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let source = section.sections("source", SourceConfig::read);
        if source.as_ref().is_none_or(Vec::is_empty) {
            section.problem("source", "expected at least one [[data.source]], got none");
        }
        let config = Self {
            source: source.unwrap_or_default(),
            filter: section.sections("filter", |section| PluginConfig::read(section, None)).unwrap_or_default(),
            validation: section.number("validation", 0.0..1.0, 0.05),
            test: section.number("test", 0.0..1.0, 0.05),
        };
        if config.validation + config.test >= 1.0 {
            let message =
                format!("expected less than 1 together with data.test, got {} + {}", config.validation, config.test);
            section.conflict(&["validation", "test"], message);
        }
        config
    }
}

impl SourceConfig {
    /// A file or folder with default settings.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            document: None,
            text_field: "text".into(),
            id_field: "id".into(),
            invalid_utf8: InvalidUtf8::Error,
        }
    }

    fn read(section: &mut Section<'_>) -> Self {
        use InvalidUtf8::{Drop, Error, Replace};
        let default = Self::new(section.required_path("path"));
        let is_regex = |text: &str| regex::bytes::Regex::new(text).is_ok();
        let choices = [("error", Error), ("replace", Replace), ("drop", Drop)];
        Self {
            document: section.text_that("document", "a regular expression", is_regex),
            text_field: section.text("text_field").unwrap_or(default.text_field),
            id_field: section.text("id_field").unwrap_or(default.id_field),
            invalid_utf8: section.choice("invalid_utf8", &choices, default.invalid_utf8),
            path: default.path,
        }
    }
}

impl TokenizerConfig {
    /// What `[tokenizer]` may contain.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        Self { plugin: PluginConfig::read(section, None), model: section.path("model") }
    }
}
