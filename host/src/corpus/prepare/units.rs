//! The corpus in units of work: what is done, stored and done again as a whole.

use super::judged::Judged;
use super::store::{PieceInfo, finished_pieces};
use crate::Result;
use crate::corpus::DataConfig;
use crate::corpus::read::{FileDocuments, ReadCounts, SourceFile};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use xxhash_rust::xxh3::xxh3_64;

/// Documents per call of a plugin.
pub(crate) const BATCH_DOCUMENTS: usize = 256;
/// Bytes of text per call of a plugin; one document may be longer.
pub(crate) const BATCH_BYTES: usize = 1 << 20;
/// Text after which a piece ends: what a kill may cost.
const PIECE_BYTES: u64 = 32 << 20;
/// Smaller files are put together.
const SMALL_FILE_BYTES: u64 = 1 << 20;
/// The most that small files are put together to.
const GROUP_BYTES: u64 = 64 << 20;

/// A large file, or neighbouring small files of one source.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    pub files: Vec<SourceFile>,
    /// SHA-256 of each file.
    pub digests: Vec<[u8; 32]>,
    pub source: u16,
}

impl Unit {
    /// Length of its files as stored.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Puts files into units. Where a group of small files ends depends on their names, so that a new file changes one
/// group and not all that follow.
pub(crate) fn units(files: &[SourceFile], digests: &[[u8; 32]]) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut is_open = false;
    for (file, &digest) in files.iter().zip(digests) {
        let is_small = file.bytes < SMALL_FILE_BYTES;
        match units.last_mut() {
            Some(unit) if is_open && is_small && unit.source == file.source => {
                unit.files.push(file.clone());
                unit.digests.push(digest);
            }
            _ => units.push(Unit { files: vec![file.clone()], digests: vec![digest], source: file.source }),
        }
        let n_bytes = units.last().map_or(0, Unit::bytes);
        is_open = is_small && n_bytes < GROUP_BYTES && !xxh3_64(file.name.as_bytes()).is_multiple_of(256);
    }
    units
}

/// Documents of one piece, for one call of each plugin.
pub(crate) struct Batch {
    /// Index of the unit.
    pub unit: usize,
    pub piece: u32,
    pub documents: Vec<Judged>,
    /// Given with the last batch of the piece.
    pub end: Option<PieceEnd>,
}

#[derive(Debug, Clone)]
pub(crate) struct PieceEnd {
    pub read: ReadCounts,
    /// Whether the unit ends too.
    pub last: bool,
}

/// The batches of units that are not finished yet, read from the sources.
pub(crate) struct SourceBatches<'a> {
    config: &'a DataConfig,
    /// Index, unit and folder of those to come.
    units: VecDeque<(usize, Unit, PathBuf)>,
    progress: Arc<AtomicU64>,
    current: Option<Reading<'a>>,
}

/// The unit being read.
struct Reading<'a> {
    unit: usize,
    files: VecDeque<SourceFile>,
    documents: Option<FileDocuments<'a>>,
    /// Pieces that are finished already: they are read over.
    finished: u32,
    piece: u32,
    piece_bytes: u64,
    read: ReadCounts,
}

impl<'a> SourceBatches<'a> {
    pub fn new(
        config: &'a DataConfig,
        units: impl IntoIterator<Item = (usize, Unit, PathBuf)>,
        progress: Arc<AtomicU64>,
    ) -> Self {
        Self { config, units: units.into_iter().collect(), progress, current: None }
    }

    fn read(&mut self) -> Result<Option<Batch>> {
        loop {
            let Some(reading) = &mut self.current else {
                let Some((unit, Unit { files, .. }, folder)) = self.units.pop_front() else { return Ok(None) };
                let finished = finished_pieces(&folder).len() as u32;
                self.current = Some(Reading {
                    unit,
                    files: files.into(),
                    documents: None,
                    finished,
                    piece: 0,
                    piece_bytes: 0,
                    read: ReadCounts::default(),
                });
                continue;
            };
            let batch = reading.batch(self.config, &self.progress)?;
            let is_finished = batch.piece < reading.finished;
            if batch.end.as_ref().is_some_and(|end| end.last) {
                self.current = None;
            }
            if !is_finished {
                return Ok(Some(batch));
            }
        }
    }
}

impl Iterator for SourceBatches<'_> {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

impl<'a> Reading<'a> {
    fn batch(&mut self, config: &'a DataConfig, progress: &Arc<AtomicU64>) -> Result<Batch> {
        let (mut documents, mut n_bytes, piece) = (Vec::new(), 0, self.piece);
        while documents.len() < BATCH_DOCUMENTS && n_bytes < BATCH_BYTES && self.piece_bytes < PIECE_BYTES {
            let Some(open) = &mut self.documents else {
                let Some(file) = self.files.pop_front() else {
                    let end = Some(PieceEnd { read: std::mem::take(&mut self.read), last: true });
                    return Ok(Batch { unit: self.unit, piece, documents, end });
                };
                self.documents = Some(FileDocuments::open(file, config, progress)?);
                continue;
            };
            match open.next(&mut self.read)? {
                None => self.documents = None,
                Some(document) => {
                    n_bytes += document.text.len();
                    self.piece_bytes += document.text.len() as u64;
                    documents.push(Judged::new(document));
                }
            }
        }
        let end =
            (self.piece_bytes >= PIECE_BYTES).then(|| PieceEnd { read: std::mem::take(&mut self.read), last: false });
        if end.is_some() {
            (self.piece, self.piece_bytes) = (piece + 1, 0);
        }
        Ok(Batch { unit: self.unit, piece, documents, end })
    }
}

/// Text in all documents of the pieces.
pub(crate) fn text_bytes(pieces: &[Piece]) -> u64 {
    pieces.iter().map(|piece| piece.info.text_bytes).sum()
}

/// A finished piece of a unit.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub unit: usize,
    pub source: u16,
    pub folder: PathBuf,
    pub number: u32,
    pub info: PieceInfo,
}
