//! What deduplication must know of a text. Made in parallel, one document at a time.

use super::config::{DedupConfig, Exact, MinHashConfig, Normalise, Shingle};
use super::minhash::MinHasher;
use super::pieces::pieces;
use crate::{Error, Result};
use trainyard_text::chars::is_space;
use trainyard_text::{count_chars, nfc, ngrams};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// What deduplication must know of a text, a few hundred bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signature {
    /// Hash of the normalised text: 128 bits, so that equal hashes mean equal texts.
    pub(super) exact: u128,
    /// Hash of each MinHash band; empty without MinHash and for texts without a word.
    pub(super) bands: Vec<u64>,
    /// A byte of each of the first 128 hashes, for estimates.
    pub(super) sketch: Vec<u8>,
    /// Number of each line or paragraph that is long enough, and hash of its normalised text.
    pub(super) pieces: Vec<(u32, u128)>,
}

/// The shingles of a text, as hashes: a set, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shingles(pub(super) Vec<u64>);

impl Signature {
    /// The signature as bytes, little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let counts = [self.bands.len(), self.sketch.len(), self.pieces.len()].map(|n| n as u32);
        let mut bytes = self.exact.to_le_bytes().to_vec();
        bytes.extend(counts.iter().flat_map(|n| n.to_le_bytes()));
        bytes.extend(self.bands.iter().flat_map(|band| band.to_le_bytes()));
        bytes.extend(&self.sketch);
        for (number, hash) in &self.pieces {
            bytes.extend(number.to_le_bytes());
            bytes.extend(hash.to_le_bytes());
        }
        bytes
    }

    /// What [`Signature::to_bytes`] made.
    ///
    /// Errors: other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let damaged = || Error::run("dedup: a stored signature is damaged; remove the store and prepare again");
        Self::parse(bytes).ok_or_else(damaged)
    }

    fn parse(mut bytes: &[u8]) -> Option<Self> {
        let exact = u128::from_le_bytes(take(&mut bytes)?);
        let mut count = || Some(u32::from_le_bytes(take(&mut bytes)?) as usize);
        let (n_bands, n_sketch, n_pieces) = (count()?, count()?, count()?);
        if bytes.len() != 8 * n_bands + n_sketch + 20 * n_pieces {
            return None;
        }
        let bands = (0..n_bands).map(|_| Some(u64::from_le_bytes(take(&mut bytes)?))).collect::<Option<_>>()?;
        let (sketch, mut bytes) = bytes.split_at(n_sketch);
        let piece = |_| Some((u32::from_le_bytes(take(&mut bytes)?), u128::from_le_bytes(take(&mut bytes)?)));
        Some(Self { exact, bands, sketch: sketch.to_vec(), pieces: (0..n_pieces).map(piece).collect::<Option<_>>()? })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

/// Makes signatures. One per thread; it keeps its memory from text to text.
#[derive(Debug, Clone)]
pub struct Signer {
    exact: Exact,
    normalise: Normalise,
    min_chars: usize,
    minhash: Option<(Shingler, MinHasher)>,
    buffer: String,
    shingles: Vec<u64>,
}

impl Signer {
    /// For texts that are compared as `config` says.
    pub fn new(config: &DedupConfig) -> Self {
        let minhash = config.minhash.as_ref().map(|config| (Shingler::new(config), MinHasher::new(config)));
        let (exact, normalise, min_chars) = (config.exact, config.normalise, config.min_chars);
        Self { exact, normalise, min_chars, minhash, buffer: String::new(), shingles: Vec::new() }
    }

    /// The signature of a text.
    pub fn sign(&mut self, text: &str) -> Signature {
        let exact = self.hash(text);
        let (mut bands, mut sketch) = (Vec::new(), Vec::new());
        if let Some((shingler, hasher)) = &mut self.minhash {
            shingler.cut(text, &mut self.shingles);
            (bands, sketch) = hasher.sign(&self.shingles);
        }
        let mut numbered = Vec::new();
        for (number, range) in (0..).zip(pieces(text, self.exact)) {
            let piece = text[range].trim();
            // the minimum is at least one: blank lines are no repetitions
            if count_chars(piece) >= self.min_chars.max(1) {
                numbered.push((number, self.hash(piece)));
            }
        }
        Signature { exact, bands, sketch, pieces: numbered }
    }

    /// The shingles of a text, for the true Jaccard index; none without MinHash.
    pub fn shingles(&mut self, text: &str) -> Shingles {
        let mut shingles = Vec::new();
        if let Some((shingler, _)) = &mut self.minhash {
            shingler.cut(text, &mut shingles);
        }
        shingles.sort_unstable();
        shingles.dedup();
        Shingles(shingles)
    }

    fn hash(&mut self, text: &str) -> u128 {
        match self.normalise {
            Normalise::None => xxh3_128(text.as_bytes()),
            Normalise::Nfc => xxh3_128(collapse(&nfc(text), &mut self.buffer).as_bytes()),
            // lowering can leave a text that is not in normal form
            Normalise::Lowercase => xxh3_128(collapse(&nfc(&nfc(text).to_lowercase()), &mut self.buffer).as_bytes()),
        }
    }
}

/// The text with one space for each run of white space, and none at its ends.
fn collapse<'a>(text: &str, buffer: &'a mut String) -> &'a str {
    buffer.clear();
    for word in trainyard_text::Words::Whitespace.split(text) {
        if !buffer.is_empty() {
            buffer.push(' ');
        }
        buffer.push_str(word);
    }
    buffer
}

/// Cuts texts into shingles.
#[derive(Debug, Clone)]
struct Shingler {
    shingle: Shingle,
    case_sensitive: bool,
    lowered: String,
    words: Vec<u64>,
    starts: Vec<usize>,
}

impl Shingler {
    fn new(config: &MinHashConfig) -> Self {
        let MinHashConfig { shingle, case_sensitive, .. } = *config;
        Self { shingle, case_sensitive, lowered: String::new(), words: Vec::new(), starts: Vec::new() }
    }

    /// The hashes of the shingles, in the text's order. A text that is shorter than a shingle is one, unless it has no
    /// word.
    fn cut(&mut self, text: &str, shingles: &mut Vec<u64>) {
        shingles.clear();
        let mut lowered = std::mem::take(&mut self.lowered);
        let text = if self.case_sensitive { text } else { lower(text, &mut lowered) };
        match self.shingle {
            Shingle::Words { n, words } => {
                self.words.clear();
                self.words.extend(words.words(text).map(ngrams::hash));
                let n = n.min(self.words.len()).max(1);
                shingles.extend(self.words.windows(n).map(ngrams::combine));
            }
            Shingle::Chars { n } => {
                let mut collapsed = String::new();
                let text = collapse(text, &mut collapsed);
                self.starts.clear();
                self.starts.extend(text.char_indices().map(|(start, _)| start).chain([text.len()]));
                let n = n.min(self.starts.len() - 1).max(1);
                let windows = self.starts.windows(n + 1);
                shingles.extend(windows.map(|starts| xxh3_64(&text.as_bytes()[starts[0]..starts[n]])));
            }
        }
        self.lowered = lowered;
    }
}

/// The text in lower case.
fn lower<'a>(text: &str, buffer: &'a mut String) -> &'a str {
    if text.is_ascii() {
        buffer.clear();
        buffer.push_str(text);
        buffer.make_ascii_lowercase();
    } else {
        *buffer = text.to_lowercase();
    }
    buffer
}

/// Whether a text is only white space.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(is_space)
}
