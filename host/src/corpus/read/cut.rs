//! Cuts the bytes of a file into documents or lines.

use super::encoding::{Decoded, to_utf8};
use super::source::SourceFile;
use crate::corpus::{Format, SourceConfig};
use crate::{Error, Result};
use regex::bytes::Regex;
use std::io::{self, BufRead, Read};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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
    pub max_bytes: usize,
    /// The line that began the next document, when it was read already.
    buffer: Vec<u8>,
    /// Bytes of the file that were cut off so far.
    pub offset: u64,
    /// Number of the piece that was cut last, counted from 1.
    pub number: u64,
    /// What the file's text is encoded in.
    pub encoding: &'static str,
    /// Whether something stands after the file's compressed data.
    trailer: Arc<AtomicBool>,
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
        source: &SourceConfig,
        boundary: Boundary,
        progress: &Arc<AtomicU64>,
    ) -> io::Result<Self> {
        let trailer = Arc::default();
        let reader = file.open(progress, &trailer)?;
        let Decoded { reader, encoding, offset } = to_utf8(reader, source.encoding.as_deref(), file.format)?;
        let (max_bytes, buffer) = (source.max_document_bytes(), Vec::new());
        Ok(Self { reader, boundary, max_bytes, buffer, offset, number: 0, encoding, trailer })
    }

    /// Lines of something that is no file.
    pub fn lines(reader: Box<dyn BufRead + Send>, source: &SourceConfig) -> io::Result<Self> {
        let Decoded { reader, encoding, offset } = to_utf8(reader, source.encoding.as_deref(), Format::JsonLines)?;
        let (boundary, max_bytes) = (Boundary::EveryLine, source.max_document_bytes());
        Ok(Self {
            reader,
            boundary,
            max_bytes,
            buffer: Vec::new(),
            offset,
            number: 0,
            encoding,
            trailer: Arc::default(),
        })
    }

    /// Whether something stands after the compressed data; known at the end of the file.
    pub fn has_trailer(&self) -> bool {
        self.trailer.load(Ordering::Relaxed)
    }

    /// The next byte that no piece has; none at the end of the file.
    pub fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.reader.fill_buf()?.first().copied())
    }

    /// The next bytes that no piece has; empty at the end of the file.
    pub fn fill(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    /// Steps over bytes.
    pub fn consume(&mut self, n: usize) {
        self.reader.consume(n);
        self.offset += n as u64;
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
pub(crate) fn too_long(offset: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, offset.to_string())
}
