//! `metrics.jsonl`, read line by line: a log may be larger than the memory.

use crate::{Error, Result};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use trainyard_report::{Header, Record};

/// Bytes of a damaged line that an error shows.
const SHOWN_BYTES: usize = 40;

/// The lines of a log. A last line without its end is left out: a run may be writing it, or was killed while it did.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    reader: BufReader<File>,
    line: Vec<u8>,
    /// Number of the line, from 1.
    number: u64,
}

impl Log {
    /// # Errors
    /// A file that cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io(path, "read", &error))?;
        Ok(Self { path: path.to_owned(), reader: BufReader::with_capacity(1 << 16, file), line: Vec::new(), number: 0 })
    }

    /// Reads the next line; false at the end.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn advance(&mut self) -> Result<bool> {
        self.line.clear();
        let read = self.reader.read_until(b'\n', &mut self.line);
        read.map_err(|error| Error::io(&self.path, "read", &error))?;
        self.number += 1;
        Ok(self.line.pop() == Some(b'\n'))
    }

    /// The line that was read last.
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// Reads the next record; none at the end. Records of kinds that this version does not know are left out.
    ///
    /// # Errors
    /// A file that cannot be read, a line that is no object.
    pub fn record(&mut self) -> Result<Option<Record>> {
        while self.advance()? {
            if let Ok(record) = serde_json::from_slice(&self.line) {
                return Ok(Some(record));
            }
            let object = serde_json::from_slice(&self.line).ok().filter(Value::is_object);
            if let Some(record) = Record::from_json(object.ok_or_else(|| self.damaged())?) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// The text of the run's `config.toml`, which lies beside its log; empty where it does not.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn config(&self) -> Result<String> {
        let path = self.path.with_file_name("config.toml");
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            read => read.map_err(|error| Error::io(&path, "read", &error)),
        }
    }

    /// The error about the line that was read last.
    pub fn damaged(&self) -> Error {
        let line = String::from_utf8_lossy(&self.line[..self.line.len().min(SHOWN_BYTES)]);
        let at = format!("{}: line {}", self.path.display(), self.number);
        Error::run(format!("{at}: expected a JSON object, got {line:?}; fix or delete the line"))
    }
}

/// The header that a log's first record is; an empty one of versions that wrote none.
pub fn header(first: Option<&Record>) -> Header {
    match first {
        Some(Record::Run(header) | Record::Resume(header)) => (**header).clone(),
        _ => Header::default(),
    }
}
