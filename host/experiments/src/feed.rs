//! A log that is followed while it grows.

use crate::folder::METRICS;
use crate::log::{is_known, record};
use serde_json::Value;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use trainyard_base::{Error, Result};
use trainyard_report::Record;

/// Bytes that a call reads, as long as they hold the end of a line.
const MAX_BYTES: u64 = 4 << 20;

/// The longest line.
const MAX_LINE: usize = 64 << 20;

/// Bytes before the place that are compared, to see whether the file is still the same.
const N_COMPARED: usize = 256;

/// A reader of a run's log that remembers its place.
///
/// A run that is resumed or goes back replaces its log by one that is shorter. The feed then begins at its beginning
/// and says so by [`Self::n_restarts`]: what it returned before is to be forgotten.
#[derive(Debug)]
pub struct Feed {
    path: PathBuf,
    /// Bytes that were read, with those of `rest`.
    position: u64,
    /// The beginning of a line whose end was not there yet.
    rest: Vec<u8>,
    /// The last bytes before the place.
    before: Vec<u8>,
    /// Which file it is, where the system says so.
    file: Option<u64>,
    n_restarts: u64,
    n_broken: u64,
}

impl Feed {
    /// Follows the log of the run in a folder, from its first record. It need not exist yet.
    pub fn new(run: &Path) -> Self {
        Self {
            path: run.join(METRICS),
            position: 0,
            rest: Vec::new(),
            before: Vec::new(),
            file: None,
            n_restarts: 0,
            n_broken: 0,
        }
    }

    /// Returns the records since the last call, in their order: of at most 4 MiB, so that more calls may be needed for
    /// a long log. None means that there are no more for now. A last line without an end is left for a later call;
    /// records of kinds that this version does not know are left out.
    ///
    /// # Errors
    /// A file that cannot be read, or a line of more than 64 MiB.
    pub fn read(&mut self) -> Result<Vec<Record>> {
        let Some((mut file, metadata)) = self.open()? else { return Ok(Vec::new()) };
        if !self.is_same(&mut file, &metadata).map_err(|error| self.failed(&error))? {
            self.restart();
        }
        self.file = identity(&metadata);
        file.seek(SeekFrom::Start(self.position)).map_err(|error| self.failed(&error))?;
        loop {
            let start = self.rest.len();
            let n = file.by_ref().take(MAX_BYTES).read_to_end(&mut self.rest).map_err(|error| self.failed(&error))?;
            self.position += n as u64;
            self.remember(start);
            if let Some(end) = self.rest[start..].iter().rposition(|&byte| byte == b'\n') {
                return Ok(self.records(start + end + 1));
            }
            if n == 0 {
                return Ok(Vec::new());
            }
            if self.rest.len() > MAX_LINE {
                let (path, mib) = (self.path.display(), MAX_LINE >> 20);
                return Err(Error::run(format!(
                    "{path}: expected records of at most {mib} MiB, got a longer line; is it the log of a run?"
                )));
            }
        }
    }

    /// The number of times that the log was replaced. When it changes, the records of that call are those from the
    /// beginning of another log.
    pub fn n_restarts(&self) -> u64 {
        self.n_restarts
    }

    /// The number of lines that are no records.
    pub fn n_broken(&self) -> u64 {
        self.n_broken
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        Error::io(&self.path, "read", error)
    }

    /// Opens the log; none while there is none.
    fn open(&mut self) -> Result<Option<(File, Metadata)>> {
        match File::open(&self.path).and_then(|file| file.metadata().map(|metadata| (file, metadata))) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if self.position > 0 {
                    self.restart();
                }
                Ok(None)
            }
            opened => opened.map(Some).map_err(|error| self.failed(&error)),
        }
    }

    /// Says whether the file begins with what was read.
    fn is_same(&self, file: &mut File, metadata: &Metadata) -> std::io::Result<bool> {
        if metadata.len() < self.position || self.file.is_some() && self.file != identity(metadata) {
            return Ok(false);
        }
        let mut before = vec![0; self.before.len()];
        file.seek(SeekFrom::Start(self.position - self.before.len() as u64))?;
        file.read_exact(&mut before)?;
        Ok(before == self.before)
    }

    fn restart(&mut self) {
        self.n_restarts += u64::from(self.position > 0);
        self.position = 0;
        self.rest.clear();
        self.before.clear();
        self.file = None;
    }

    /// Keeps the last of the bytes that were read, of which those from `start` are new.
    fn remember(&mut self, start: usize) {
        let new = &self.rest[start..];
        self.before.extend_from_slice(&new[new.len().saturating_sub(N_COMPARED)..]);
        self.before.drain(..self.before.len().saturating_sub(N_COMPARED));
    }

    /// Takes the records of the lines that end before `end`.
    fn records(&mut self, end: usize) -> Vec<Record> {
        let mut records = Vec::new();
        for line in self.rest[..end].split_inclusive(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            match record(line) {
                Some(record) => records.push(record),
                None => self.n_broken += u64::from(!is_of_later_version(line)),
            }
        }
        self.rest.drain(..end);
        records
    }
}

/// Says whether a line is a record of a kind that this version does not know.
fn is_of_later_version(line: &[u8]) -> bool {
    let value: Option<Value> = serde_json::from_slice(line).ok();
    let kind = value.as_ref().and_then(|value| value.get("kind")).and_then(Value::as_str);
    kind.is_some_and(|kind| !is_known(kind))
}

/// Which file it is, as long as it exists.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    Some(metadata.ino())
}

/// Elsewhere only its contents tell.
#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<u64> {
    None
}
