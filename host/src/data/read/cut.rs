//! Cuts the bytes of a file into documents or lines.

use super::source::SourceFile;
use crate::data::SourceConfig;
use crate::{Error, Result};
use regex::bytes::Regex;
use std::io::{self, BufRead, Read};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Where a document begins.
#[derive(Clone)]
pub(crate) enum Boundary {
    FileStart,
    EveryLine,
    /// At lines that begin with a match. Searched without the line's end, so that `$` works.
    Match(Regex),
}

impl Boundary {
    /// Where the text files of source number `index` are cut.
    pub fn new(source: &SourceConfig, index: usize) -> Result<Self> {
        let Some(pattern) = &source.document else { return Ok(Self::FileStart) };
        Regex::new(&format!("^(?:{pattern})")).map(Self::Match).map_err(|error| {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Error::usage(format!("data.source[{index}].document: {pattern:?} is not a regular expression: {reason}"))
        })
    }

    fn is_at(&self, line: &[u8]) -> bool {
        match self {
            Self::FileStart => false,
            Self::EveryLine => true,
            Self::Match(regex) => {
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                regex.is_match(line.strip_suffix(b"\r").unwrap_or(line))
            }
        }
    }
}

/// Cuts a file at the lines that begin a document.
pub(crate) struct Cutter {
    reader: Box<dyn BufRead + Send>,
    boundary: Boundary,
    /// A piece may not be longer.
    max_bytes: usize,
    /// The line that began the next document, when it was read already.
    buffer: Vec<u8>,
    offset: u64,
    /// Pieces cut so far.
    number: u64,
}

/// The bytes of one document (text) or line (JSON lines).
pub(crate) struct Piece {
    pub bytes: Vec<u8>,
    /// First byte in the unpacked file.
    pub offset: u64,
    /// Counted from 1.
    pub number: u64,
}

impl Cutter {
    pub fn open(
        file: &SourceFile,
        boundary: Boundary,
        max_bytes: usize,
        progress: &Arc<AtomicU64>,
    ) -> io::Result<Self> {
        let mut reader = file.open(progress)?;
        let mut offset = 0;
        // A byte order mark is no text.
        if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            reader.consume(3);
            offset = 3;
        }
        Ok(Self { reader, boundary, max_bytes, buffer: Vec::new(), offset, number: 0 })
    }

    /// Bytes of the file that were cut off so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Number of the piece that was cut last, counted from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The next document or line; none at the end of the file.
    pub fn next(&mut self) -> io::Result<Option<Piece>> {
        loop {
            let line = self.buffer.len();
            // one byte more than allowed tells a long line from the longest
            let line_reader = &mut (&mut self.reader).take(self.max_bytes as u64 + 1);
            let ended = line_reader.read_until(b'\n', &mut self.buffer)? == 0;
            if self.buffer.len() - line > self.max_bytes {
                return Err(too_long(self.offset + line as u64));
            }
            let begins = line > 0 && self.boundary.is_at(&self.buffer[line..]);
            if !begins && self.buffer.len() > self.max_bytes {
                return Err(too_long(self.offset));
            }
            if !ended && !begins {
                continue;
            }
            let rest = self.buffer.split_off(line);
            let bytes = mem::replace(&mut self.buffer, rest);
            if bytes.is_empty() {
                return Ok(None);
            }
            let offset = self.offset;
            self.offset += bytes.len() as u64;
            self.number += 1;
            return Ok(Some(Piece { bytes, offset, number: self.number }));
        }
    }
}

/// The piece that begins at byte `offset` exceeds the limit.
fn too_long(offset: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, offset.to_string())
}
