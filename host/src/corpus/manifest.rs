//! What was prepared, from what, and what became of every document.

use super::compress::Baseline;
use super::rules::FilterRules;
use super::split::Split;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The version of `manifest.json`.
pub(crate) const FORMAT: u32 = 1;

/// Where a dataset came from: a file beside its manifest.
pub(crate) const LINEAGE: &str = "lineage.json";

/// Dropped documents named per reason, for whoever wonders.
const SAMPLES: usize = 3;

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
    /// Whether it was trained on the train split, rather than loaded.
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

/// What became of the documents: read = empty + invalid lines + invalid UTF-8 dropped + dropped by the filters + kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DataReport {
    /// Documents read.
    pub read: u64,
    /// Documents that are only white space; left out.
    pub empty: u64,
    /// Documents with invalid UTF-8 that was replaced.
    pub invalid_utf8_replaced: u64,
    /// Documents left out for invalid UTF-8.
    pub invalid_utf8_dropped: u64,
    /// Lines that hold no document, by what is wrong with them; left out (`invalid_lines = "skip"`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub invalid_lines: BTreeMap<String, Dropped>,
    /// What else there is to say of files: trailers, pages without main text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, Dropped>,
    /// Files of the sources' folders that are not read.
    #[serde(default, skip_serializing_if = "LeftOut::is_empty")]
    pub left_out: LeftOut,
    /// Per filter, in order.
    pub filters: Vec<FilterReport>,
    /// Documents that the filters kept.
    pub kept: u64,
    /// Of these, documents that the tokenizer made no tokens of; left out.
    #[serde(default)]
    pub not_encoded: u64,
    /// Special tokens that the tokenizer made of text, which no tokenizer should.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub special_tokens: u64,
    /// The splits that have documents, train first.
    pub splits: Vec<SplitReport>,
    /// The held-out text (test, else validation) under general-purpose compressors; at most its first 64 MiB.
    pub held_out: Option<HeldOut>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Files of folders that are not read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// How many.
    pub files: u64,
    /// The first few, each with the reason.
    pub samples: Vec<String>,
}

impl LeftOut {
    /// Adds a file.
    pub(super) fn count(&mut self, name: &str, why: &str) {
        const MOST: usize = 10;
        self.files += 1;
        if self.samples.len() < MOST {
            self.samples.push(format!("{name} ({why})"));
        }
    }

    /// What was added after it was `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        let samples = self.samples.iter().skip(before.samples.len()).cloned().collect();
        Self { files: self.files - before.files, samples }
    }

    /// Whether every file is read.
    pub fn is_empty(&self) -> bool {
        self.files == 0
    }

    /// `left out 2 files: table.csv (.csv is not read), …`; none when every file is read.
    pub fn line(&self) -> Option<String> {
        let more = self.files.saturating_sub(self.samples.len() as u64);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let files = if self.files == 1 { "file" } else { "files" };
        (!self.is_empty()).then(|| format!("left out {} {files}: {}{more}", self.files, self.samples.join(", ")))
    }

    /// Says it, if there is something to say.
    pub(super) fn warn(&self) {
        if let Some(line) = self.line() {
            tracing::warn!("data: {line}");
        }
    }
}

/// What one filter did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterReport {
    /// Its name.
    pub name: String,
    /// Plugin and settings.
    pub digest: String,
    /// Documents that it judged.
    pub seen: u64,
    /// Documents that it rewrote and kept.
    pub rewritten: u64,
    /// Documents that it dropped, by reason.
    pub reasons: BTreeMap<String, Dropped>,
}

/// Documents that one filter dropped for one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// How many.
    pub documents: u64,
    /// Ids of the first few.
    pub samples: Vec<String>,
}

impl FilterReport {
    pub(crate) fn new(name: &str, digest: &str) -> Self {
        Self { name: name.into(), digest: digest.into(), ..Self::default() }
    }

    /// A document was dropped.
    pub(super) fn count_drop(&mut self, reason: &str, id: &str) {
        let dropped = self.reasons.entry(reason.into()).or_default();
        dropped.documents += 1;
        if dropped.samples.len() < SAMPLES {
            dropped.samples.push(id.into());
        }
    }

    /// Adds what the same filter did to a later part of the corpus.
    pub(super) fn add(&mut self, part: Self) {
        self.seen += part.seen;
        self.rewritten += part.rewritten;
        for (reason, dropped) in part.reasons {
            let all = self.reasons.entry(reason).or_default();
            all.documents += dropped.documents;
            all.samples.extend(dropped.samples);
            all.samples.truncate(SAMPLES);
        }
    }

    /// Documents that it dropped.
    pub fn dropped(&self) -> u64 {
        self.reasons.values().map(|reason| reason.documents).sum()
    }

    /// For example `3 of 4 documents (too_short 2, too_long 1)`.
    pub fn summary(&self) -> String {
        let reasons: Vec<_> =
            self.reasons.iter().map(|(name, reason)| format!("{name} {}", reason.documents)).collect();
        format!("{} of {} documents ({})", self.dropped(), self.seen, reasons.join(", "))
    }
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
