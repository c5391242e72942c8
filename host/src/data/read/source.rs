//! The files of a corpus: which they are, in which order, and what they hold as one digest.

use crate::data::{DataConfig, SourceConfig};
use crate::{Error, Result};
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

const BUFFER_BYTES: usize = 1 << 18;

/// One file of the corpus.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    pub path: PathBuf,
    /// Path below the source's folder, or the file's name; without `.gz` or `.zst`, so that compressing a file keeps
    /// its documents' ids.
    pub name: String,
    pub format: Format,
    compression: Compression,
    /// Index in `DataConfig::source`.
    pub source: usize,
    /// Named by the config itself rather than found in a folder.
    pub named: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    JsonLines,
}

#[derive(Debug, Clone, Copy)]
enum Compression {
    None,
    Gzip,
    Zstd,
}

impl SourceFile {
    pub fn is_packed(&self) -> bool {
        !matches!(self.compression, Compression::None)
    }

    /// `source`, as documents carry it: `list` allows no more of them.
    pub fn source_number(&self) -> u16 {
        self.source as u16
    }

    /// The file's bytes, unpacked.
    pub fn open(&self) -> io::Result<Box<dyn BufRead>> {
        let file = File::open(&self.path)?;
        Ok(match self.compression {
            Compression::None => Box::new(BufReader::with_capacity(BUFFER_BYTES, file)),
            Compression::Gzip => {
                Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(BufReader::new(file))))
            }
            Compression::Zstd => {
                Box::new(BufReader::with_capacity(BUFFER_BYTES, zstd::stream::read::Decoder::new(file)?))
            }
        })
    }
}

/// All files of the config's sources: sources in the config's order, the files of a folder sorted by path.
pub(crate) fn list(config: &DataConfig) -> Result<Vec<SourceFile>> {
    if config.source.is_empty() {
        return Err(Error::usage("data.source: no source given, name at least one file or folder"));
    }
    if config.source.len() > usize::from(u16::MAX) {
        return Err(Error::usage(format!("data.source: expected at most {} sources", u16::MAX)));
    }
    let mut files = Vec::new();
    for (index, source) in config.source.iter().enumerate() {
        list_source(source, index, &mut files)?;
    }
    Ok(files)
}

fn list_source(source: &SourceConfig, index: usize, files: &mut Vec<SourceFile>) -> Result<()> {
    let path = &source.path;
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Error::usage(format!("{}: no such file or folder, correct data.source[{index}].path", path.display()))
        }
        _ => Error::io(path, "read", &error),
    })?;
    if !metadata.is_dir() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push(source_file(path.clone(), &name, index, true).ok_or_else(|| unsupported(path))?);
        return Ok(());
    }
    let mut found = Vec::new();
    walk(path, &mut found)?;
    found.sort();
    let before = files.len();
    for file in found {
        let name = file.strip_prefix(path).unwrap_or(&file).to_string_lossy().replace('\\', "/");
        match source_file(file.clone(), &name, index, false) {
            Some(file) => files.push(file),
            None => tracing::debug!("{}: not a text or JSON lines file, left out", file.display()),
        }
    }
    if files.len() == before {
        return Err(Error::usage(format!(
            "{}: the folder holds no .txt or .jsonl file (also .gz or .zst), correct data.source[{index}].path",
            path.display()
        )));
    }
    Ok(())
}

/// Files below `folder`. Links to folders are not followed: they could lead in circles.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let cannot_list = |error| Error::io(folder, "list", &error);
    for entry in fs::read_dir(folder).map_err(cannot_list)? {
        let entry = entry.map_err(cannot_list)?;
        if entry.file_type().map_err(cannot_list)?.is_dir() {
            walk(&entry.path(), found)?;
        } else if entry.path().is_file() {
            found.push(entry.path());
        }
    }
    Ok(())
}

fn source_file(path: PathBuf, name: &str, source: usize, named: bool) -> Option<SourceFile> {
    let (name, compression) = match name.rsplit_once('.')? {
        (stem, "gz") => (stem, Compression::Gzip),
        (stem, "zst") => (stem, Compression::Zstd),
        _ => (name, Compression::None),
    };
    let format = match name.rsplit_once('.')?.1 {
        "txt" => Format::Text,
        "jsonl" => Format::JsonLines,
        _ => return None,
    };
    Some(SourceFile { path, name: name.into(), format, compression, source, named })
}

fn unsupported(path: &Path) -> Error {
    Error::usage(format!(
        "{}: expected a .txt or .jsonl file (also .gz or .zst); convert it to JSON lines, one object with the field \"text\" per line",
        path.display()
    ))
}

/// SHA-256 over all source files in order: each file's name, length and bytes as stored. It changes when a document
/// could.
///
/// Errors: a source that is missing, unreadable or of an unsupported kind.
pub fn source_digest(config: &DataConfig) -> Result<String> {
    Ok(hex(&digest_files(&list(config)?)?))
}

pub(crate) fn digest_files(files: &[SourceFile]) -> Result<[u8; 32]> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    for source in files {
        let cannot_read = |error| Error::io(&source.path, "read", &error);
        let mut file = File::open(&source.path).map_err(cannot_read)?;
        // Lengths in front keep "ab" + "c" and "a" + "bc" apart.
        digest.update((source.name.len() as u64).to_le_bytes());
        digest.update(&source.name);
        digest.update(file.metadata().map_err(cannot_read)?.len().to_le_bytes());
        loop {
            match file.read(&mut buffer).map_err(cannot_read)? {
                0 => break,
                n => digest.update(&buffer[..n]),
            }
        }
    }
    Ok(digest.finalize().into())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
