//! What becomes of every document.

use super::config::{Action, DedupConfig, Exact};
use super::deduplicator::Candidates;
use super::minhash::{estimate, jaccard};
use super::pieces::cut;
use crate::corpus::hashed::HashedMap;
use crate::corpus::sort::{Field, Record, Sorter, read_bytes, write_bytes};
use crate::{Error, Result};
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use trainyard_text::{count_chars, strip};
use xxhash_rust::xxh3::xxh3_128;

/// The reason of a document that is equal to another.
pub const DEDUP_EXACT: &str = "dedup_exact";
/// The reason of a document that is nearly equal to another.
pub const DEDUP_NEAR: &str = "dedup_near";
/// The reason of a document of which nothing, or too little, is left without its repeated lines or paragraphs.
pub const DEDUP_REPEATED: &str = "dedup_repeated";

/// Who goes, in favour of whom. Memory: about 48 bytes per duplicate, and the ids of those that stay for them.
pub struct Duplicates {
    config: DedupConfig,
    /// Sums, for reports.
    pub counts: Counts,
    /// Hash of the id → what it is a duplicate of.
    rows: HashedMap<u128, Row>,
    heads: Vec<Box<str>>,
    cuts: Cuts,
}

/// Sums over all documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Documents.
    pub documents: u64,
    /// Clusters of two and more documents.
    pub clusters: u64,
    /// Documents that are equal to the first of their cluster.
    pub exact: u64,
    /// Documents that are near to the first of their cluster.
    pub near: u64,
    /// Lines or paragraphs that occur before.
    pub pieces: u64,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    /// Index in `heads`.
    head: u32,
    is_exact: bool,
    score: f32,
}

/// A document that goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Duplicate<'a> {
    /// The id of the document that stays for it: the lowest of the cluster, in the order of bytes.
    pub of: &'a str,
    /// [`DEDUP_EXACT`] or [`DEDUP_NEAR`].
    pub reason: &'static str,
    /// The Jaccard index of both documents' shingles: the true one if it was checked, else an estimate. Two documents
    /// of a cluster may be linked only by others, and be less alike.
    pub score: f64,
}

/// A text without its repeated lines or paragraphs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// What is left.
    pub text: String,
    /// What was cut, in bytes of the old text.
    pub spans: Vec<Range<usize>>,
    /// Whether so little is left that the document goes ([`DEDUP_REPEATED`]).
    pub is_dropped: bool,
}

impl Duplicates {
    pub(super) fn new(mut candidates: Candidates) -> Result<Self> {
        let mut duplicates = Self {
            config: candidates.config.clone(),
            counts: Counts { documents: candidates.clusters.len().into(), ..Counts::default() },
            rows: HashedMap::default(),
            heads: Vec::new(),
            cuts: Cuts::new(&candidates)?,
        };
        duplicates.find(&mut candidates)?;
        if matches!(candidates.config.exact, Exact::Line | Exact::Paragraph) {
            duplicates.counts.pieces = duplicates.cuts.find(&mut candidates)?;
        }
        Ok(duplicates)
    }

    /// Fills `rows`: the members of clusters, sorted by head, meet their head's entry.
    fn find(&mut self, candidates: &mut Candidates) -> Result<()> {
        let Candidates { config, folder, entries, clusters, shingles, .. } = candidates;
        let mut members = Sorter::new(folder, config.memory_mb << 19);
        for (document, entry) in (0..).zip(entries.records()?) {
            let (entry, head) = (entry?, clusters.head(document));
            if head != document {
                let (id, exact) = (xxh3_128(entry.id.as_bytes()), entry.signature.exact);
                members.push(Member { head, document, id, exact, sketch: entry.signature.sketch })?;
            }
        }
        let mut members = members.finish()?.peekable();
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for (document, entry) in (0..).zip(entries.records()?) {
            let entry = entry?;
            let is_mine = |member: &Result<Member>| member.as_ref().map_or(true, |member| member.head == document);
            let n_before = self.rows.len();
            while let Some(member) = members.next_if(is_mine) {
                let member = member?;
                let is_exact = config.exact != Exact::None && member.exact == entry.signature.exact;
                let score = if is_exact {
                    1.0
                } else if shingles.has(document) && shingles.has(member.document) {
                    shingles.read(document, &mut a)?;
                    shingles.read(member.document, &mut b)?;
                    jaccard(&a, &b)
                } else {
                    estimate(&entry.signature.sketch, &member.sketch)
                };
                *(if is_exact { &mut self.counts.exact } else { &mut self.counts.near }) += 1;
                self.rows.insert(member.id, Row { head: self.heads.len() as u32, is_exact, score: score as f32 });
            }
            if self.rows.len() > n_before {
                self.counts.clusters += 1;
                self.heads.push(entry.id);
            }
        }
        Ok(())
    }

    /// Whether the document goes, and in favour of whom; none for those that stay.
    pub fn get(&self, id: &str) -> Option<Duplicate<'_>> {
        if self.config.action == Action::Group {
            return None;
        }
        let row = self.rows.get(&xxh3_128(id.as_bytes()))?;
        let reason = if row.is_exact { DEDUP_EXACT } else { DEDUP_NEAR };
        Some(Duplicate { of: &self.heads[row.head as usize], reason, score: row.score.into() })
    }

    /// The lowest id of the document's cluster, which is its own if it is like no other: the key by which its split is
    /// chosen, so that duplicates never straddle.
    pub fn head<'a>(&'a self, id: &'a str) -> &'a str {
        self.rows.get(&xxh3_128(id.as_bytes())).map_or(id, |row| &self.heads[row.head as usize])
    }

    /// The text of a document that stays without the lines or paragraphs that occur before, in a document with a lower
    /// id or earlier in this one; none when there is nothing to cut.
    ///
    /// Errors: a temporary file that cannot be read.
    pub fn rewrite(&self, id: &str, text: &str) -> Result<Option<Rewritten>> {
        let numbers = self.cuts.get(id)?;
        if numbers.is_empty() {
            return Ok(None);
        }
        let (text, spans) = cut(text, self.config.exact, &numbers);
        let is_dropped = count_chars(strip(&text)) < self.config.min_left.max(1);
        Ok(Some(Rewritten { text, spans, is_dropped }))
    }
}

/// A document that is not the head of its cluster.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    head: u32,
    document: u32,
    id: u128,
    exact: u128,
    sketch: Vec<u8>,
}

impl Record for Member {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        (self.head, self.document).write(out)?;
        (self.id, self.exact).write(out)?;
        write_bytes(out, &self.sketch)
    }

    fn read(input: &mut impl Read) -> io::Result<Self> {
        let (head, document) = Record::read(input)?;
        let (id, exact) = Record::read(input)?;
        Ok(Self { head, document, id, exact, sketch: read_bytes(input)? })
    }

    fn owned_bytes(&self) -> usize {
        self.sketch.len()
    }
}

/// The numbers of the pieces to cut of each document, in an unnamed file.
struct Cuts {
    folder: PathBuf,
    file: Mutex<File>,
    /// Hash of the id → where the numbers begin, and how many there are.
    places: HashedMap<u128, (u64, u32)>,
}

impl Cuts {
    fn new(candidates: &Candidates) -> Result<Self> {
        let folder = candidates.folder.clone();
        let file =
            tempfile::tempfile_in(&folder).map_err(|error| Error::io(&folder, "make a temporary file in", &error))?;
        Ok(Self { folder, file: Mutex::new(file), places: HashedMap::default() })
    }

    /// Finds the pieces that occur before, of the documents that stay, and counts them.
    fn find(&mut self, candidates: &mut Candidates) -> Result<u64> {
        let Candidates { config, folder, entries, clusters, .. } = candidates;
        let limit_bytes = config.memory_mb << 19;
        let mut pieces = Sorter::new(folder, limit_bytes);
        for (document, entry) in (0..).zip(entries.records()?) {
            let signature = entry?.signature;
            if config.action == Action::Group || clusters.head(document) == document {
                signature.pieces.iter().try_for_each(|&(number, hash)| pieces.push((hash, document, number)))?;
            }
        }
        let mut repeated = Sorter::new(folder, limit_bytes);
        let mut last = None;
        for piece in pieces.finish()? {
            let (hash, document, number): (u128, u32, u32) = piece?;
            if last.replace(hash) == Some(hash) {
                repeated.push((document, number))?;
            }
        }
        let mut repeated = repeated.finish()?.peekable();
        let cannot_write = |error| Error::io(folder, "write a temporary file in", &error);
        let file = self.file.get_mut().unwrap_or_else(PoisonError::into_inner);
        let (mut file, mut n_pieces) = (BufWriter::new(file), 0);
        for (document, entry) in (0..).zip(entries.records()?) {
            let (entry, start) = (entry?, n_pieces);
            let is_mine = |piece: &Result<(u32, u32)>| piece.as_ref().map_or(true, |piece| piece.0 == document);
            while let Some(piece) = repeated.next_if(is_mine) {
                piece?.1.write(&mut file).map_err(cannot_write)?;
                n_pieces += 1;
            }
            if n_pieces > start {
                self.places.insert(xxh3_128(entry.id.as_bytes()), (4 * start, (n_pieces - start) as u32));
            }
        }
        file.flush().map_err(cannot_write)?;
        Ok(n_pieces)
    }

    fn get(&self, id: &str) -> Result<Vec<u32>> {
        let Some(&(start, n)) = self.places.get(&xxh3_128(id.as_bytes())) else { return Ok(Vec::new()) };
        let mut bytes = vec![0; 4 * n as usize];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(|error| Error::io(&self.folder, "read a temporary file in", &error))?;
        Ok(bytes.as_chunks().0.iter().map(|number| u32::from_le_bytes(*number)).collect())
    }
}
