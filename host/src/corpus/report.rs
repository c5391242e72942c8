//! What became of the documents of a corpus, and how people are told.

use super::manifest::{HeldOut, SplitReport};
use super::read::Oddities;
use super::split::Split;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Dropped documents named per reason, as examples.
const SAMPLES: usize = 3;

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
    /// Kept documents that the tokenizer made no tokens of; left out.
    #[serde(default)]
    pub not_encoded: u64,
    /// Special tokens that the tokenizer made of text, which no tokenizer should.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub special_tokens: u64,
    /// Labels of documents, or tags of words, in the order of their numbers in the shards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<NameReport>,
    /// The splits that have documents, train first.
    pub splits: Vec<SplitReport>,
    /// The held-out text (test, else validation) under general-purpose compressors; at most its first 64 MiB.
    pub held_out: Option<HeldOut>,
}

/// A name that documents or words have, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameReport {
    /// The labels that a document has, or the one tag.
    pub names: Vec<String>,
    /// How many documents, or words, of each split have it.
    pub counts: BTreeMap<Split, u64>,
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

/// How many there are of something that is odd, and why: `3 lines skipped: the line is cut 1 (a.jsonl:7), …`.
pub(super) fn named(what: &str, oddities: &Oddities) -> Option<String> {
    let n: u64 = oddities.values().map(|odd| odd.documents).sum();
    let reasons: Vec<_> = oddities
        .iter()
        .map(|(why, odd)| {
            let more = if odd.documents > odd.samples.len() as u64 { ", …" } else { "" };
            format!("{why} {} ({}{more})", odd.documents, odd.samples.join(", "))
        })
        .collect();
    (n > 0).then(|| format!("{n} {what}: {}", reasons.join(", ")))
}

impl DataReport {
    /// A line per stage: what was read, what each filter dropped and why, what each split holds.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("data: {} documents read, {} kept", self.read, self.kept)];
        let skipped = [
            (self.empty, "empty"),
            (self.invalid_utf8_dropped, "dropped for invalid UTF-8"),
            (self.invalid_utf8_replaced, "with invalid UTF-8 replaced"),
        ];
        let skipped = skipped.iter().filter(|(n, _)| *n > 0);
        lines.extend(skipped.map(|(n, what)| format!("data: {n} documents {what}")));
        lines.extend(named("lines skipped", &self.invalid_lines).map(|line| format!("data: {line}")));
        for (what, places) in &self.notes {
            lines.push(format!("data: {} {what} ({})", places.documents, places.samples.join(", ")));
        }
        lines.extend(self.left_out.line().map(|line| format!("data: {line}")));
        for filter in self.filters.iter().filter(|filter| filter.dropped() > 0 || filter.rewritten > 0) {
            let rewritten = format!("rewrote {} of {} documents", filter.rewritten, filter.seen);
            let done = match (filter.dropped(), filter.rewritten) {
                (0, _) => rewritten,
                (_, 0) => format!("dropped {}", filter.summary()),
                _ => format!("dropped {}, rewrote {}", filter.summary(), filter.rewritten),
            };
            lines.push(format!("filter {}: {done}", filter.name));
        }
        if self.not_encoded > 0 {
            lines.push(format!("tokenizer: {} documents could not be encoded", self.not_encoded));
        }
        if self.special_tokens > 0 {
            lines.push(format!(
                "tokenizer: text became a special token {} times, its bytes are lost",
                self.special_tokens
            ));
        }
        lines.extend(self.splits.iter().map(|split| {
            format!(
                "{}: {} documents, {} bytes, {} tokens ({:.2} bytes per token)",
                split.split.name(),
                split.documents,
                split.bytes,
                split.tokens,
                split.bytes_per_token
            )
        }));
        lines.extend(self.splits.iter().filter_map(SplitReport::too_small));
        lines
    }
}

impl SplitReport {
    /// Line about a held-out share of so few documents that its numbers mean little.
    fn too_small(&self) -> Option<String> {
        // Of files that a user names, and of tokens, the documents are none of the splitting's.
        let is_given = self.held_out.as_ref().map_or(self.documents > 0, |text| text.source.is_some());
        if self.split == Split::Train || is_given || self.documents > 1 {
            return None;
        }
        let (name, n) = (self.split.name(), self.documents);
        let plural = if n == 1 { "" } else { "s" };
        Some(format!(
            "{name}: only {n} document{plural}, so its numbers say little; raise data.{name}, cut the text into more documents \
             (data.source.document), or name a text of its own in [data.held_out]"
        ))
    }
}
