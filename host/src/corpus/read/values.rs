//! Cuts a `.json` file into its documents: one object per line, objects one after the other, or one array of them.

use super::cut::{Boundary, Cutter, Piece, too_long};
use super::source::SourceFile;
use crate::corpus::SourceConfig;
use memchr::memchr3;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// How a file puts its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Nothing was read yet.
    Unknown,
    /// One per line: after an invalid line the next one can be read.
    Lines,
    /// One after the other, over several lines each.
    Values,
    /// In one array.
    Array,
    /// There is nothing more.
    End,
}

/// Cuts a file at the ends of its JSON values.
pub(crate) struct ValueCutter {
    pub lines: Cutter,
    layout: Layout,
}

impl ValueCutter {
    /// Opens a file of JSON values.
    ///
    /// # Errors
    /// A file that cannot be opened or decoded.
    pub fn open(file: &SourceFile, source: &SourceConfig, progress: &Arc<AtomicU64>) -> io::Result<Self> {
        Ok(Self { lines: Cutter::open(file, source, Boundary::EveryLine, progress)?, layout: Layout::Unknown })
    }

    /// Whether pieces are numbered by lines.
    pub fn is_lines(&self) -> bool {
        self.layout == Layout::Lines
    }

    /// The bytes of the next value; none at the end of the file.
    ///
    /// # Errors
    /// A file that cannot be read or decoded.
    pub fn next(&mut self) -> io::Result<Option<Piece>> {
        match self.layout {
            Layout::Lines => self.lines.next(),
            Layout::End => Ok(None),
            Layout::Unknown => self.first(),
            Layout::Values | Layout::Array => self.value(),
        }
    }

    fn first(&mut self) -> io::Result<Option<Piece>> {
        let n_newlines = self.skip_space()?;
        if self.lines.peek()? == Some(b'[') {
            self.lines.consume(1);
            self.layout = Layout::Array;
            return self.value();
        }
        let Some(mut piece) = self.value()? else { return Ok(None) };
        let is_broken = piece.bytes.ends_with(b"\n");
        if is_broken || (!piece.bytes.contains(&b'\n') && self.skip_blanks()?) {
            self.layout = Layout::Lines;
            self.lines.number = n_newlines + 1;
            piece.number = self.lines.number;
        } else {
            self.layout = Layout::Values;
        }
        Ok(Some(piece))
    }

    /// Steps over white space; returns the line breaks in it.
    fn skip_space(&mut self) -> io::Result<u64> {
        let mut n_newlines = 0;
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = self.lines.peek()? {
            self.lines.consume(1);
            n_newlines += u64::from(byte == b'\n');
        }
        Ok(n_newlines)
    }

    /// Steps over the rest of a line if it is blank; whether it is.
    fn skip_blanks(&mut self) -> io::Result<bool> {
        while let Some(b' ' | b'\t' | b'\r') = self.lines.peek()? {
            self.lines.consume(1);
        }
        match self.lines.peek()? {
            None => Ok(true),
            Some(b'\n') => {
                self.lines.consume(1);
                Ok(true)
            }
            Some(_) => Ok(false),
        }
    }

    /// The value that begins after white space and, in an array, a comma.
    fn value(&mut self) -> io::Result<Option<Piece>> {
        self.skip_space()?;
        let in_array = self.layout == Layout::Array;
        if in_array {
            if self.lines.number > 0 && self.lines.peek()? == Some(b',') {
                self.lines.consume(1);
                self.skip_space()?;
            } else if self.lines.number > 0 && self.lines.peek()? != Some(b']') {
                return Ok(Some(self.broken_off()));
            }
            if self.lines.peek()? == Some(b']') {
                self.lines.consume(1);
                self.layout = Layout::End;
                self.skip_space()?;
                return match self.lines.peek()? {
                    None => Ok(None),
                    Some(_) => Err(io::Error::new(io::ErrorKind::Unsupported, "something follows its array")),
                };
            }
        } else if self.lines.peek()?.is_none() {
            return Ok(None);
        }
        let offset = self.lines.offset;
        let (bytes, whole) = self.bytes(in_array)?;
        self.lines.number += 1;
        if in_array && !whole {
            self.layout = Layout::End;
        }
        Ok(Some(Piece { bytes, offset, number: self.lines.number }))
    }

    /// Stands for what should follow in a file: it is cut, or what follows cannot be told apart.
    fn broken_off(&mut self) -> Piece {
        self.layout = Layout::End;
        self.lines.number += 1;
        Piece { bytes: Vec::new(), offset: self.lines.offset, number: self.lines.number }
    }

    /// A value's bytes, to its last bracket or quote, or to what follows a number or word; and whether it is whole. It
    /// is not where the file ends, and ends with a line break where one is in a text, which is damaged there.
    fn bytes(&mut self, in_array: bool) -> io::Result<(Vec<u8>, bool)> {
        let (start, mut bytes) = (self.lines.offset, Vec::new());
        let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
        loop {
            let buffer = self.lines.fill()?;
            if buffer.is_empty() {
                return Ok((bytes, false));
            }
            let (mut at, mut ended) = (0, false);
            while at < buffer.len() && !ended {
                let byte = buffer[at];
                if escaped {
                    escaped = false;
                } else if in_text {
                    let Some(next) = memchr3(b'"', b'\\', b'\n', &buffer[at..]) else {
                        at = buffer.len();
                        break;
                    };
                    at += next;
                    match buffer[at] {
                        b'"' => (in_text, ended) = (false, depth == 0),
                        b'\\' => escaped = true,
                        _ => ended = true,
                    }
                } else {
                    match byte {
                        b'"' => in_text = true,
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' if depth > 0 => {
                            depth -= 1;
                            ended = depth == 0;
                        }
                        b']' | b',' if in_array && depth == 0 => break,
                        b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => break,
                        _ => {}
                    }
                }
                at += 1;
            }
            let stopped = !ended && at < buffer.len();
            bytes.extend_from_slice(&buffer[..at]);
            self.lines.consume(at);
            if ended || stopped {
                let whole = !in_text && !bytes.is_empty();
                return Ok((bytes, whole));
            }
            if bytes.len() > self.lines.max_bytes {
                return Err(too_long(start));
            }
        }
    }
}
