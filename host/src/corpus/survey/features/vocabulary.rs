//! The terms of a corpus, how often they occur, and which of them are columns.

use super::tokens::{Cut, Term};
use super::{FeatureOptions, Frequency};
use crate::corpus::hashed::HashedMap;
use crate::{Error, Result};
use trainyard_text::Table;

/// The terms that one thread has met, numbered as they came. Terms are told apart by 64-bit hashes.
#[derive(Default)]
pub(super) struct Vocabulary {
    numbers: HashedMap<u64, u32>,
    hashes: Vec<u64>,
    /// All terms in one text, and where each ends.
    text: String,
    ends: Vec<usize>,
    /// In how many documents each occurs, and how often.
    documents: Vec<u64>,
    occurrences: Vec<u64>,
    /// Scratch: hash of a term → its place in the row, from 1.
    table: Table,
}

impl Vocabulary {
    /// Counts the terms of a document: appends (number, count) of each different one to `row`.
    pub fn count(&mut self, cut: &Cut<'_>, terms: &[Term], row: &mut Vec<[u32; 2]>) {
        let start = row.len();
        self.table.clear(terms.len());
        for &term in terms {
            let place = self.table.value(term.hash);
            if *place == 0 {
                *place = (row.len() - start + 1) as u32;
                let number = self.number(cut, term);
                row.push([number, 1]);
            } else {
                row[start + *place as usize - 1][1] += 1;
            }
        }
        for &[number, count] in &row[start..] {
            self.documents[number as usize] += 1;
            self.occurrences[number as usize] += u64::from(count);
        }
    }

    fn number(&mut self, cut: &Cut<'_>, term: Term) -> u32 {
        *self.numbers.entry(term.hash).or_insert_with(|| {
            cut.write(term, &mut self.text);
            self.ends.push(self.text.len());
            self.hashes.push(term.hash);
            self.documents.push(0);
            self.occurrences.push(0);
            (self.ends.len() - 1) as u32
        })
    }

    fn term(&self, number: usize) -> &str {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[number]]
    }
}

/// The columns of a matrix: terms in the order of their bytes.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub terms: Vec<String>,
    /// In how many documents each occurs.
    pub documents: Vec<u64>,
    /// Per thread: number of a term → its column, or none.
    pub of: Vec<Vec<Option<u32>>>,
}

impl Columns {
    /// The terms that `options` keeps of all threads', of `n` documents.
    ///
    /// Errors: no term is left, or more than 2³¹.
    pub fn new(vocabularies: &[Vocabulary], options: &FeatureOptions, n: u64) -> Result<Self> {
        // one entry per term: (hash, documents, occurrences, thread, number)
        let mut sums: HashedMap<u64, (u64, u64, usize, usize)> = HashedMap::default();
        for (thread, vocabulary) in vocabularies.iter().enumerate() {
            for (number, &hash) in vocabulary.hashes.iter().enumerate() {
                let sum = sums.entry(hash).or_insert((0, 0, thread, number));
                sum.0 += vocabulary.documents[number];
                sum.1 += vocabulary.occurrences[number];
            }
        }
        let (low, high) = (options.min_df.count(n), options.max_df.count(n));
        let is_kept = |documents: u64| documents as f64 >= low && documents as f64 <= high;
        let mut kept: Vec<_> = sums
            .iter()
            .filter(|(_, sum)| is_kept(sum.0))
            .map(|(&hash, &(documents, occurrences, thread, number))| {
                (vocabularies[thread].term(number), occurrences, documents, hash)
            })
            .collect();
        if let Some(limit) = options.max_features.filter(|&limit| limit < kept.len()) {
            kept.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
            kept.truncate(limit);
        }
        if kept.is_empty() {
            return Err(Error::run(format!(
                "features: no term is left of {}; lower --min-df, or raise --max-df",
                sums.len()
            )));
        }
        if kept.len() > i32::MAX as usize {
            let n = kept.len();
            return Err(Error::run(format!(
                "features: expected less than 2147483648 terms, got {n}; use --kind hashing"
            )));
        }
        kept.sort_unstable();
        let columns: HashedMap<u64, u32> = kept.iter().zip(0..).map(|(term, column)| (term.3, column)).collect();
        let of = |vocabulary: &Vocabulary| vocabulary.hashes.iter().map(|hash| columns.get(hash).copied()).collect();
        Ok(Self {
            terms: kept.iter().map(|term| term.0.to_owned()).collect(),
            documents: kept.iter().map(|term| term.2).collect(),
            of: vocabularies.iter().map(of).collect(),
        })
    }
}

impl Frequency {
    /// The number of documents that it means, of `n`.
    fn count(self, n: u64) -> f64 {
        match self {
            Self::Documents(count) => count as f64,
            Self::Share(share) => share * n as f64,
        }
    }
}
