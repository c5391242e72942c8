//! The files of a corpus: which they are, in which order, and what they hold as one digest.

use super::kinds::{Compression, KINDS, by_name, compression, why_not_read};
use super::packed::unpack;
use super::sniff::holds_documents;
use crate::base::files::hex;
use crate::base::interrupt;
use crate::corpus::{DataConfig, Format, LeftOut, SourceConfig};
use crate::{Error, Result};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const BUFFER_BYTES: usize = 1 << 18;

/// One file of the corpus.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    pub path: PathBuf,
    /// Path below the source's folder, or the file's name; without `.gz`, `.zst`, `.xz` or `.bz2`, so that compressing
    /// a file keeps its documents' ids.
    pub name: String,
    pub format: Format,
    compression: Compression,
    /// Index in `DataConfig::source`.
    pub source: u16,
    /// Named by the config itself rather than found in a folder.
    pub named: bool,
    /// Length as stored.
    pub bytes: u64,
}

impl SourceFile {
    pub fn is_packed(&self) -> bool {
        !matches!(self.compression, Compression::None)
    }

    /// The file's bytes, unpacked. What was read of the file as stored is added to `progress`; `trailer` becomes true
    /// when something follows its compressed data.
    ///
    /// # Errors
    /// A file that cannot be opened or unpacked.
    pub fn open(&self, progress: &Arc<AtomicU64>, trailer: &Arc<AtomicBool>) -> io::Result<Box<dyn BufRead + Send>> {
        let file = Counted { file: File::open(&self.path)?, progress: progress.clone() };
        unpack(file, self.compression, trailer)
    }

    /// SHA-256 of the bytes as stored.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn digest(&self) -> Result<[u8; 32]> {
        let cannot_read = |error| Error::io(&self.path, "read", &error);
        let mut file = File::open(&self.path).map_err(cannot_read)?;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match file.read(&mut buffer).map_err(cannot_read)? {
                0 => return Ok(digest.finalize().into()),
                n => digest.update(&buffer[..n]),
            }
        }
    }
}

/// A file that says how much of it was read.
struct Counted {
    file: File,
    progress: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.progress.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// The files of a corpus, and what else was found there.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub files: Vec<SourceFile>,
    /// In order.
    pub left_out: LeftOut,
}

/// All files of the config's sources: sources in the config's order, the files of a folder or pattern sorted by path.
///
/// # Errors
/// A source that is missing, unreadable or of an unsupported kind.
pub(crate) fn list(config: &DataConfig) -> Result<Vec<SourceFile>> {
    list_all(config).map(|listing| listing.files)
}

/// As [`list`], with what is left out.
///
/// # Errors
/// As [`list`].
pub(crate) fn list_all(config: &DataConfig) -> Result<Listing> {
    if config.source.is_empty() {
        return Err(Error::usage("data.source: no source given, name at least one file or folder"));
    }
    let mut listing = Listing::default();
    for (index, source) in config.source.iter().enumerate() {
        let index = u16::try_from(index)
            .map_err(|_| Error::usage(format!("data.source: expected at most {} sources", u16::MAX)))?;
        list_source(source, index, &mut listing)?;
    }
    Ok(listing)
}

fn list_source(source: &SourceConfig, index: u16, listing: &mut Listing) -> Result<()> {
    let path = &source.path;
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return list_pattern(source, index, listing),
        Err(error) => return Err(Error::io(path, "read", &error)),
    };
    // it is read more than once, and may have no end
    if !metadata.is_dir() && !metadata.is_file() {
        let message = format!("{}: expected a file or a folder, got a device, a pipe or a socket", path.display());
        return Err(Error::usage(format!("{message}; write what it gives to a file")));
    }
    if !metadata.is_dir() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let file = source_file(path.clone(), &name, source.format, index, true)?;
        listing.files.push(file.ok_or_else(|| unsupported(path, index))?);
        return Ok(());
    }
    let mut found = Vec::new();
    walk(path, &mut found)?;
    let before = listing.left_out.clone();
    if add(found, path, source, index, listing)? > 0 {
        return Ok(());
    }
    let left_out = listing.left_out.since(&before).line().map(|line| format!("; {line}")).unwrap_or_default();
    Err(Error::usage(format!(
        "{}: the folder holds no {KINDS} file, correct data.source[{index}].path, or set its format{left_out}",
        path.display()
    )))
}

/// Files that a pattern such as `crawl/**/*.jsonl` matches. They are named from its first folder without a wildcard.
fn list_pattern(source: &SourceConfig, index: u16, listing: &mut Listing) -> Result<()> {
    let path = &source.path;
    let pattern = path.to_str().filter(|pattern| pattern.contains(['*', '?', '[']));
    let Some(pattern) = pattern else {
        let message = format!("{}: no such file or folder, correct data.source[{index}].path", path.display());
        return Err(Error::usage(message));
    };
    let matches = glob::glob(pattern).map_err(|error| {
        Error::usage(format!("data.source[{index}].path: {pattern:?} is not a pattern: {}", error.msg))
    })?;
    let mut found = Vec::new();
    for path in matches {
        let path = path.map_err(|error| Error::io(error.path(), "list", error.error()))?;
        if path.is_file() {
            found.push(path);
        }
    }
    let has_wildcard = |part: &Path| part.to_string_lossy().contains(['*', '?', '[']);
    let base: PathBuf = path.iter().take_while(|part| !has_wildcard(Path::new(part))).collect();
    match add(found, &base, source, index, listing)? {
        0 => Err(Error::usage(format!(
            "{pattern}: the pattern matches no {KINDS} file, correct data.source[{index}].path, or set its format"
        ))),
        _ => Ok(()),
    }
}

/// Adds the files of `found` that can be read, sorted; returns how many.
fn add(
    mut found: Vec<PathBuf>,
    base: &Path,
    source: &SourceConfig,
    index: u16,
    listing: &mut Listing,
) -> Result<usize> {
    found.sort();
    let before = listing.files.len();
    for path in found {
        let name = path.strip_prefix(base).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        if let Some(why) = no_file(&path) {
            listing.left_out.count(&name, why);
            continue;
        }
        match source_file(path, &name, source.format, index, false)? {
            Some(file) if source.format.is_none() && !holds_documents(&file, source) => {
                let field = &source.text_field;
                let why = match file.format {
                    Format::Json => format!("no JSON objects with the field {field:?}"),
                    _ => format!("no column {field:?}"),
                };
                listing.left_out.count(&name, &why);
            }
            Some(file) => listing.files.push(file),
            None => listing.left_out.count(&name, &why_not_read(&name)),
        }
    }
    Ok(listing.files.len() - before)
}

/// Why what is found here cannot be read; none for a file.
fn no_file(path: &Path) -> Option<&'static str> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => None,
        Ok(metadata) if metadata.is_dir() => Some("a link to a folder is not followed"),
        Ok(_) => Some("not a file"),
        Err(_) => Some("a link that leads nowhere"),
    }
}

/// What is below `folder`. Links to folders are not followed: they could lead in circles.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let cannot_list = |error| Error::io(folder, "list", &error);
    for entry in fs::read_dir(folder).map_err(cannot_list)? {
        let entry = entry.map_err(cannot_list)?;
        if entry.file_type().map_err(cannot_list)?.is_dir() {
            walk(&entry.path(), found)?;
        } else {
            found.push(entry.path());
        }
    }
    Ok(())
}

fn source_file(
    path: PathBuf,
    name: &str,
    format: Option<Format>,
    source: u16,
    named: bool,
) -> Result<Option<SourceFile>> {
    let (name, compression) = compression(name);
    let Some(format) = format.or_else(|| by_name(name)) else { return Ok(None) };
    let bytes = fs::metadata(&path).map_err(|error| Error::io(&path, "read", &error))?.len();
    Ok(Some(SourceFile { path, name: name.into(), format, compression, source, named, bytes }))
}

fn unsupported(path: &Path, index: u16) -> Error {
    Error::usage(format!(
        "{}: expected a {KINDS} file; set data.source[{index}].format, or convert it to JSON lines, one object with the field \"text\" per line",
        path.display()
    ))
}

/// SHA-256 over the files of tokens, or else over all source files in order: each file's name, length and SHA-256. It
/// changes when a document could.
///
/// # Errors
/// A source that is missing, unreadable or of an unsupported kind.
pub fn source_digest(config: &DataConfig) -> Result<String> {
    if let Some(tokens) = &config.tokens {
        return Ok(hex(&tokens.digest()?));
    }
    let files = list(config)?;
    Ok(hex(&digest_of(&files, &digest_files(&files)?)))
}

/// The digest of each file, read in parallel.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn digest_files(files: &[SourceFile]) -> Result<Vec<[u8; 32]>> {
    files.par_iter().map(|file| interrupt::check().and_then(|()| file.digest())).collect()
}

/// One digest of files with these `digests`.
pub(crate) fn digest_of(files: &[SourceFile], digests: &[[u8; 32]]) -> [u8; 32] {
    let mut all = Sha256::new();
    for (file, digest) in files.iter().zip(digests) {
        // Lengths in front keep "ab" + "c" and "a" + "bc" apart.
        all.update((file.name.len() as u64).to_le_bytes());
        all.update(&file.name);
        all.update(file.bytes.to_le_bytes());
        all.update(digest);
    }
    all.finalize().into()
}
