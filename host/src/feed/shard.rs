//! One split's tokens in one file, mapped into memory.
//!
//! Little-endian throughout:
//!
//! | bytes | content |
//! |---|---|
//! | 0..8 | `TYSHARD1` |
//! | 8..12 | format version: 1, or 2 with planes |
//! | 12..16 | bytes per token: 2 or 4, the least that holds every id |
//! | 16..24 | number of tokens |
//! | 24..32 | number of documents |
//! | 32..36 | size of the vocabulary |
//! | 36..40 | id of the token that ends a document, 2³²−1 when there is none |
//! | 40..72 | SHA-256 of the tokenizer: plugin, settings, model |
//! | 72..104 | SHA-256 of the source files |
//! | 104..108 | number of planes; 0 in format 1 |
//! | 108..128 | zero |
//! | 128.. | tokens, zeros up to a multiple of 8 bytes, then per document the number of tokens up to its end (u64) |
//! | then | in format 2 the planes, as [`planes`] describes them |
//! | last 16 | XXH3-128 of everything from byte 128 on, followed by the header |
//!
//! The stream is: end of text, document, end of text, document, end of text … so every token of a document has one
//! before it and is predicted exactly once.

mod planes;
mod scan;
mod writer;

pub use planes::{Number, Per, Plane};
pub use writer::ShardWriter;

use crate::corpus::FileEntry;
use crate::{Error, Result};
use memmap2::Mmap;
use planes::Placed;
use scan::scan;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"TYSHARD1";
/// Format of a shard without planes, and of one with them.
const FORMAT_PLAIN: u32 = 1;
const FORMAT_PLANES: u32 = 2;
const HEADER_BYTES: usize = 128;
const CHECKSUM_BYTES: usize = 16;
const NO_TOKEN: u32 = u32::MAX;
/// What to do about a shard that cannot be used.
pub(crate) const CURE: &str = "delete the folder and run again to prepare the data again";

/// What a shard's tokens mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardInfo {
    /// Every id is below it.
    pub n_vocabulary: u32,
    /// The token that ends a document.
    pub end_of_text: Option<u32>,
    /// SHA-256 of the tokenizer: plugin, settings, model.
    pub tokenizer: [u8; 32],
    /// SHA-256 of the source files.
    pub source: [u8; 32],
}

/// One split's tokens, mapped into memory and verified.
#[derive(Debug)]
pub struct Shard {
    path: PathBuf,
    map: Mmap,
    info: ShardInfo,
    token_bytes: usize,
    n_tokens: u64,
    n_documents: u64,
    /// Where the ends of documents begin in the file.
    ends: usize,
    planes: Vec<Placed>,
}

impl Shard {
    /// Maps the file and verifies it, which reads it once.
    ///
    /// # Errors
    /// A missing, truncated or altered file, or one of another format.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io(path, &format!("open ({CURE})"), &error))?;
        // SAFETY: the map is only read. A shard is never changed in place: the writer renames a finished file over the
        // path, which leaves this map with the old one. As with any map, cutting the file from outside ends the
        // process.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| Error::io(path, "map", &error))?;
        Self::verify(path.into(), map)
    }

    fn verify(path: PathBuf, map: Mmap) -> Result<Self> {
        let broken = |what: String| Error::run(format!("{}: {what}; {CURE}", path.display()));
        if map.len() < HEADER_BYTES + CHECKSUM_BYTES || &map[..8] != MAGIC {
            return Err(broken("not a token shard".into()));
        }
        let (format, token_bytes) = (u32_at(&map, 8), u32_at(&map, 12) as usize);
        if !matches!(format, FORMAT_PLAIN | FORMAT_PLANES) {
            return Err(broken(format!("expected shard format {FORMAT_PLAIN} or {FORMAT_PLANES}, got {format}")));
        }
        let (n_tokens, n_documents) = (u64_at(&map, 16), u64_at(&map, 24));
        let ends = u128::from(n_tokens) * token_bytes as u128 + HEADER_BYTES as u128;
        let ends = ends.next_multiple_of(8);
        let (mut planes, mut content) = (Vec::new(), ends + u128::from(n_documents) * 8);
        if format == FORMAT_PLANES {
            let (n, counts) = (u32_at(&map, 104) as usize, (n_tokens, n_documents));
            let body = &map[..map.len() - CHECKSUM_BYTES];
            (planes, content) = Placed::all(body, content, n, counts).map_err(broken)?;
        }
        let expected = content + CHECKSUM_BYTES as u128;
        if expected != map.len() as u128 || !matches!(token_bytes, 2 | 4) {
            return Err(broken(format!("expected {expected} bytes, got {}: cut off or altered", map.len())));
        }
        if let Some(fault) = planes.iter().find_map(|plane| plane.fault(&map)) {
            return Err(broken(fault));
        }
        let (body, tokens_bytes) = (map.len() - CHECKSUM_BYTES, n_tokens as usize * token_bytes);
        let scanned = scan(&map[..HEADER_BYTES], &map[HEADER_BYTES..body], tokens_bytes, token_bytes);
        if scanned.checksum.to_le_bytes() != map[body..] {
            return Err(broken("checksum does not match: altered after it was written".into()));
        }
        let end_of_text = u32_at(&map, 36);
        let info = ShardInfo {
            n_vocabulary: u32_at(&map, 32),
            end_of_text: (end_of_text != NO_TOKEN).then_some(end_of_text),
            tokenizer: bytes_at(&map, 40),
            source: bytes_at(&map, 72),
        };
        // The file's length bounds `ends`, so it fits.
        let shard = Self { map, info, token_bytes, n_tokens, n_documents, ends: ends as usize, planes, path };
        match shard.nonsense(scanned.largest) {
            Some(what) => Err(Error::run(format!("{}: {what}; {CURE}", shard.path.display()))),
            None => Ok(shard),
        }
    }

    /// What no writer of shards makes, whatever the checksum says; `largest` is the largest id.
    fn nonsense(&self, largest: u32) -> Option<String> {
        let ShardInfo { n_vocabulary, end_of_text, .. } = self.info;
        if let Some(id) = end_of_text.filter(|&id| id >= n_vocabulary) {
            return Some(format!("its end of text, {id}, is outside its vocabulary of {n_vocabulary}"));
        }
        let outside = |largest| (largest >= n_vocabulary).then(|| self.tokens(0..self.n_tokens).enumerate());
        if let Some((index, id)) = outside(largest).and_then(|mut tokens| tokens.find(|(_, id)| *id >= n_vocabulary)) {
            return Some(format!("token {index} is {id}, which is outside the vocabulary of {n_vocabulary}"));
        }
        // each document has its end of text, and the first one is before the first document
        let separator = u64::from(end_of_text.is_some());
        let ends = (0..self.n_documents).map(|index| self.end(index));
        let mut last = separator;
        for end in ends {
            if end.checked_sub(separator).is_none_or(|start| start < last) {
                return Some("ends of documents are not rising".into());
            }
            last = end;
        }
        (last > self.n_tokens).then(|| format!("its documents end at token {last} of {}", self.n_tokens))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says that the file was moved to `dir`.
    pub(super) fn relocate(&mut self, dir: &Path) {
        self.path = dir.join(self.path.file_name().unwrap_or_default());
    }

    /// What the tokens mean.
    pub fn info(&self) -> &ShardInfo {
        &self.info
    }

    /// Number of tokens, ends of text included.
    pub fn n_tokens(&self) -> u64 {
        self.n_tokens
    }

    /// Number of documents.
    pub fn n_documents(&self) -> u64 {
        self.n_documents
    }

    /// Length of the file.
    pub fn n_bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// What a manifest says of it.
    pub(crate) fn entry(&self) -> FileEntry {
        FileEntry { bytes: self.n_bytes(), xxh3: format!("{:032x}", self.checksum()) }
    }

    /// XXH3-128 of the content.
    pub fn checksum(&self) -> u128 {
        u128::from_le_bytes(bytes_at(&self.map, self.map.len() - CHECKSUM_BYTES))
    }

    /// The tokens at `range` of the stream, which must lie within `n_tokens`.
    pub fn tokens(&self, range: Range<u64>) -> impl Iterator<Item = u32> {
        assert!(range.start <= range.end && range.end <= self.n_tokens, "{range:?} is not within {}", self.n_tokens);
        let at = |index: u64| HEADER_BYTES + index as usize * self.token_bytes;
        // One of the two halves is empty: ids come out of either width without a branch per token.
        let bytes = &self.map[at(range.start)..at(range.end)];
        let (narrow, wide) = if self.token_bytes == 2 { (bytes, &[][..]) } else { (&[][..], bytes) };
        let narrow = narrow.chunks_exact(2).map(|b| u32::from(u16::from_le_bytes([b[0], b[1]])));
        narrow.chain(wide.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])))
    }

    /// The numbers of `plane` at `range`, which must lie within its tokens or documents; none without that plane. An
    /// `f64` holds every one exactly.
    pub fn plane(&self, plane: &Plane, range: Range<u64>) -> Option<impl Iterator<Item = f64>> {
        let placed = self.planes.iter().find(|placed| placed.is(plane))?;
        Some(placed.numbers(&self.map, range))
    }

    /// Checks that there are such planes.
    ///
    /// # Errors
    /// A shard without one of them.
    pub(super) fn check_planes(&self, planes: &[Plane]) -> Result<()> {
        let missing = planes.iter().find(|plane| !self.planes.iter().any(|placed| placed.is(plane)));
        missing.map_or(Ok(()), |plane| {
            Err(Error::run(format!("{}: has no plane {}; {CURE}", self.path.display(), plane.text())))
        })
    }

    /// The tokens of document `index`, which must be below `n_documents`, without the end of text.
    pub fn document(&self, index: u64) -> Vec<u32> {
        self.tokens(self.place(index)).collect()
    }

    /// Where the tokens of document `index`, which must be below `n_documents`, are in the stream, without the end of
    /// text.
    pub fn place(&self, index: u64) -> Range<u64> {
        assert!(index < self.n_documents, "document {index} is not below {}", self.n_documents);
        let separator = u64::from(self.info.end_of_text.is_some());
        let start = if index == 0 { separator } else { self.end(index - 1) };
        start..self.end(index) - separator
    }

    /// The inputs of document `index`: the places of the stream whose next token is one of its own, or the end of text
    /// after it. The first is the end of text before the document; without ends of text it is the document's first
    /// token, which nothing predicts.
    pub fn rows(&self, index: u64) -> Range<u64> {
        self.rows_of(index..index + 1)
    }

    /// The document that the input at `place` of the stream is of: the last whose inputs begin there or before.
    pub fn document_of(&self, place: u64) -> u64 {
        let (mut first, mut end) = (0, self.n_documents);
        while end - first > 1 {
            let middle = first.midpoint(end);
            match self.rows(middle).start <= place {
                true => first = middle,
                false => end = middle,
            }
        }
        first
    }

    /// The inputs of neighbouring documents, where one may predict the next.
    pub fn rows_of(&self, documents: Range<u64>) -> Range<u64> {
        if documents.is_empty() {
            return 0..0;
        }
        assert!(documents.end <= self.n_documents, "{documents:?} is not within {}", self.n_documents);
        let separator = u64::from(self.info.end_of_text.is_some());
        let start = if documents.start == 0 { 0 } else { self.end(documents.start - 1) - separator };
        start..self.end(documents.end - 1).saturating_sub(1).max(start)
    }

    /// The same tokens, said to be of another vocabulary: what no file can hold.
    #[cfg(test)]
    pub(super) fn with_vocabulary(mut self, n_vocabulary: u32) -> Self {
        self.info.n_vocabulary = n_vocabulary;
        self
    }

    fn end(&self, index: u64) -> u64 {
        u64_at(&self.map, self.ends + index as usize * 8)
    }
}

fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(bytes, at))
}
