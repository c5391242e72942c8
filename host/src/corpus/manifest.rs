//! What was prepared, and from what.

use super::compress::Baseline;
use super::report::DataReport;
use super::rules::FilterRules;
use super::split::Split;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// File next to a manifest that says where the dataset came from.
pub(crate) const LINEAGE: &str = "lineage.json";

/// `manifest.json`: written last, so a folder that has one is complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this file's form.
    pub format: u32,
    /// [`super::source_digest`] of the source files.
    pub source_digest: String,
    /// The tokenizer.
    pub tokenizer: TokenizerReport,
    /// Per file of the folder: its length and checksum.
    pub files: BTreeMap<String, FileEntry>,
    /// What became of the documents.
    pub report: DataReport,
}

impl Manifest {
    /// XXH3-128 of the names, lengths and checksums of the files: what a run reads is the same if this is.
    pub fn digest(&self) -> String {
        let lines: String =
            self.files.iter().map(|(name, entry)| format!("{name} {} {}\n", entry.bytes, entry.xxh3)).collect();
        format!("{:032x}", xxhash_rust::xxh3::xxh3_128(lines.as_bytes()))
    }
}

/// The tokenizer that made the tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenizerReport {
    /// Its name.
    pub name: String,
    /// Plugin and settings.
    pub digest: String,
    /// SHA-256 of the model.
    pub model_sha256: String,
    /// True when it was trained on the train split, rather than loaded.
    pub trained: bool,
    /// Size of the vocabulary.
    pub n_tokens: u32,
}

/// `lineage.json`: where in the store the judged documents are that the data was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    /// The store's folder.
    pub store: PathBuf,
    /// The corpus's units, in order.
    pub units: Vec<UnitReport>,
    /// Names of the sources, in order.
    pub sources: Vec<String>,
    /// Where the sources lay, in order.
    #[serde(default)]
    pub paths: Vec<PathBuf>,
    /// What the documents were judged by, in order: filters, then `dedup` and `decontaminate`.
    pub filters: Vec<FilterRules>,
    /// `data.validation`
    pub validation: f64,
    /// `data.test`
    pub test: f64,
    /// `data.group`
    pub group: Option<String>,
    /// `data.stratify`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stratify: Option<String>,
}

/// A unit of the corpus: a large file, or neighbouring small files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitReport {
    /// Index of its source in the config.
    pub source: u16,
    /// The folder of its judged documents: `stages/<key>`.
    pub key: String,
}

/// One file of the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its length.
    pub bytes: u64,
    /// A shard's own checksum; XXH3-128 of any other file.
    pub xxh3: String,
}

/// One split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SplitReport {
    /// Which.
    pub split: Split,
    /// Its documents.
    pub documents: u64,
    /// Their text in UTF-8.
    pub bytes: u64,
    /// Their tokens, ends of text included.
    pub tokens: u64,
    /// `bytes / tokens`.
    pub bytes_per_token: f64,
    /// Where each source's documents are; those of one source are neighbours.
    #[serde(default)]
    pub sources: Vec<SourceSpan>,
    /// What is known of a held-out text; none for train, for tokens without text, and for data of older programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HeldOutText>,
}

/// What is known of the text of a held-out split.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldOutText {
    /// The name of `[data.held_out]`, where the text is from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// SHA-256 over each document's length in bytes (u64, little-endian) and its text, in order.
    pub sha256: String,
    /// True when every document was decoded again; otherwise the two counts are not known.
    pub decoded: bool,
    /// Documents that do not come back as they are from their tokens.
    pub lossy_documents: u64,
    /// Bytes of characters that are missing from what comes back.
    pub lossy_bytes: u64,
}

/// One source's documents within a split.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSpan {
    /// The source.
    pub name: String,
    /// Its documents in the split.
    pub documents: u64,
    /// Their text in UTF-8.
    pub bytes: u64,
    /// Their tokens, the end of text after each included.
    pub tokens: u64,
    /// Index of the first document in the split.
    pub first_document: u64,
    /// Place of its first token in the stream.
    pub first_token: u64,
}

impl SourceSpan {
    /// Adds a document of `source` to the spans of its split: to the last if that is the source's, else to a new one.
    pub(crate) fn count(spans: &mut Vec<Self>, source: &str, first_token: u64, tokens: u64, bytes: u64) {
        if spans.last().is_none_or(|last| last.name != source) {
            let first_document = spans.last().map_or(0, |last| last.first_document + last.documents);
            spans.push(Self { name: source.into(), first_document, first_token, ..Self::default() });
        }
        if let Some(span) = spans.last_mut() {
            span.documents += 1;
            span.tokens += tokens;
            span.bytes += bytes;
        }
    }
}

/// The held-out text under general-purpose compressors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldOut {
    /// The split that was compressed.
    pub split: Split,
    /// The sizes.
    #[serde(flatten)]
    pub baseline: Baseline,
}
