//! Rows of a table of text, comma- or tab-separated, whose first line names the columns.
//!
//! The quotes are checked first, strictly (RFC 4180): a table in which one is missing would be read as other rows. In a
//! table of tabs a quote is a character like others.

use super::cut::{Boundary, Cutter, Piece, too_long};
use super::source::SourceFile;
use crate::corpus::{Format, SourceConfig};
use csv_core::{ReadRecordResult, ReaderBuilder};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// The rows of a file.
pub(super) struct Table {
    pub lines: Cutter,
    delimiter: u8,
    names: Arc<[String]>,
    /// The line in which the row that was read last begins.
    pub line: u64,
}

/// Why there is no row.
pub(super) enum NoRow {
    Io(io::Error),
    /// A row that cannot be read, but those behind it can.
    Odd {
        what: &'static str,
        message: String,
    },
    /// Where the next row begins is not known.
    Lost(String),
}

impl From<io::Error> for NoRow {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

type Result<T> = std::result::Result<T, NoRow>;

/// Where in a row a byte is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a value.
    Start,
    Plain,
    Quoted,
    /// Behind a quote that ends the value, unless another follows.
    Closed,
}

impl Table {
    /// Opens a table and reads the names of its columns.
    ///
    /// # Errors
    /// A file that cannot be opened or decoded, a first line that names no columns.
    pub fn open(file: &SourceFile, source: &SourceConfig, progress: &Arc<AtomicU64>) -> Result<Self> {
        let lines = Cutter::open(file, source, Boundary::EveryLine, progress)?;
        let delimiter = if file.format == Format::Tsv { b'\t' } else { b',' };
        let mut table = Self { lines, delimiter, names: Arc::default(), line: 1 };
        let names = table.record()?.unwrap_or_default();
        table.names = names.into_iter().map(|name| String::from_utf8_lossy(&name).into_owned()).collect();
        let twice = table.names.iter().enumerate().find(|(index, name)| table.names[..*index].contains(name));
        match twice {
            Some((_, name)) => Err(NoRow::Lost(format!("two columns are named {name:?}; give each a name of its own"))),
            None => Ok(table),
        }
    }

    /// Names of the columns.
    pub fn names(&self) -> &Arc<[String]> {
        &self.names
    }

    /// The values of the next row, one per column; none at the end.
    ///
    /// # Errors
    /// A row that cannot be read.
    pub fn next(&mut self) -> Result<Option<Vec<Vec<u8>>>> {
        let Some(values) = self.record()? else { return Ok(None) };
        if values.len() != self.names.len() {
            let (n, expected) = (values.len(), self.names.len());
            let hint = match self.delimiter {
                b',' => "; put a value with a comma in it into quotes",
                _ => "; correct it",
            };
            let message = format!("expected {expected} values, as many as the first line has, got {n}{hint}");
            return Err(NoRow::Odd { what: "another number of values than of columns", message });
        }
        Ok(Some(values))
    }

    /// The next row that is not blank.
    fn record(&mut self) -> Result<Option<Vec<Vec<u8>>>> {
        let mut bytes = Vec::new();
        let (mut state, mut first) = (State::Start, 0);
        loop {
            let Some(Piece { bytes: line, offset, number }) = self.lines.next()? else {
                return match bytes.is_empty() {
                    true => Ok(None),
                    false => Err(NoRow::Lost(format!(
                        "the quote that begins a value in line {first} is not closed; close it"
                    ))),
                };
            };
            if bytes.is_empty() {
                if line.trim_ascii().is_empty() && !line.contains(&b'\t') {
                    continue;
                }
                (first, self.line) = (number, number);
            }
            state = if self.delimiter == b',' { scan(&line, state, first, number)? } else { State::Start };
            bytes.extend_from_slice(&line);
            if bytes.len() > self.lines.max_bytes {
                return Err(too_long(offset).into());
            }
            if state != State::Quoted {
                return values(&bytes, self.delimiter).map(Some);
            }
        }
    }
}

/// Goes over a line of a row that begins in line `first`; returns the state behind it.
fn scan(line: &[u8], mut state: State, first: u64, number: u64) -> Result<State> {
    for (column, &byte) in (1..).zip(line) {
        state = match (state, byte) {
            (State::Quoted, b'"') => State::Closed,
            (State::Quoted, _) => State::Quoted,
            (State::Start | State::Closed, b'"') => State::Quoted,
            (_, b',') => State::Start,
            (_, b'\r' | b'\n') => state,
            (State::Start | State::Plain, byte) if byte != b'"' => State::Plain,
            _ => return Err(stray(column, first, number)),
        };
    }
    Ok(state)
}

fn stray(column: usize, first: u64, number: u64) -> NoRow {
    let cure = "put the value into quotes and double those inside it";
    match first == number {
        true => {
            let message = format!("a stray quote before or in column {column}; {cure}");
            NoRow::Odd { what: "a stray quote", message }
        }
        false => NoRow::Lost(format!(
            "a stray quote before or in column {column} of line {number}, in a value that begins in line {first}; {cure}"
        )),
    }
}

/// The values of one row.
fn values(bytes: &[u8], delimiter: u8) -> Result<Vec<Vec<u8>>> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).quoting(delimiter == b',').build();
    // what is read is never longer than what is written
    let (mut out, mut ends) = (vec![0; bytes.len() + 1], vec![0; bytes.len() + 2]);
    let (mut n_in, mut n_out, mut n_ends) = (0, 0, 0);
    loop {
        let (result, read, written, ended) = reader.read_record(&bytes[n_in..], &mut out[n_out..], &mut ends[n_ends..]);
        (n_in, n_out, n_ends) = (n_in + read, n_out + written, n_ends + ended);
        if matches!(result, ReadRecordResult::Record | ReadRecordResult::End) {
            break;
        }
    }
    if !bytes[n_in..].trim_ascii().is_empty() {
        let message = "a carriage return that ends no line; write line ends as \\n or \\r\\n".to_owned();
        return Err(NoRow::Odd { what: "a carriage return inside", message });
    }
    let starts = std::iter::once(0).chain(ends[..n_ends].iter().copied());
    Ok(starts.zip(&ends[..n_ends]).map(|(start, &end)| out[start..end].to_vec()).collect())
}
