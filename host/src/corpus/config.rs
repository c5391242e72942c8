//! `[data]` of a run's config.

mod held_out;
mod loading;
mod tokens;

pub use held_out::HeldOutConfig;
pub use loading::{CurriculumConfig, Packing};
pub(crate) use tokens::open_counted;
pub use tokens::{TokenFormat, TokensConfig};

use super::dedup::{DecontaminateConfig, DedupConfig};
use super::read::by_label;
use super::split::Split;
use crate::plugin::PluginConfig;
use crate::settings::Section;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What `encoding` may be, for messages.
const ENCODINGS: &str = "an encoding's label such as \"gb18030\", \"windows-1252\" or \"shift_jis\"";

/// `[data]`: where documents come from, which stay, and how they are split.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DataConfig {
    /// Share of documents held out for validation while training, 0 to below 1.
    pub validation: f64,
    /// Share of documents held out for the final test, 0 to below 1.
    pub test: f64,
    /// A field of the documents' metadata, such as `book`: documents with the same value are in the same split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Whether what filters measure is stored, so that their limits can be changed without reading the text again.
    pub scores: bool,
    /// Threads; 0 takes all cores.
    pub threads: usize,
    /// How documents become sequences.
    pub packing: Packing,
    /// Where finished work is kept, for this run and others; `run.dir/store` if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<PathBuf>,
    /// `[data.dedup]`: repetitions, which go after all filters; none are looked for without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedup: Option<DedupConfig>,
    /// `[data.held_out]`: text of its own for test, and for validation, that nothing filters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HeldOutConfig>,
    /// `[data.decontaminate]`: training text that evaluations know, which goes last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decontaminate: Option<DecontaminateConfig>,
    /// Tokens that another program wrote, in place of sources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokensConfig>,
    /// `[[data.curriculum]]`, the first to begin first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub curriculum: Vec<CurriculumConfig>,
    /// `[[data.source]]`, at least one unless there are tokens.
    pub source: Vec<SourceConfig>,
    /// `[[data.filter]]`, applied in this order, after those of the source.
    pub filter: Vec<PluginConfig>,
}

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
    /// For text files: a regular expression; each match at the start of a line begins a new document.
    /// Without it a file is one document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// For text files: a document that has more bytes is cut into several, each at the end of a paragraph, a line, a
    /// sentence or a word. Without it documents are not cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_bytes: Option<usize>,
    /// For JSON lines and Parquet: the field or column that holds the text.
    pub text_field: String,
    /// For JSON lines and Parquet: the field or column that holds the document's id; without it (or without the field)
    /// ids are made from file and line.
    pub id_field: String,
    /// For JSON lines and Parquet: the fields or columns that are kept as metadata.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<String>,
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

impl DataConfig {
    /// All documents of `source`, unfiltered, none held out.
    pub fn new(source: Vec<SourceConfig>) -> Self {
        Self {
            validation: 0.0,
            test: 0.0,
            group: None,
            scores: true,
            threads: 0,
            packing: Packing::default(),
            store: None,
            dedup: None,
            held_out: None,
            decontaminate: None,
            tokens: None,
            curriculum: Vec::new(),
            source,
            filter: Vec::new(),
        }
    }

    /// Every filter with the source that it is for, if it is for one: those first.
    pub fn filters(&self) -> impl Iterator<Item = (Option<u16>, &PluginConfig)> {
        let of_sources = (0..).zip(&self.source);
        let of_sources = of_sources.flat_map(|(index, source)| source.filter.iter().map(move |f| (Some(index), f)));
        of_sources.chain(self.filter.iter().map(|filter| (None, filter)))
    }

    /// What `[data]` may contain.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let tokens = TokensConfig::read(section);
        let mut source = section.sections("source", SourceConfig::read).unwrap_or_default();
        match &tokens {
            None if source.is_empty() => section.problem("source", "expected at least one [[data.source]], got none"),
            Some(_) if !source.is_empty() => {
                section.conflict(&["tokens", "source"], "expected tokens or sources, got both");
            }
            _ => {}
        }
        if let Some(twice) = name_apart(&mut source) {
            section.problem("source", format!("expected sources of different names, got {twice:?} twice"));
        }
        let group = section.text_that("group", "a field of the metadata", |text| !text.is_empty());
        for source in &mut source {
            // the split needs it
            source.metadata.extend(group.clone().filter(|group| !source.metadata.contains(group)));
        }
        let held_out = section.optional("held_out", |section| HeldOutConfig::read(section, group.as_ref()));
        let share = |split| if held_out.as_ref().is_some_and(|text| text.gives(split)) { 0.0 } else { 0.05 };
        let (validation, test) = (share(Split::Validation), share(Split::Test));
        let config = Self {
            filter: section.sections("filter", |section| PluginConfig::read(section, None)).unwrap_or_default(),
            validation: section.number("validation", 0.0..1.0, validation),
            test: section.number("test", 0.0..1.0, test),
            group,
            scores: section.boolean("scores", true),
            threads: section.integer("threads", 0..=1024, 0),
            packing: Packing::read(section),
            store: section.path("store"),
            dedup: section.optional("dedup", DedupConfig::read),
            held_out,
            decontaminate: section.optional("decontaminate", DecontaminateConfig::read),
            curriculum: CurriculumConfig::read(section, &source),
            tokens,
            ..Self::new(source)
        };
        if config.tokens.is_some() && !config.filter.is_empty() {
            section
                .conflict(&["filter", "tokens"], "filters judge text, and data.tokens has none: remove one of the two");
        }
        config.check_held_out(section);
        if config.validation + config.test >= 1.0 {
            let message =
                format!("expected less than 1 together with data.test, got {} + {}", config.validation, config.test);
            section.conflict(&["validation", "test"], message);
        }
        config
    }
}

impl DataConfig {
    /// How a file of other documents is read: as the first source, or the held-out text, is.
    pub fn like(&self, path: &Path) -> SourceConfig {
        let like = self.source.first().or(self.held_out.as_ref().map(|held_out| &held_out.source));
        let own = SourceConfig::new(path);
        SourceConfig {
            path: own.path,
            name: own.name,
            format: None,
            filter: Vec::new(),
            ..like.cloned().unwrap_or(SourceConfig::new(path))
        }
    }

    /// Whether anything is held out for validation.
    pub fn has_validation(&self) -> bool {
        let share = self.validation > 0.0 || self.is_given(Split::Validation);
        self.tokens.as_ref().map_or(share, |tokens| tokens.validation.is_some())
    }

    /// Says whether `[data.held_out]` gives the documents of `split`.
    pub fn is_given(&self, split: Split) -> bool {
        self.held_out.as_ref().is_some_and(|held_out| held_out.gives(split))
    }

    /// Whether filters or deduplication may change the text of a share that is held out.
    pub fn is_filtered(&self) -> bool {
        self.dedup.is_some() || self.filters().next().is_some()
    }

    fn check_held_out(&self, section: &Section<'_>) {
        if self.held_out.is_none() {
            return;
        }
        if self.tokens.is_some() {
            let message = "data.tokens has files of its own for validation and test: remove one of the two";
            return section.conflict(&["held_out", "tokens"], message);
        }
        for (key, share, split) in
            [("test", self.test, Split::Test), ("validation", self.validation, Split::Validation)]
        {
            if share > 0.0 && self.is_given(split) {
                let message =
                    format!("expected 0, the {key} text is that of data.held_out, got {share}; remove the key");
                section.conflict(&[key, "held_out"], message);
            }
        }
    }

    /// Whether some source is met more often than another, at some time.
    pub fn is_mixed(&self) -> bool {
        let first = self.source.first().map_or(1.0, |source| source.weight);
        !self.curriculum.is_empty() || self.source.iter().any(|source| source.weight != first)
    }
}

/// Names the sources that have no name after their paths, and numbers those that would share one. Returns a name that
/// was given twice.
fn name_apart(sources: &mut [SourceConfig]) -> Option<String> {
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
            document: None,
            document_bytes: None,
            text_field: "text".into(),
            id_field: "id".into(),
            metadata: Vec::new(),
            encoding: None,
            invalid_utf8: InvalidUtf8::Error,
            invalid_lines: InvalidLines::Error,
            max_document_mb: 256,
            filter: Vec::new(),
        }
    }

    /// `max_document_mb` in bytes.
    pub(crate) fn max_document_bytes(&self) -> usize {
        self.max_document_mb as usize * 1_000_000
    }

    fn read(section: &mut Section<'_>) -> Self {
        use InvalidUtf8::{Drop, Error, Replace};
        let default = Self::new(section.required_path("path"));
        let is_regex = |text: &str| regex::bytes::Regex::new(text).is_ok();
        let is_named = |text: &str| !text.is_empty();
        let choices = [("error", Error), ("replace", Replace), ("drop", Drop)];
        let lines = [("error", InvalidLines::Error), ("skip", InvalidLines::Skip)];
        let formats = [
            ("text", Format::Text),
            ("jsonl", Format::JsonLines),
            ("json", Format::Json),
            ("parquet", Format::Parquet),
            ("html", Format::Html),
        ];
        Self {
            name: section.text_that("name", "a name", is_named).unwrap_or_default(),
            format: section.option("format", &formats),
            weight: section.number("weight", 0.0.., default.weight),
            document: section.text_that("document", "a regular expression", is_regex),
            document_bytes: section.optional_integer("document_bytes", 16..=1 << 30),
            text_field: section.text_or("text_field", "text", &default.text_field, |_| true),
            id_field: section.text_or("id_field", "text", &default.id_field, |_| true),
            metadata: section.texts("metadata", "a list of names of fields", is_named),
            encoding: section.text_that("encoding", ENCODINGS, |label| by_label(label).is_some()),
            invalid_lines: section.choice("invalid_lines", &lines, default.invalid_lines),
            invalid_utf8: section.choice("invalid_utf8", &choices, default.invalid_utf8),
            max_document_mb: section.integer("max_document_mb", 1..=2000, default.max_document_mb),
            filter: section.sections("filter", |section| PluginConfig::read(section, None)).unwrap_or_default(),
            path: default.path,
        }
    }
}
