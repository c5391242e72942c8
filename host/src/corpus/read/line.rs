//! A line of JSON to a document, or to what is wrong with it and what to do about that.

use super::counts::ReadCounts;
use super::fault::{Fault, Parsing, Place, Settings};
use super::json::{Fields, Odd, Raw};
use super::labels::{Kept, Labeller, object};
use super::messages;
use crate::corpus::{InvalidUtf8, SourceConfig};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// Makes documents of lines, as a source says.
#[derive(Debug)]
pub(crate) struct LineParser<'a> {
    source: &'a SourceConfig,
    settings: Settings,
    /// Fields that are kept, each with its key of the metadata.
    kept: Vec<(&'a str, &'a str)>,
    labels: Labeller<'a>,
    /// What the file's text was before it became UTF-8.
    pub encoding: &'static str,
}

/// A line and its place.
pub(crate) struct Line<'a> {
    pub bytes: &'a [u8],
    /// Offset of its first byte in the unpacked text.
    pub offset: u64,
    pub place: Place<'a>,
}

/// What a line holds.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// The id as text.
    pub id: Option<String>,
    /// The id as it is in the line, as JSON.
    pub raw_id: Option<String>,
    pub text: String,
    pub metadata: Option<String>,
}

/// The fields that somebody asked for.
#[derive(Default)]
struct Found<'a, 'b> {
    text: Option<Raw<'b>>,
    id: Option<Raw<'b>>,
    /// By their keys of the metadata.
    kept: BTreeMap<&'a str, Raw<'b>>,
}

impl<'a> LineParser<'a> {
    /// For the lines of the file at `path`, if it is one.
    pub fn new(source: &'a SourceConfig, settings: Settings, path: Option<&Path>) -> Self {
        let labels = Labeller::new(source, settings, path);
        Self { source, settings, kept: source.kept(), labels, encoding: "utf-8" }
    }

    /// The document of a line; none when it is left out, which is counted.
    ///
    /// # Errors
    /// A line that holds no document, if the source says so.
    pub fn parse(&self, line: &Line<'_>, counts: &mut ReadCounts) -> Result<Option<Parsed>> {
        // files with a byte order mark that were put together have marks inside
        let bytes = line.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line.bytes);
        let shift = (line.bytes.len() - bytes.len()) as u64;
        counts.documents += 1;
        match self.read(bytes, line, line.offset + shift, counts) {
            Ok(parsed) => Ok(Some(parsed)),
            Err(fault) => fault.settle(self.source, self.settings, line.place, counts),
        }
    }

    fn read(&self, bytes: &[u8], line: &Line<'_>, offset: u64, counts: &mut ReadCounts) -> Parsing<Parsed> {
        let field = &self.source.text_field;
        let invalid = |odd| self.explain(&odd);
        let found = self.find(bytes).map_err(invalid)?;
        let text = found.text.ok_or_else(|| self.no_text(bytes))?;
        let mut parsed = Parsed::default();
        if text.is_text() {
            parsed.text = messages::from_text(self.source, self.decode(text, line, offset, counts)?)?;
        } else if text.is_list() {
            parsed.text = self.list(text, line, offset, counts)?;
        } else if !text.is_missing() {
            let message = format!("field {field:?}: expected text, got {}; fix the line", text.kind());
            return Err(Fault::invalid(format!("the field {field:?} is no text"), message));
        }
        if let Some(id) = found.id.filter(|id| !id.is_missing()) {
            let on_command_line = matches!(self.settings, Settings::CommandLine);
            match id.number() {
                Some(number) => parsed.id = Some(number.into()),
                None if id.is_text() => parsed.id = Some(self.decode(id, line, offset, counts)?),
                // given back as it is
                None if on_command_line => {}
                None => {
                    let name = &self.source.id_field;
                    let message = format!("field {name:?}: expected text or a number, got {}; fix the line", id.kind());
                    return Err(Fault::invalid(format!("the field {name:?} is no text or number"), message));
                }
            }
            if on_command_line {
                parsed.raw_id = Some(id.json().map_err(invalid)?);
            }
        }
        let mut kept = Kept::new();
        for (key, value) in found.kept {
            kept.insert(key, value.json().map_err(invalid)?);
        }
        if !parsed.text.trim().is_empty() {
            self.labels.complete(&parsed.text, &mut kept, line.place, counts)?;
        }
        parsed.metadata = object(&kept);
        Ok(parsed)
    }

    /// The last of each field that is asked for.
    fn find<'b>(&self, bytes: &'b [u8]) -> std::result::Result<Found<'a, 'b>, Odd> {
        let mut found = Found::default();
        let mut fields = Fields::new(bytes);
        while let Some((name, value)) = fields.next()? {
            if name.is(&self.source.text_field) {
                found.text = Some(value);
            } else if name.is(&self.source.id_field) {
                found.id = Some(value);
            }
            for (_, key) in self.kept.iter().filter(|(field, _)| name.is(field)) {
                found.kept.insert(key, value);
            }
        }
        Ok(found)
    }

    /// A text, whose half surrogate pairs and invalid UTF-8 are treated as the source says.
    fn decode(&self, raw: Raw<'_>, line: &Line<'_>, offset: u64, counts: &mut ReadCounts) -> Parsing<String> {
        let text = raw.text().map_err(|odd| self.explain(&odd))?;
        let error = match String::from_utf8(text.bytes) {
            Ok(text) => return Ok(text),
            Err(error) => error,
        };
        let what = || match (text.half, raw.invalid_utf8_at()) {
            (Some(column), None) => format!("half a surrogate pair in column {column}, which is no character"),
            (_, at) => invalid_text(self.encoding, offset + at.unwrap_or_default() as u64),
        };
        self.replaces(&what, line, counts)?;
        Ok(String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// Says that what is invalid is to be replaced.
    ///
    /// # Errors
    /// The document goes, or its place is to be named.
    fn replaces(&self, what: &dyn Fn() -> String, line: &Line<'_>, counts: &mut ReadCounts) -> Parsing<()> {
        match self.source.invalid_utf8 {
            InvalidUtf8::Error => {
                let cure = self.settings.cure("invalid_utf8", "replace");
                let message = format!("{}: {}; fix the file, or {cure} or \"drop\"", (line.place.long)(), what());
                Err(Fault::Stop(Error::run(message)))
            }
            InvalidUtf8::Replace => {
                counts.invalid_utf8_replaced += 1;
                Ok(())
            }
            InvalidUtf8::Drop => {
                counts.invalid_utf8_dropped += 1;
                Err(Fault::Dropped)
            }
        }
    }

    /// The text of a list of words, or of messages.
    fn list(&self, raw: Raw<'_>, line: &Line<'_>, offset: u64, counts: &mut ReadCounts) -> Parsing<String> {
        if let Some(at) = raw.invalid_utf8_at() {
            self.replaces(&|| invalid_text(self.encoding, offset + at as u64), line, counts)?;
        }
        let json = raw.json().map_err(|odd| self.explain(&odd))?;
        messages::from_list(self.source, &json)
    }

    fn no_text(&self, line: &[u8]) -> Fault {
        const MOST: usize = 20;
        let (mut names, mut fields) = (Vec::new(), Fields::new(line));
        while let Ok(Some((name, _))) = fields.next() {
            let name = name.text().map(|name| String::from_utf8_lossy(&name.bytes).into_owned()).unwrap_or_default();
            if names.len() < MOST && !names.contains(&name) {
                names.push(name);
            }
        }
        let cure = match (names.is_empty(), self.settings) {
            (false, Settings::Config) => format!("set data.source.text_field to one of: {}", names.join(", ")),
            _ => "fix the line".into(),
        };
        let what = format!("no field {:?}", self.source.text_field);
        Fault::invalid(what.clone(), format!("{what}, {cure}"))
    }

    /// What is wrong with a line, in words.
    fn explain(&self, odd: &Odd) -> Fault {
        let expected = format!("expected one JSON object with the field {:?} per line", self.source.text_field);
        match odd {
            Odd::Cut => Fault::invalid(
                "the line is cut",
                "the line is cut, it ends inside the JSON object: the file may be incomplete; fix the line",
            ),
            Odd::NotObject(kind) => {
                let hint = match (*kind, self.settings) {
                    ("an array", Settings::Config) => " (a file that is one array is read with format = \"json\")",
                    _ => "",
                };
                Fault::invalid(format!("no object but {kind}"), format!("{expected}, got {kind}; fix the line{hint}"))
            }
            Odd::Another(column) => {
                let message =
                    format!("{expected}, another value begins in column {column}; put it into a line of its own");
                Fault::invalid("more than one value", message)
            }
            Odd::NotJson { column, expected: what } => {
                let message =
                    format!("{expected}, got no JSON in column {column}, where {what} should be; fix the line");
                Fault::invalid("no JSON", message)
            }
        }
    }
}

/// What is invalid, and where.
pub(crate) fn invalid_text(encoding: &str, at: u64) -> String {
    match encoding {
        "utf-8" => format!("invalid utf-8 at byte {at} of the unpacked text"),
        _ => format!("invalid {encoding} at byte {at} of the text as utf-8"),
    }
}
