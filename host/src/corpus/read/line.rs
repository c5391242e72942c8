//! A line of JSON to a document, or to what is wrong with it and what to do about that.

use super::counts::{ReadCounts, count};
use super::json::{Fields, Odd, Raw};
use crate::corpus::{InvalidLines, InvalidUtf8, SourceConfig};
use crate::{Error, Result};
use std::collections::BTreeMap;

/// Where a setting is given: what a message tells people to change.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Settings {
    Config,
    CommandLine,
}

impl Settings {
    /// `set data.source.invalid_lines to "skip"`, `give --invalid-lines skip`.
    fn cure(self, name: &str, value: &str) -> String {
        match self {
            Self::Config => format!("set data.source.{name} to \"{value}\""),
            Self::CommandLine => format!("give --{} {value}", name.replace('_', "-")),
        }
    }
}

/// Makes documents of lines, as a source says.
#[derive(Debug)]
pub(crate) struct LineParser<'a> {
    source: &'a SourceConfig,
    settings: Settings,
    /// Fields that are kept: neither the text nor the id.
    metadata: Vec<&'a str>,
    /// What the file's text was before it became UTF-8.
    pub encoding: &'static str,
}

/// A line and where it stands.
pub(crate) struct Line<'a> {
    pub bytes: &'a [u8],
    /// Of its first byte in the unpacked text.
    pub offset: u64,
    /// For errors: `corpus/a.jsonl:7`.
    pub place: &'a dyn Fn() -> String,
    /// For reports: `a.jsonl:7`.
    pub short: &'a dyn Fn() -> String,
}

/// What a line holds.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// The id as text.
    pub id: Option<String>,
    /// The id as it stands in the line, as JSON.
    pub raw_id: Option<String>,
    pub text: String,
    pub metadata: Option<String>,
}

/// Why a line gives no document.
enum Fault {
    /// It holds none.
    Invalid {
        /// For reports, the same for all lines of the kind.
        what: String,
        /// For people.
        message: String,
    },
    /// Its text is invalid, which the source lets go; counted already.
    Dropped,
    Stop(Error),
}

impl Fault {
    fn invalid(what: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { what: what.into(), message: message.into() }
    }
}

type Parsing<T> = std::result::Result<T, Fault>;

/// The fields that somebody asked for.
#[derive(Default)]
struct Found<'a> {
    text: Option<Raw<'a>>,
    id: Option<Raw<'a>>,
    metadata: BTreeMap<&'a str, Raw<'a>>,
}

impl<'a> LineParser<'a> {
    pub fn new(source: &'a SourceConfig, settings: Settings) -> Self {
        let is_kept = |name: &&String| **name != source.text_field && **name != source.id_field;
        let metadata = source.metadata.iter().filter(is_kept).map(String::as_str).collect();
        Self { source, settings, metadata, encoding: "utf-8" }
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
            Err(Fault::Dropped) => Ok(None),
            Err(Fault::Stop(error)) => Err(error),
            Err(Fault::Invalid { what, message }) => match self.source.invalid_lines {
                InvalidLines::Skip => {
                    count(&mut counts.invalid_lines, &what, (line.short)());
                    Ok(None)
                }
                InvalidLines::Error => {
                    let cure = self.settings.cure("invalid_lines", "skip");
                    Err(Error::run(format!("{}: {message}, or {cure}", (line.place)())))
                }
            },
        }
    }

    fn read(&self, bytes: &[u8], line: &Line<'_>, offset: u64, counts: &mut ReadCounts) -> Parsing<Parsed> {
        let field = &self.source.text_field;
        let invalid = |odd| self.explain(&odd);
        let found = self.find(bytes).map_err(invalid)?;
        let text = found.text.ok_or_else(|| self.no_text(bytes))?;
        let mut parsed = Parsed::default();
        if text.is_text() {
            parsed.text = self.decode(text, line, offset, counts)?;
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
        parsed.metadata = metadata(&found.metadata).map_err(invalid)?;
        Ok(parsed)
    }

    /// The last of each field that is asked for.
    fn find<'b>(&'b self, bytes: &'b [u8]) -> std::result::Result<Found<'b>, Odd> {
        let mut found = Found::default();
        let mut fields = Fields::new(bytes);
        while let Some((name, value)) = fields.next()? {
            if name.is(&self.source.text_field) {
                found.text = Some(value);
            } else if name.is(&self.source.id_field) {
                found.id = Some(value);
            } else if let Some(kept) = self.metadata.iter().find(|kept| name.is(kept)) {
                found.metadata.insert(kept, value);
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
        match self.source.invalid_utf8 {
            InvalidUtf8::Error => {
                let what = match (text.half, raw.invalid_utf8_at()) {
                    (Some(column), None) => format!("half a surrogate pair in column {column}, which is no character"),
                    (_, at) => invalid_text(self.encoding, offset + at.unwrap_or_default() as u64),
                };
                let cure = self.settings.cure("invalid_utf8", "replace");
                let message = format!("{}: {what}; fix the file, or {cure} or \"drop\"", (line.place)());
                Err(Fault::Stop(Error::run(message)))
            }
            InvalidUtf8::Replace => {
                counts.invalid_utf8_replaced += 1;
                Ok(String::from_utf8_lossy(error.as_bytes()).into_owned())
            }
            InvalidUtf8::Drop => {
                counts.invalid_utf8_dropped += 1;
                Err(Fault::Dropped)
            }
        }
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

/// The fields as one object.
fn metadata(fields: &BTreeMap<&str, Raw<'_>>) -> std::result::Result<Option<String>, Odd> {
    if fields.is_empty() {
        return Ok(None);
    }
    let mut object = String::from("{");
    for (name, value) in fields {
        if object.len() > 1 {
            object.push(',');
        }
        object += &serde_json::Value::from(*name).to_string();
        object.push(':');
        object += &value.json()?;
    }
    object.push('}');
    Ok(Some(object))
}
