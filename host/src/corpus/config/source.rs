//! `[[data.source]]` of a run's config.

use super::fields::{ColumnsConfig, FieldsConfig, LABEL, LabelFrom, LabelsConfig, Shared};
use crate::corpus::read::by_label;
use crate::plugin::PluginConfig;
use crate::settings::Section;
use crate::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What `encoding` may be, for messages.
const ENCODINGS: &str = "an encoding's label such as \"gb18030\", \"windows-1252\" or \"shift_jis\"";

/// `[[data.source]]`: one file, folder or pattern.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SourceConfig {
    /// How reports and weights name it: the name of the file or folder if not said.
    pub name: String,
    /// A file, a folder, or a pattern such as `crawl/**/*.jsonl.zst`; absolute after loading.
    pub path: PathBuf,
    /// What the files are, where their names do not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// How often training meets a document of this source, in proportion to those of the other sources.
    pub weight: f64,
    /// Share of the sequences that training meets which are of this source, whatever its size. The sources without one
    /// have the rest, by their weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// For text files: a regular expression; each match at the start of a line begins a new document.
    /// Without it a file is one document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// For text files: a document that has more bytes is cut into several, each at the end of a paragraph, a line, a
    /// sentence or a word. Without it documents are not cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_bytes: Option<usize>,
    /// For JSON, Parquet and tables: the field or column that holds the text, one text or a list of words. Another
    /// name for `fields.text`.
    pub text_field: String,
    /// For JSON, Parquet and tables: the field or column that holds the document's id; without it (or without the
    /// field) ids are made from file and line.
    pub id_field: String,
    /// For JSON, Parquet and tables: the fields or columns that are kept as metadata.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<String>,
    /// The label of every document of this source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What the label of every file of this source is taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_from: Option<LabelFrom>,
    /// What text files, JSON lines and web pages are encoded in, where neither a byte order mark nor the page says it:
    /// a label such as `gb18030` or `windows-1252`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// What to do with invalid UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// What to do with a line of JSON that holds no document.
    pub invalid_lines: InvalidLines,
    /// The longest document in MB (10⁶ bytes): a longer one is an error that names its place.
    pub max_document_mb: u32,
    /// For CoNLL files: which columns hold the word and its tag. Without it the first and the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<ColumnsConfig>,
    /// `[data.source.fields]`: the fields that hold what is learnt from besides the text, those of `[data.fields]`
    /// included. The text's is `text_field`.
    #[serde(skip_serializing_if = "FieldsConfig::is_empty")]
    pub fields: FieldsConfig,
    /// Keys of `[data]` about labels, which every source is read by.
    #[serde(skip)]
    pub labels: LabelsConfig,
    /// `[[data.source.filter]]`: for this source only, before those of all sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<PluginConfig>,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Plain text or Markdown.
    Text,
    /// One JSON object per line.
    #[serde(rename = "jsonl")]
    JsonLines,
    /// JSON objects, one after the other or in an array; also one object per line.
    Json,
    /// Apache Parquet.
    Parquet,
    /// A web page, of which the main text is taken.
    Html,
    /// A table whose values are separated by commas, with the columns' names in its first line.
    Csv,
    /// A table whose values are separated by tabs, with the columns' names in its first line.
    Tsv,
    /// A word and its tag per line, a blank line after each sentence.
    Conll,
}

impl Format {
    /// What `format` may be.
    const CHOICES: [(&'static str, Self); 8] = [
        ("text", Self::Text),
        ("jsonl", Self::JsonLines),
        ("json", Self::Json),
        ("parquet", Self::Parquet),
        ("html", Self::Html),
        ("csv", Self::Csv),
        ("tsv", Self::Tsv),
        ("conll", Self::Conll),
    ];
}

/// What to do with a document that is not valid UTF-8. Counted in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InvalidUtf8 {
    /// Stop, naming file and byte offset.
    Error,
    /// Replace what is invalid by U+FFFD.
    Replace,
    /// Drop the document.
    Drop,
}

/// What to do with a line that holds no document: one that is cut, is no JSON object, or has no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InvalidLines {
    /// Stop, naming file and line.
    Error,
    /// Leave it out. Counted, and the first ones named.
    Skip,
}

/// Names the sources that have no name after their paths, and numbers those that would share one. Returns a name that
/// was given twice.
pub(super) fn name_apart(sources: &mut [SourceConfig]) -> Option<String> {
    for i in 0..sources.len() {
        let taken = |name: &str, sources: &[SourceConfig]| sources.iter().any(|source| source.name == name);
        if !sources[i].name.is_empty() {
            if taken(&sources[i].name, &sources[..i]) {
                return Some(sources[i].name.clone());
            }
            continue;
        }
        let stem = default_name(&sources[i].path);
        let numbered = (2u32..).map(|n| format!("{stem}-{n}"));
        let name = std::iter::once(stem.clone()).chain(numbered).find(|name| !taken(name, sources));
        sources[i].name = name.unwrap_or(stem);
    }
    None
}

/// `austen` of `corpus/austen.txt.zst`, `crawl` of `crawl/**/*.jsonl`.
fn default_name(path: &Path) -> String {
    let is_pattern = |part: &&str| part.contains(['*', '?', '[']);
    let parts = path.iter().filter_map(|part| part.to_str());
    let name = parts.take_while(|part| !is_pattern(part)).last().unwrap_or_default();
    let stem = name.split('.').find(|part| !part.is_empty()).unwrap_or_default();
    if stem.is_empty() || stem == "/" { "source".into() } else { stem.into() }
}

impl SourceConfig {
    /// A file, folder or pattern with default settings.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            name: default_name(&path),
            path,
            format: None,
            weight: 1.0,
            share: None,
            document: None,
            document_bytes: None,
            text_field: "text".into(),
            id_field: "id".into(),
            metadata: Vec::new(),
            label: None,
            label_from: None,
            encoding: None,
            invalid_utf8: InvalidUtf8::Error,
            invalid_lines: InvalidLines::Error,
            max_document_mb: 256,
            columns: None,
            fields: FieldsConfig::default(),
            labels: LabelsConfig::default(),
            filter: Vec::new(),
        }
    }

    /// `max_document_mb` in bytes.
    pub(crate) fn max_document_bytes(&self) -> usize {
        self.max_document_mb as usize * 1_000_000
    }

    /// What a source may contain.
    pub(super) fn read(section: &mut Section<'_>, shared: &Shared) -> Self {
        use InvalidUtf8::{Drop, Error, Replace};
        let default = Self::new(section.required_path("path"));
        let is_regex = |text: &str| regex::bytes::Regex::new(text).is_ok();
        let is_named = |text: &str| !text.is_empty();
        let choices = [("error", Error), ("replace", Replace), ("drop", Drop)];
        let lines = [("error", InvalidLines::Error), ("skip", InvalidLines::Skip)];
        let own = section.optional("fields", FieldsConfig::read).unwrap_or_default();
        if own.text.is_some() && section.holds("text_field") {
            section.problem("fields", "expected text_field or fields.text, two names for one field, got both");
        }
        if section.holds("share") && section.holds("weight") {
            section.problem("share", "expected share or weight, two ways to say how much of it is read, got both");
        }
        let mut fields = own.clone().or(&shared.fields);
        let text_field = fields.text.take().or(fields.messages.clone()).unwrap_or(default.text_field);
        let mut source = Self {
            name: section.text_that("name", "a name", is_named).unwrap_or_default(),
            format: section.option("format", &Format::CHOICES),
            weight: section.number("weight", 0.0.., default.weight),
            share: section.optional_number("share", 0.0..=1.0),
            document: section.text_that("document", "a regular expression", is_regex),
            document_bytes: section.optional_integer("document_bytes", 16..=1 << 30),
            text_field: section.text_or("text_field", "text", &text_field, |_| true),
            id_field: section.text_or("id_field", "text", &default.id_field, |_| true),
            metadata: section.texts("metadata", "a list of names of fields", is_named),
            label: section.text_that("label", "a label", is_named),
            label_from: section.option("label_from", &[("folder", LabelFrom::Folder)]),
            encoding: section.text_that("encoding", ENCODINGS, |label| by_label(label).is_some()),
            invalid_lines: section.choice("invalid_lines", &lines, default.invalid_lines),
            invalid_utf8: section.choice("invalid_utf8", &choices, default.invalid_utf8),
            max_document_mb: section.integer("max_document_mb", 1..=2000, default.max_document_mb),
            columns: ColumnsConfig::read(section),
            filter: section.sections("filter", |section| PluginConfig::read(section, None)).unwrap_or_default(),
            fields,
            labels: shared.labels.clone(),
            path: default.path,
        };
        if source.fields.messages.as_ref().is_some_and(|messages| *messages != source.text_field) {
            section.problem("text_field", "the text is what fields.messages says: remove one of the two");
        }
        source.check_labels(section, &own, shared);
        source
    }

    /// One place for a label; no other field under the name of one.
    fn check_labels(&mut self, section: &Section<'_>, own: &FieldsConfig, shared: &Shared) {
        if self.label.is_some() && self.label_from.is_some() {
            section.conflict(&["label", "label_from"], "expected label or label_from, got both: remove one of the two");
        }
        if self.label.is_some() || self.label_from.is_some() {
            if own.label.is_some() {
                let message = "the source has a label, and fields.label names a field for it: remove one of the two";
                section.conflict(&["label", "label_from", "fields"], message);
            }
            self.fields.label = None;
        }
        for key in self.keys() {
            let field = self.fields.kept().find(|(of, _)| *of == key).map(|(_, field)| field);
            if self.metadata.iter().any(|name| name == key) && field != Some(key) {
                let message = format!(
                    "the name {key:?} is that of the documents' {key}, which is not the field {key:?}; remove it from the list"
                );
                section.conflict(&["metadata"], message);
            }
        }
        // the split needs them
        for name in &shared.by {
            if !self.metadata.contains(name) && !self.keys().any(|key| key == name) {
                self.metadata.push(name.clone());
            }
        }
    }

    /// All that it says of labels, as text; nothing where it says nothing.
    ///
    /// # Errors
    /// Text that is no JSON, which does not happen.
    pub(crate) fn labels_text(&self) -> Result<String> {
        let own = (&self.label, &self.label_from, self.columns, &self.fields);
        let said = own != (&None, &None, None, &FieldsConfig::default());
        let own = said.then(|| serde_json::to_string(&own)).transpose();
        let own = own.map_err(|error| Error::run(format!("config as JSON: {error}")))?;
        Ok(own.unwrap_or_default() + &self.labels.text()?)
    }

    /// Keys of the metadata that hold what is learnt from, as far as the config says where it is.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static str> + use<'_> {
        let is_given = self.label.is_some() || self.label_from.is_some();
        self.fields.kept().map(|(key, _)| key).chain(is_given.then_some(LABEL))
    }

    /// The fields besides text and id that are kept, each with the key of the metadata that it is kept under.
    pub(crate) fn kept(&self) -> Vec<(&str, &str)> {
        let is_other = |name: &&str| *name != self.text_field && *name != self.id_field;
        let is_free = |name: &&str| !self.keys().any(|key| key == *name);
        let metadata = self.metadata.iter().map(String::as_str).filter(is_other).filter(is_free);
        self.fields.kept().map(|(key, field)| (field, key)).chain(metadata.map(|name| (name, name))).collect()
    }
}
