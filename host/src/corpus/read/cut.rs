//! Cuts the bytes of a file into documents or lines.

use super::encoding::{Decoded, to_utf8};
use super::source::SourceFile;
use crate::corpus::{Format, SourceConfig};
use crate::{Error, Result};
use memchr::memmem;
use regex::bytes::Regex;
use std::io::{self, BufRead, Read};
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
    ///
    /// # Errors
    /// A `document` that is no regular expression.
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
    /// A longer document is cut into several.
    document_bytes: Option<usize>,
    /// What was read: pieces that are cut off already, and what follows them.
    buffer: Vec<u8>,
    /// Where in `buffer` the next document begins.
    start: usize,
    /// Bytes of the file that were cut off so far.
    pub offset: u64,
    /// Number of the piece that was cut last, counted from 1.
    pub number: u64,
    /// What the file's text is encoded in.
    pub encoding: &'static str,
    /// True when the file has bytes after its compressed data.
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
    /// Opens a file that is cut at `boundary`.
    ///
    /// # Errors
    /// A file that cannot be opened or decoded.
    pub fn open(
        file: &SourceFile,
        source: &SourceConfig,
        boundary: Boundary,
        progress: &Arc<AtomicU64>,
    ) -> io::Result<Self> {
        let trailer = Arc::default();
        let reader = file.open(progress, &trailer)?;
        let Decoded { reader, encoding, offset } = to_utf8(reader, source.encoding.as_deref(), file.format)?;
        let document_bytes = source.document_bytes.filter(|_| file.format == Format::Text);
        let max_bytes = source.max_document_bytes();
        let cutter = Self { boundary, max_bytes, document_bytes, trailer, ..Self::of(reader, offset, encoding) };
        Ok(cutter)
    }

    /// Lines of something that is no file.
    ///
    /// # Errors
    /// An encoding that is not known, bytes that cannot be read.
    pub fn lines(reader: Box<dyn BufRead + Send>, source: &SourceConfig) -> io::Result<Self> {
        let Decoded { reader, encoding, offset } = to_utf8(reader, source.encoding.as_deref(), Format::JsonLines)?;
        Ok(Self { max_bytes: source.max_document_bytes(), ..Self::of(reader, offset, encoding) })
    }

    /// The lines of a reader, of any length.
    fn of(reader: Box<dyn BufRead + Send>, offset: u64, encoding: &'static str) -> Self {
        Self {
            reader,
            boundary: Boundary::EveryLine,
            max_bytes: usize::MAX,
            document_bytes: None,
            buffer: Vec::new(),
            start: 0,
            offset,
            number: 0,
            encoding,
            trailer: Arc::default(),
        }
    }

    /// True when there are bytes after the compressed data; known at the end of the file.
    pub fn has_trailer(&self) -> bool {
        self.trailer.load(Ordering::Relaxed)
    }

    /// The next byte that no piece has; none at the end of the file.
    ///
    /// # Errors
    /// Bytes that cannot be read.
    pub fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.reader.fill_buf()?.first().copied())
    }

    /// The next bytes that no piece has; empty at the end of the file.
    ///
    /// # Errors
    /// Bytes that cannot be read.
    pub fn fill(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    /// Steps over bytes.
    pub fn consume(&mut self, n: usize) {
        self.reader.consume(n);
        self.offset += n as u64;
    }

    /// The next document or line; none at the end of the file.
    ///
    /// # Errors
    /// Bytes that cannot be read, a document that is too long.
    pub fn next(&mut self) -> io::Result<Option<Piece>> {
        loop {
            if let Some(length) = self.cut() {
                return Ok(Some(self.take(length)));
            }
            let line = self.buffer.len();
            // one byte more than allowed tells a long line from the longest
            let line_reader = &mut (&mut self.reader).take((self.max_bytes as u64).saturating_add(1));
            let ended = line_reader.read_until(b'\n', &mut self.buffer)? == 0;
            let before = line - self.start;
            if self.buffer.len() - line > self.max_bytes {
                return Err(too_long(self.offset + before as u64));
            }
            let begins = before > 0 && self.boundary.is_at(&self.buffer[line..]);
            if !begins && self.buffer.len() - self.start > self.max_bytes {
                return Err(too_long(self.offset));
            }
            if ended || begins {
                return Ok((before > 0).then(|| self.take(before)));
            }
        }
    }

    /// The length of the first part of a document that is too long; none of one that is not.
    fn cut(&self) -> Option<usize> {
        let (limit, document) = (self.document_bytes?, &self.buffer[self.start..]);
        (document.len() > limit).then(|| place_to_cut(&document[..=limit], limit))
    }

    /// Takes the next `length` bytes as a piece.
    fn take(&mut self, length: usize) -> Piece {
        let end = self.start + length;
        let bytes = self.buffer[self.start..end].to_vec();
        self.start = end;
        // what was taken goes when it is half of all, so that a long line is not moved at every cut
        if 2 * self.start >= self.buffer.len() {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let offset = self.offset;
        self.offset += length as u64;
        self.number += 1;
        Piece { bytes, offset, number: self.number }
    }
}

/// Where a text that is longer than `limit` is cut: after a paragraph, a line, a sentence or a word, whichever comes
/// first in this list and ends in the second half; otherwise between two characters.
fn place_to_cut(text: &[u8], limit: usize) -> usize {
    let half = &text[limit / 2..limit];
    for mark in ["\n\n", "\n\r\n", "\n", ". ", "! ", "? ", "\u{3002}", " "] {
        if let Some(at) = memmem::rfind(half, mark.as_bytes()) {
            return limit / 2 + at + mark.len();
        }
    }
    let is_inside = |at: &usize| text[*at] & 0xc0 == 0x80;
    (limit.saturating_sub(3)..=limit).rev().find(|at| *at > 0 && !is_inside(at)).unwrap_or(limit)
}

/// The piece that begins at byte `offset` exceeds the limit.
pub(crate) fn too_long(offset: u64) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, offset.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, limit: usize, document: &str) -> Vec<String> {
        let boundary = if document.is_empty() {
            Boundary::FileStart
        } else {
            Boundary::Match(Regex::new(document).expect("a regular expression"))
        };
        let reader = Box::new(io::Cursor::new(text.as_bytes().to_vec()));
        let cutter = Cutter::of(reader, 0, "utf-8");
        let mut cutter = Cutter { boundary, document_bytes: Some(limit), max_bytes: 1 << 20, ..cutter };
        let mut pieces = Vec::new();
        let mut offset = 0;
        while let Some(piece) = cutter.next().expect("readable") {
            assert_eq!((piece.offset, piece.number), (offset, pieces.len() as u64 + 1));
            assert!((1..=limit).contains(&piece.bytes.len()));
            offset += piece.bytes.len() as u64;
            pieces.push(String::from_utf8(piece.bytes).expect("whole characters"));
        }
        assert_eq!(pieces.concat(), text);
        pieces
    }

    #[test]
    fn texts_are_cut_at_their_largest_parts() {
        assert_eq!(cut("aaaaa\n\nb b\nc", 10, ""), ["aaaaa\n\n", "b b\nc"]);
        assert_eq!(cut("aa bb\ncc dd", 8, ""), ["aa bb\n", "cc dd"]);
        assert_eq!(cut("So it is. And so", 12, ""), ["So it is. ", "And so"]);
        assert_eq!(cut("one two three", 9, ""), ["one two ", "three"]);
        assert_eq!(cut("\u{5b57}\u{5b57}\u{5b57}", 7, ""), ["\u{5b57}\u{5b57}", "\u{5b57}"]);
        assert_eq!(cut("# a\nb\n# c\n", 8, "^#"), ["# a\nb\n", "# c\n"]);
        assert_eq!(cut("abc", 3, ""), ["abc"]);
        assert!(cut("", 3, "").is_empty());
    }

    #[test]
    fn a_long_line_is_cut_in_one_pass() {
        let pieces = cut(&"0123456789".repeat(100_000), 1000, "");
        assert_eq!(pieces.len(), 1000);
    }
}
