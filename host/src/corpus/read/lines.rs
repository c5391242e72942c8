//! JSON lines that come in as a stream, read as those of a file.

use super::counts::ReadCounts;
use super::cut::{Cutter, Piece};
use super::fault::{Place, Settings};
use super::line::{Line, LineParser, Parsed};
use crate::corpus::SourceConfig;
use crate::{Error, Result};
use std::io::BufRead;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonLine {
    /// Counted from 1.
    pub number: u64,
    /// The id as JSON, with all digits of a number.
    pub id: Option<String>,
    /// Its text; empty where the line has null.
    pub text: String,
}

/// The lines of `name`, read as a source says. Errors name the options of the command line.
pub struct JsonLines<'a> {
    name: &'a str,
    cutter: Cutter,
    parser: LineParser<'a>,
    counts: ReadCounts,
}

impl<'a> JsonLines<'a> {
    /// Begins to read.
    ///
    /// # Errors
    /// Bytes that cannot be read.
    pub fn new(name: &'a str, input: Box<dyn BufRead + Send>, source: &'a SourceConfig) -> Result<Self> {
        let cutter = Cutter::lines(input, source);
        let cutter = cutter.map_err(|error| Error::run(format!("{name}: cannot read: {error}")))?;
        let mut parser = LineParser::new(source, Settings::CommandLine, None);
        parser.encoding = cutter.encoding;
        Ok(Self { name, cutter, parser, counts: ReadCounts::default() })
    }

    /// The next line that holds a document; none at the end.
    ///
    /// # Errors
    /// What cannot be read, and an invalid line if the source says so.
    pub fn read(&mut self) -> Result<Option<JsonLine>> {
        loop {
            let piece =
                self.cutter.next().map_err(|error| Error::run(format!("{}: cannot read: {error}", self.name)))?;
            let Some(Piece { bytes, offset, number }) = piece else { return Ok(None) };
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let place = || format!("{}:{number}", self.name);
            let place = Place { long: &place, short: &place };
            let line = Line { bytes: &bytes, offset, place };
            if let Some(Parsed { raw_id: id, text, .. }) = self.parser.parse(&line, &mut self.counts)? {
                return Ok(Some(JsonLine { number, id, text }));
            }
        }
    }

    /// What was left out: how many lines, and why.
    pub fn left_out(&self) -> Option<String> {
        crate::corpus::report::named("lines skipped", &self.counts.invalid_lines)
    }
}
