//! Cuts the bytes of a file into documents or lines.

use super::source::SourceFile;
use crate::data::SourceConfig;
use crate::{Error, Result};
use regex::bytes::Regex;
use std::io::{self, BufRead};
use std::mem;

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
    reader: Box<dyn BufRead>,
    boundary: Boundary,
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
    pub fn open(file: &SourceFile, boundary: Boundary) -> io::Result<Self> {
        let mut reader = file.open()?;
        let mut offset = 0;
        // A byte order mark is no text.
        if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            reader.consume(3);
            offset = 3;
        }
        Ok(Self { reader, boundary, buffer: Vec::new(), offset, number: 0 })
    }

    /// Bytes of the file that were cut off so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next document or line; none at the end of the file.
    pub fn next(&mut self) -> io::Result<Option<Piece>> {
        loop {
            let line = self.buffer.len();
            let ended = self.reader.read_until(b'\n', &mut self.buffer)? == 0;
            let begins = line > 0 && self.boundary.is_at(&self.buffer[line..]);
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
