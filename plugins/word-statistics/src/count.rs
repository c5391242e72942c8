//! Counts, in one pass over the words of a document.

use trainyard_text::{Table, Words, count_chars, ngrams};

/// The counts whose `c · log2 c` is computed in advance.
const LOGS: usize = 1024;

/// Memory that is reused for each document.
#[derive(Debug)]
pub struct Counts {
    lowercase: bool,
    n: usize,
    words: Table,
    ngrams: Table,
    /// Hashes of the words, in order.
    hashes: Vec<u64>,
    word: String,
    /// `c · log2 c` of the counts `c`.
    logs: Vec<f64>,
}

impl Counts {
    /// Counts of words, in lower case or as they are, and of n-grams of `n` of them.
    pub fn new(lowercase: bool, n: usize) -> Self {
        let (words, ngrams, hashes, word) = Default::default();
        Self { lowercase, n, words, ngrams, hashes, word, logs: (0..LOGS).map(|c| c_log_c(c as u32)).collect() }
    }

    /// Returns the type-token ratio, share of hapaxes, share of distinct n-grams, mean length, and entropy; not a
    /// number if there is nothing to measure.
    pub fn values(&mut self, document: &str, words: Words) -> [f64; 5] {
        self.hashes.clear();
        let mut n_chars = 0;
        for word in words.words(document) {
            n_chars += count_chars(word);
            let hash = self.hash(word);
            self.hashes.push(hash);
        }
        let n = self.hashes.len();
        self.words.clear(n);
        let (mut n_types, mut n_hapaxes, mut sum) = (0u64, 0u64, 0.0);
        for &hash in &self.hashes {
            let count = self.words.value(hash);
            match *count {
                0 => (n_types, n_hapaxes) = (n_types + 1, n_hapaxes + 1),
                1 => n_hapaxes -= 1,
                _ => {}
            }
            sum += log(&self.logs, *count + 1) - log(&self.logs, *count);
            *count += 1;
        }
        let n_words = n as f64;
        [
            n_types as f64 / n_words,
            n_hapaxes as f64 / n_types as f64,
            self.distinct_ngrams(),
            n_chars as f64 / n_words,
            // 0 / 0 when there is none; rounding may leave a little below 0 when all words are one
            if n_types == 1 { 0.0 } else { n_words.log2() - sum / n_words },
        ]
    }

    fn hash(&mut self, word: &str) -> u64 {
        if !self.lowercase || word.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
            return ngrams::hash(word);
        }
        self.word.clear();
        self.word.extend(word.chars().flat_map(char::to_lowercase));
        ngrams::hash(&self.word)
    }

    fn distinct_ngrams(&mut self) -> f64 {
        let n_ngrams = (self.hashes.len() + 1).saturating_sub(self.n);
        self.ngrams.clear(n_ngrams);
        let n_distinct = self.hashes.windows(self.n).filter(|ngram| self.ngrams.insert(ngrams::combine(ngram))).count();
        n_distinct as f64 / n_ngrams as f64
    }
}

fn c_log_c(count: u32) -> f64 {
    if count == 0 { 0.0 } else { f64::from(count) * f64::from(count).log2() }
}

fn log(logs: &[f64], count: u32) -> f64 {
    logs.get(count as usize).copied().unwrap_or_else(|| c_log_c(count))
}
