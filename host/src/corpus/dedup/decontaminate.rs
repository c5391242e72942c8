//! Text that an evaluation knows: n-grams of references in documents (GPT-3, arXiv 2005.14165, appendix C).

use crate::corpus::hashed::HashedMap;
use crate::settings::Section;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use trainyard_text::{Words, ngrams, offset_in};

/// The reason of a document that shares n-grams with a reference.
pub const CONTAMINATED: &str = "contaminated";

/// References with fewer words are not looked for: as in GPT-3, where n is 8 to 13.
const WORDS_MIN: usize = 8;

/// `[data.decontaminate]`: training documents that share n-grams with held-out text go.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DecontaminateConfig {
    /// Words per n-gram.
    pub ngram: usize,
    /// How text is split into words; marks of punctuation are none, and case does not count.
    #[serde(serialize_with = "super::config::words_name")]
    #[schemars(with = "String")]
    pub words: Words,
    /// A document goes when it holds at least so many n-grams of references...
    pub min_matches: u64,
    /// ...and these are at least this share of its n-grams.
    pub min_share: f64,
    /// Whether the documents of the validation and test splits are references.
    pub held_out: bool,
    /// Files with references, such as benchmarks: every document of them is one.
    pub files: Vec<PathBuf>,
}

impl Default for DecontaminateConfig {
    fn default() -> Self {
        let (min_matches, min_share) = (1, 0.0);
        Self { ngram: 13, words: Words::Unicode, min_matches, min_share, held_out: true, files: Vec::new() }
    }
}

impl DecontaminateConfig {
    /// What `[data.decontaminate]` may contain.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        let files = section.texts("files", "a list of paths", |path| !path.is_empty());
        Self {
            ngram: section.integer("ngram", 1..=1000, default.ngram),
            words: section.choice("words", &super::config::WORDS, default.words),
            min_matches: section.integer("min_matches", 1.., default.min_matches),
            min_share: section.number("min_share", 0.0..=1.0, default.min_share),
            held_out: section.boolean("held_out", default.held_out),
            files: files.iter().map(|path| section.absolute("files", Path::new(path))).collect(),
        }
    }
}

/// Looks for the n-grams of references in documents. References first, then documents, these from any thread.
///
/// Words are compared in lower case and without marks of punctuation, as GPT-3 does. A reference that is shorter than
/// an n-gram, but not than 8 words, is looked for as a whole. GPT-3 cuts 200 characters around a match out of a
/// document; here the document goes, and [`Contamination::spans`] says what to look at. N-grams are compared by hashes
/// of 64 bits: of 10¹⁰ words in documents and 10⁷ in references, one falls together with another by chance in 200
/// corpora.
///
/// Memory: about 20 bytes per different n-gram of the references.
#[derive(Debug, Clone)]
pub struct Decontaminator {
    ngram: usize,
    words: Words,
    min_matches: u64,
    min_share: f64,
    names: Vec<String>,
    /// Words per n-gram → hash of each n-gram of the references → index of the first name that has it.
    known: BTreeMap<usize, HashedMap<u64, u32>>,
}

/// What a document shares with references.
#[derive(Debug, Clone, PartialEq)]
pub struct Contamination {
    /// Whether the document goes ([`CONTAMINATED`]).
    pub is_contaminated: bool,
    /// The name of the reference whose n-gram comes first in the text.
    pub reference: String,
    /// N-grams of the document that are in a reference.
    pub matches: u64,
    /// Their share of its n-grams, 0 to 1: the score.
    pub share: f64,
    /// Where they are, in bytes; those that overlap are one.
    pub spans: Vec<Range<usize>>,
}

impl Decontaminator {
    /// Knows no reference yet.
    pub fn new(config: &DecontaminateConfig) -> Self {
        let DecontaminateConfig { ngram, words, min_matches, min_share, .. } = *config;
        Self { ngram, words, min_matches, min_share, names: Vec::new(), known: BTreeMap::new() }
    }

    /// Adds a text that is not to be trained on. `name` is for reports: a file, or a split.
    pub fn add_reference(&mut self, name: &str, text: &str) {
        let hashes: Vec<u64> = self.split(text).map(|(_, hash)| hash).collect();
        let n = self.ngram.min(hashes.len());
        if n < self.ngram.min(WORDS_MIN) {
            return;
        }
        if self.names.last().is_none_or(|last| last != name) {
            self.names.push(name.into());
        }
        let index = (self.names.len() - 1) as u32;
        let known = self.known.entry(n).or_default();
        for gram in hashes.windows(n) {
            known.entry(ngrams::combine(gram)).or_insert(index);
        }
    }

    /// Different n-grams of all references.
    pub fn n_known(&self) -> usize {
        self.known.values().map(HashedMap::len).sum()
    }

    /// What a text shares with the references; none when it shares nothing.
    pub fn judge(&self, text: &str) -> Option<Contamination> {
        let (words, hashes): (Vec<Range<usize>>, Vec<u64>) = self.split(text).unzip();
        let mut found: BTreeMap<(usize, usize), u32> = BTreeMap::new();
        for (&n, known) in &self.known {
            for (first, gram) in hashes.windows(n).enumerate() {
                if let Some(&name) = known.get(&ngrams::combine(gram)) {
                    found.insert((first, first + n), name);
                }
            }
        }
        let (_, &name) = found.first_key_value()?;
        let mut spans: Vec<Range<usize>> = Vec::new();
        for &(first, end) in found.keys() {
            let span = words[first].start..words[end - 1].end;
            match spans.last_mut() {
                Some(last) if last.end >= span.start => last.end = last.end.max(span.end),
                _ => spans.push(span),
            }
        }
        let matches = found.len() as u64;
        // short references can match where no n-gram begins
        let n_grams = words.len().saturating_sub(self.ngram - 1).max(1);
        let share = (matches as f64 / n_grams as f64).min(1.0);
        let is_contaminated = matches >= self.min_matches && share >= self.min_share;
        Some(Contamination { is_contaminated, reference: self.names[name as usize].clone(), matches, share, spans })
    }

    /// The words of a text and the hash of each in lower case.
    fn split<'a>(&self, text: &'a str) -> impl Iterator<Item = (Range<usize>, u64)> + use<'a> {
        let mut buffer = String::new();
        self.words.words(text).map(move |word| {
            let start = offset_in(text, word);
            let hash = if word.is_ascii() {
                buffer.clear();
                buffer.push_str(word);
                buffer.make_ascii_lowercase();
                ngrams::hash(&buffer)
            } else {
                ngrams::hash(&word.to_lowercase())
            };
            (start..start + word.len(), hash)
        })
    }
}
