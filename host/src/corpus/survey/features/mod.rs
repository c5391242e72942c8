//! Documents as vectors of words: counts, TF-IDF, hashed terms, and the documents that are most alike.
//!
//! Values, meanings and defaults are those of scikit-learn's `CountVectorizer`, `TfidfVectorizer` and
//! `HashingVectorizer`.

mod extract;
mod neighbours;
mod tokens;
mod vocabulary;
mod write;

pub use extract::{FeatureReport, extract};

use std::ops::RangeInclusive;
use std::str::FromStr;
use trainyard_text::Words;

/// What becomes of the terms of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureKind {
    /// How often each occurs.
    Counts,
    /// Counts weighted by how rare a term is, rows of length 1.
    Tfidf,
    /// Signed counts in so many columns, chosen by a hash, rows of length 1: no vocabulary.
    Hashing(u32),
}

/// How text is cut into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tokens {
    /// scikit-learn's `(?u)\b\w\w+\b`: two or more letters, digits or `_` in a row.
    Pattern,
    /// Words that hold a letter or a digit.
    Words(Words),
}

/// A number of documents: counted, or as a share of all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Frequency {
    /// So many.
    Documents(u64),
    /// This part of them, 0 to 1.
    Share(f64),
}

impl FromStr for Frequency {
    type Err = String;

    /// `5` are documents, `0.5` and `1.0` are shares.
    fn from_str(text: &str) -> Result<Self, String> {
        let count = text.parse().ok().map(Self::Documents);
        let share = || text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).map(Self::Share);
        count
            .or_else(share)
            .ok_or_else(|| format!("expected a number of documents, or a share as in 0.5, got {text:?}"))
    }
}

/// What to extract.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureOptions {
    /// What becomes of the terms.
    pub kind: FeatureKind,
    /// How text is cut into words.
    pub tokens: Tokens,
    /// Whether text is put into lower case first.
    pub lowercase: bool,
    /// Words per term.
    pub ngrams: RangeInclusive<usize>,
    /// Terms in fewer documents are no columns.
    pub min_df: Frequency,
    /// Terms in more documents are no columns.
    pub max_df: Frequency,
    /// Only so many terms, the most frequent, are columns; of equally frequent ones those that sort first.
    pub max_features: Option<usize>,
    /// For TF-IDF: 1 + ln(count) in place of the count.
    pub sublinear: bool,
    /// Whether values are written with 32 bits.
    pub single: bool,
    /// How many of the most similar documents to find of each.
    pub neighbours: usize,
    /// Whether files of these names that are in the folder already are replaced.
    pub overwrite: bool,
}

impl Default for FeatureOptions {
    fn default() -> Self {
        Self {
            kind: FeatureKind::Tfidf,
            tokens: Tokens::Pattern,
            lowercase: true,
            ngrams: 1..=1,
            min_df: Frequency::Documents(1),
            max_df: Frequency::Share(1.0),
            max_features: None,
            sublinear: false,
            single: false,
            neighbours: 0,
            overwrite: false,
        }
    }
}
