//! Finished work in folders that are named after what it is a function of, so that nothing is done twice.
//!
//! `stages/<key>/` holds the judged documents of one unit of the corpus in pieces: `00000.zst` (records of
//! [`super::judged`] under zstd, with its checksum) and `00000.json` ([`PieceInfo`]), which is written last: a piece
//! without it does not count. `datasets/<key>/` holds what training reads, `models/` trained tokenizers.

use super::judged::Judged;
use crate::base::files::hex;
use crate::base::write::{TemporaryFile, is_abandoned, write_file};
use crate::corpus::read::ReadCounts;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File, TryLockError};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_128;

/// Fast, and a third of the text.
const ZSTD_LEVEL: i32 = 1;
/// What to do about damage in the store.
const CURE: &str = "delete it and run again, what is missing is made again";

/// The folder of finished work.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    root: PathBuf,
}

/// What a piece holds: `00000.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PieceInfo {
    /// Documents, kept or not.
    pub documents: u64,
    /// Their text in UTF-8.
    pub text_bytes: u64,
    /// Length of `00000.zst`.
    pub bytes: u64,
    /// What reading met on the way.
    pub read: ReadCounts,
    /// Whether the unit ends with it.
    pub last: bool,
}

/// A key: 32 hexadecimal digits that stand for all `parts`.
pub(crate) fn key<S: AsRef<[u8]>>(parts: impl IntoIterator<Item = S>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        // lengths in front keep "ab" + "c" and "a" + "bc" apart
        digest.update((part.as_ref().len() as u64).to_le_bytes());
        digest.update(part);
    }
    hex(&digest.finalize()[..16])
}

impl Store {
    pub fn new(root: &Path) -> Self {
        Self { root: root.into() }
    }

    /// The store's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a unit's pieces after a stage.
    pub fn stage(&self, key: &str) -> PathBuf {
        self.root.join("stages").join(key)
    }

    pub fn dataset(&self, key: &str) -> PathBuf {
        self.root.join("datasets").join(key)
    }

    pub fn model(&self, key: &str) -> PathBuf {
        self.root.join("models").join(key)
    }

    /// For temporary files.
    pub fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// What filters observed in a first pass.
    pub fn state(&self, key: &str) -> PathBuf {
        self.root.join("states").join(key)
    }
}

/// A folder that this process alone writes into, until the lock is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Makes the folder and locks it: after other processes are done with it, if `wait` says so, else an error.
    ///
    /// # Errors
    /// A folder that cannot be made or locked; another process that has it, unless this one waits.
    pub fn new(folder: &Path, wait: bool) -> Result<Self> {
        if let Some(lock) = Self::try_new(folder)? {
            return Ok(lock);
        }
        if !wait {
            return Err(Error::run(format!(
                "{}: another process is preparing the same data, wait for it to end",
                folder.display()
            )));
        }
        tracing::warn!("{}: waiting for another process that is at the same work", folder.display());
        let file = open_lock(folder)?;
        file.lock().map_err(|error| Error::io(folder, "lock", &error))?;
        Ok(Self { _file: file })
    }

    /// Makes the folder and locks it; none when another process has it.
    fn try_new(folder: &Path) -> Result<Option<Self>> {
        let file = open_lock(folder)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            // a file system without locks: renaming still keeps half-written files apart
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                Ok(Some(Self { _file: file }))
            }
            Err(TryLockError::Error(error)) => Err(Error::io(folder, "lock", &error)),
        }
    }
}

/// Removes what killed processes left half-written.
///
/// # Errors
/// A folder that cannot be read.
pub(crate) fn remove_abandoned(folder: &Path) -> Result<()> {
    create_dir(folder)?;
    for entry in fs::read_dir(folder).map_err(|error| Error::io(folder, "list", &error))? {
        let path = entry.map_err(|error| Error::io(folder, "list", &error))?.path();
        if is_abandoned(&path) {
            fs::remove_file(&path).map_err(|error| Error::io(&path, "remove", &error))?;
        }
    }
    Ok(())
}

fn open_lock(folder: &Path) -> Result<File> {
    create_dir(folder)?;
    let path = folder.join("lock");
    File::options().create(true).append(true).open(&path).map_err(|error| Error::io(&path, "create", &error))
}

pub(crate) fn create_dir(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, "create", &error))
}

/// Writes a file and next to it, last, its checksum: `KEY.xxh3`.
///
/// # Errors
/// A file that cannot be written.
pub(crate) fn write_sealed(path: &Path, bytes: &[u8]) -> Result<()> {
    write_file(path, bytes)?;
    write_file(&path.with_added_extension("xxh3"), format!("{:032x}\n", xxh3_128(bytes)).as_bytes())
}

/// Reads what [`write_sealed`] wrote; none where it is not there or damaged, and is to be made again.
pub(crate) fn read_sealed(path: &Path) -> Option<Vec<u8>> {
    let bytes = fs::read(path).ok()?;
    let checksum = fs::read_to_string(path.with_added_extension("xxh3")).ok();
    let is_whole = checksum.is_some_and(|checksum| checksum.trim() == format!("{:032x}", xxh3_128(&bytes)));
    if !is_whole {
        tracing::warn!("{}: damaged or cut short: made again", path.display());
    }
    is_whole.then_some(bytes)
}

/// The finished pieces of a unit, without gaps.
pub(crate) fn finished_pieces(folder: &Path) -> Vec<PieceInfo> {
    let read = |number| -> Option<PieceInfo> {
        let info: PieceInfo = serde_json::from_slice(&fs::read(info_path(folder, number)).ok()?).ok()?;
        let bytes = fs::metadata(data_path(folder, number)).ok()?.len();
        (bytes == info.bytes).then_some(info)
    };
    let mut pieces: Vec<PieceInfo> = Vec::new();
    while pieces.last().is_none_or(|piece| !piece.last) {
        match read(pieces.len() as u32) {
            Some(piece) => pieces.push(piece),
            None => break,
        }
    }
    pieces
}

fn data_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:05}.zst"))
}

fn info_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:05}.json"))
}

/// A piece being written.
pub(crate) struct PieceWriter {
    folder: PathBuf,
    number: u32,
    encoder: zstd::Encoder<'static, TemporaryFile>,
    documents: u64,
    text_bytes: u64,
}

impl PieceWriter {
    /// A new piece in `folder`.
    ///
    /// # Errors
    /// A file that cannot be created.
    pub fn create(folder: &Path, number: u32) -> Result<Self> {
        let path = data_path(folder, number);
        let cannot_write = |error| Error::io(&path, "write", &error);
        let mut encoder = zstd::Encoder::new(TemporaryFile::create(&path)?, ZSTD_LEVEL).map_err(cannot_write)?;
        encoder.include_checksum(true).map_err(cannot_write)?;
        Ok(Self { folder: folder.into(), number, encoder, documents: 0, text_bytes: 0 })
    }

    /// Adds a document.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn push(&mut self, judged: &Judged) -> Result<()> {
        self.documents += 1;
        self.text_bytes += judged.document.text().len() as u64;
        judged
            .write(&mut self.encoder)
            .map_err(|error| Error::io(&data_path(&self.folder, self.number), "write", &error))
    }

    /// Completes the piece: from now on it counts.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(self, read: ReadCounts, last: bool) -> Result<()> {
        let path = data_path(&self.folder, self.number);
        let mut file = self.encoder.finish().map_err(|error| Error::io(&path, "write", &error))?;
        file.flush().map_err(|error| Error::io(&path, "write", &error))?;
        file.finish()?;
        let bytes = fs::metadata(&path).map_err(|error| Error::io(&path, "read", &error))?.len();
        let Self { documents, text_bytes, .. } = self;
        let info = PieceInfo { documents, text_bytes, bytes, read, last };
        let json = serde_json::to_vec(&info).map_err(|error| Error::run(format!("piece as JSON: {error}")))?;
        write_file(&info_path(&self.folder, self.number), &json)
    }
}

/// The documents of a finished piece, in order.
pub(crate) struct PieceReader {
    path: PathBuf,
    decoder: zstd::Decoder<'static, BufReader<File>>,
}

impl PieceReader {
    /// Opens a piece of `folder`.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub fn open(folder: &Path, number: u32) -> Result<Self> {
        let path = data_path(folder, number);
        let decoder = File::open(&path).and_then(zstd::Decoder::new);
        let decoder = decoder.map_err(|error| Error::io(&path, &format!("read ({CURE})"), &error))?;
        Ok(Self { path, decoder })
    }
}

impl Iterator for PieceReader {
    type Item = Result<Judged>;

    fn next(&mut self) -> Option<Self::Item> {
        let judged = Judged::read(&mut self.decoder);
        judged.map_err(|error| Error::io(&self.path, &format!("read (damaged; {CURE})"), &error)).transpose()
    }
}
