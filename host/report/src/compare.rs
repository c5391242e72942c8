//! What a number may be compared with, and the text that it was measured on.

use super::text::{bytes, count};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

/// Characters of a digest that are shown.
const DIGEST_SHOWN: usize = 12;

/// Which runs have a number that means the same. All of them were measured on the same text: see [`TextReport`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Comparable {
    /// Comparable with all runs on this text.
    Text,
    /// Comparable with runs of the same tokenizer: a mean over tokens.
    Tokenizer,
    /// Comparable with runs of the same loss and the same tokenizer.
    Loss,
    /// Comparable with none: the tokenizer loses part of the text, and what is lost costs no bits.
    #[serde(rename = "no")]
    Nothing,
}

impl Comparable {
    /// What a table says next to the number; nothing where the unit says enough.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Text | Self::Tokenizer => "",
            Self::Loss => ", training loss: not comparable with other losses",
            Self::Nothing => ", not comparable: the tokenizer loses text",
        }
    }
}

/// What became of a text before it was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Treatment {
    /// Nothing: it is as it was read.
    #[default]
    Raw,
    /// Filters or deduplication had a say in it.
    Filtered,
    /// There was no text, only tokens.
    Tokens,
}

impl Display for Treatment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw",
            Self::Filtered => "filtered",
            Self::Tokens => "tokens",
        })
    }
}

/// A held-out text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TextReport {
    /// The file or source it is from; none when it is a share of the training sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What became of it before.
    pub text: Treatment,
    /// Number of documents.
    pub documents: u64,
    /// Length in bytes of UTF-8.
    pub bytes: u64,
    /// SHA-256 of its documents: equal in two runs that were measured on the same text. None where it was not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Documents that do not come back from their tokens; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lossy_documents: Option<u64>,
    /// Bytes of characters that are missing from what comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lossy_bytes: Option<u64>,
    /// True when the tokenizer loses part of this text, or when that was not checked and it says that it may.
    pub lossy: bool,
}

impl TextReport {
    /// `lossy_bytes` over `bytes`.
    fn lossy_share(&self) -> f64 {
        self.lossy_bytes.unwrap_or(0) as f64 / self.bytes.max(1) as f64
    }
}

impl Display for TextReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let plural = if self.documents == 1 { "" } else { "s" };
        let (documents, size) = (count(self.documents as f64), bytes(self.bytes as f64));
        write!(f, "{documents} document{plural}, {size}")?;
        match &self.source {
            Some(source) => write!(f, " of {source}, {}", self.text)?,
            None => write!(f, ", {}", self.text)?,
        }
        if let Some(digest) = &self.digest {
            write!(f, ", sha256 {}…", digest.get(..DIGEST_SHOWN).unwrap_or(digest))?;
        }
        match (self.lossy, self.lossy_documents) {
            (false, _) => Ok(()),
            (true, None) => write!(f, "; the tokenizer may lose text"),
            (true, Some(documents)) => {
                let (lost, share) = (bytes(self.lossy_bytes.unwrap_or(0) as f64), 100.0 * self.lossy_share());
                write!(f, "; the tokenizer alters {documents} of them and loses {lost} ({share:.2}%)")
            }
        }
    }
}

/// The names, each made unlike those before it and those `taken`: `x`, `x-2`, `x-3`.
pub fn distinct<'a>(names: impl IntoIterator<Item = &'a str>, taken: &[&str]) -> Vec<String> {
    let mut seen: BTreeSet<String> = taken.iter().map(|&name| name.to_owned()).collect();
    let mut apart = |name: &str| {
        let numbered = (2u64..).map(|n| format!("{name}-{n}"));
        // there are more numbers than names
        let own = std::iter::once(name.to_owned()).chain(numbered).find(|name| !seen.contains(name));
        let own = own.unwrap_or_else(|| name.to_owned());
        seen.insert(own.clone());
        own
    };
    names.into_iter().map(&mut apart).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_collide_are_numbered() {
        let names = distinct(["a", "b", "a", "a-2", "a", "step"], &["step"]);
        assert_eq!(names, ["a", "b", "a-2", "a-2-2", "a-3", "step-2"]);
    }

    #[test]
    fn a_text_is_described_in_one_line() {
        let text = TextReport {
            text: Treatment::Raw,
            source: Some("test.txt".into()),
            documents: 1,
            bytes: 2048,
            digest: Some("0123456789abcdef".into()),
            ..TextReport::default()
        };
        assert_eq!(text.to_string(), "1 document, 2.00 KiB of test.txt, raw, sha256 0123456789ab…");
        let text = TextReport { source: None, lossy: true, lossy_documents: Some(1), lossy_bytes: Some(512), ..text };
        let expected = "1 document, 2.00 KiB, raw, sha256 0123456789ab…; the tokenizer alters 1 of them and loses \
                        512 B (25.00%)";
        assert_eq!(text.to_string(), expected);
    }
}
