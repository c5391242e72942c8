//! Documents, one after the other, out of the files of a corpus. Memory holds one document at a time, never a file.

use super::counts::{ReadCounts, count};
use super::cut::{Boundary, Cutter, Piece};
use super::html::read_page;
use super::json::{Fields, field};
use super::line::{Line, LineParser, Parsed, Settings, invalid_text};
use super::parquet::{ParquetRows, Row};
use super::source::{SourceFile, list_all};
use super::values::ValueCutter;
use crate::corpus::{DataConfig, Format, InvalidUtf8, SourceConfig};
use crate::{Error, Result};
use serde_json::{Map, Value};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// What is said of files whose compressed data has something after it.
const TRAILERS: &str = "files with bytes after their compressed data, which are ignored";

/// One text of the corpus.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// Unique in the corpus and independent of the other files; the split is a function of it.
    pub id: String,
    /// Index in `DataConfig::source`.
    pub source: u16,
    /// Never only white space.
    pub text: String,
    /// The fields that the source keeps, as one JSON object.
    pub metadata: Option<String>,
}

impl Document {
    /// A field of the metadata: text as it is, anything else as JSON.
    pub fn field(&self, name: &str) -> Option<String> {
        let value = field(self.metadata.as_deref()?, name).filter(|value| !value.is_missing())?;
        match value.is_text() {
            true => value.text().ok().and_then(|text| String::from_utf8(text.bytes).ok()),
            false => value.json().ok(),
        }
    }
}

impl Document {
    /// The metadata for people and programs: what a reader of JSON would change or refuse, such as a number of thirty
    /// digits, is text.
    pub(crate) fn fields(&self) -> Option<Map<String, Value>> {
        let mut object = Map::new();
        let mut fields = Fields::new(self.metadata.as_deref()?.as_bytes());
        while let Ok(Some((name, value))) = fields.next() {
            let Some(name) = name.text().ok().and_then(|name| String::from_utf8(name.bytes).ok()) else { continue };
            let json = value.json().unwrap_or_default();
            let read: Option<Value> = serde_json::from_str(&json).ok();
            let shown = read.as_ref().map(Value::to_string);
            let exact = read.filter(|_| value.number().is_none_or(|number| shown.as_deref() == Some(number)));
            object.insert(name, exact.unwrap_or(Value::String(json)));
        }
        Some(object)
    }
}

/// All documents of the config's sources, in order.
pub fn documents(config: &DataConfig) -> Result<impl Iterator<Item = Result<Document>>> {
    let listing = list_all(config)?;
    listing.left_out.warn();
    let mut files = listing.files.into_iter();
    let mut current: Option<FileDocuments> = None;
    let (progress, mut counts) = (Arc::default(), ReadCounts::default());
    Ok(std::iter::from_fn(move || {
        loop {
            let step = match &mut current {
                Some(documents) => documents.next(&mut counts),
                None => match FileDocuments::open(files.next()?, config, &progress) {
                    Ok(documents) => {
                        current = Some(documents);
                        continue;
                    }
                    Err(error) => Err(error),
                },
            };
            match step {
                Ok(Some(document)) => return Some(Ok(document)),
                Ok(None) => current = None,
                Err(error) => return Some(Err(error)),
            }
        }
    }))
}

/// The documents of one file, in order.
pub(crate) struct FileDocuments<'a> {
    file: SourceFile,
    source: &'a SourceConfig,
    reader: Reader,
    lines: LineParser<'a>,
}

enum Reader {
    Pieces(Cutter),
    Values(ValueCutter),
    Rows(Box<ParquetRows>),
}

impl Reader {
    fn cut(
        file: &SourceFile,
        source: &SourceConfig,
        boundary: Boundary,
        progress: &Arc<AtomicU64>,
    ) -> io::Result<Self> {
        Cutter::open(file, source, boundary, progress).map(Self::Pieces)
    }

    /// What cuts the file, unless it is one of rows.
    fn cutter(&self) -> Option<&Cutter> {
        match self {
            Self::Pieces(cutter) => Some(cutter),
            Self::Values(values) => Some(&values.lines),
            Self::Rows(_) => None,
        }
    }
}

impl<'a> FileDocuments<'a> {
    /// Opens the file; what is read of it as stored is added to `progress`.
    pub fn open(file: SourceFile, config: &'a DataConfig, progress: &Arc<AtomicU64>) -> Result<Self> {
        let index = usize::from(file.source);
        let source = &config.source[index];
        let mut lines = LineParser::new(source, Settings::Config);
        let cannot_read = |error: io::Error| cannot_read(&file, source, 0, &error);
        let reader = match file.format {
            Format::Text => Reader::cut(&file, source, Boundary::new(source, index)?, progress),
            Format::JsonLines => Reader::cut(&file, source, Boundary::EveryLine, progress),
            Format::Html => Reader::cut(&file, source, Boundary::FileStart, progress),
            Format::Json => ValueCutter::open(&file, source, progress).map(Reader::Values),
            Format::Parquet => {
                let rows = ParquetRows::open(&file, source, progress);
                let rows = rows.map_err(|reason| Error::run(format!("{}: {reason}", file.path.display())))?;
                Ok(Reader::Rows(Box::new(rows)))
            }
        };
        let reader = reader.map_err(cannot_read)?;
        lines.encoding = reader.cutter().map_or(lines.encoding, |cutter| cutter.encoding);
        Ok(Self { file, source, reader, lines })
    }

    /// The next document; none at the end.
    pub fn next(&mut self, counts: &mut ReadCounts) -> Result<Option<Document>> {
        loop {
            let document = match &mut self.reader {
                Reader::Pieces(_) | Reader::Values(_) => match self.piece(counts)? {
                    Some(piece) => self.parse(piece, counts)?,
                    None => return Ok(None),
                },
                Reader::Rows(rows) => {
                    let row = rows.next();
                    let row = row.map_err(|reason| Error::run(format!("{}: {reason}", self.file.path.display())))?;
                    let (Some(row), number) = (row, rows.n_rows) else { return Ok(None) };
                    self.parse_row(row, number, counts)?
                }
            };
            match document {
                Some(document) if document.text.trim().is_empty() => counts.empty += 1,
                Some(document) => return Ok(Some(document)),
                None => {}
            }
        }
    }

    /// The bytes of the next document; none at the end.
    fn piece(&mut self, counts: &mut ReadCounts) -> Result<Option<Piece>> {
        let piece = match &mut self.reader {
            Reader::Pieces(cutter) => cutter.next(),
            Reader::Values(values) => values.next(),
            Reader::Rows(_) => Ok(None),
        };
        let Some(cutter) = self.reader.cutter() else { return Ok(None) };
        let piece = piece.map_err(|error| cannot_read(&self.file, self.source, cutter.offset, &error))?;
        if piece.is_none() {
            if cutter.has_trailer() {
                tracing::warn!("{}: bytes after the compressed data are ignored", self.file.path.display());
                count(&mut counts.notes, TRAILERS, self.file.name.clone());
            }
            if cutter.offset == 0 {
                empty_file(&self.file)?;
            }
        }
        Ok(piece)
    }

    /// Where in the file the last document came from.
    pub fn place(&self, path: &Path) -> String {
        match (&self.reader, self.file.format) {
            (Reader::Rows(rows), _) => format!("{} (row {})", path.display(), rows.n_rows),
            (Reader::Values(values), _) if values.is_lines() => format!("{}:{}", path.display(), values.lines.number),
            (Reader::Values(values), _) => format!("{} (value {})", path.display(), values.lines.number),
            (Reader::Pieces(cutter), Format::JsonLines) => format!("{}:{}", path.display(), cutter.number),
            (Reader::Pieces(cutter), _) => format!("{} (document {})", path.display(), cutter.number),
        }
    }

    fn parse(&self, piece: Piece, counts: &mut ReadCounts) -> Result<Option<Document>> {
        let Piece { bytes, offset, number } = piece;
        let (file, source) = (&self.file, self.file.source);
        let short = || format!("{}:{number}", file.name);
        if matches!(file.format, Format::JsonLines | Format::Json) {
            // empty bytes stand for what a cut file lacks
            if !bytes.is_empty() && bytes.trim_ascii().is_empty() {
                return Ok(None);
            }
            let line = Line { bytes: &bytes, offset, place: &|| self.place(&file.path), short: &short };
            let parsed = self.lines.parse(&line, counts)?;
            return Ok(parsed.map(|Parsed { id, text, metadata, .. }| {
                let id = id.unwrap_or_else(short);
                Document { id, source, text, metadata }
            }));
        }
        counts.documents += 1;
        let what = |at: u64| invalid_text(self.lines.encoding, offset + at);
        let Some(text) = self.decode(bytes, &what, counts)? else { return Ok(None) };
        Ok(Some(match file.format {
            Format::Html => {
                let page = read_page(&text);
                if let Some(why) = page.refused {
                    tracing::debug!("{}: {why}, no main text is taken", file.path.display());
                    count(&mut counts.notes, &format!("pages without main text: {why}"), file.name.clone());
                }
                let metadata = self.metadata(page.fields);
                Document { id: file.name.clone(), source, text: page.text, metadata }
            }
            _ => Document { id: format!("{}#{number}", file.name), source, text, metadata: None },
        }))
    }

    fn parse_row(&self, row: Row, number: u64, counts: &mut ReadCounts) -> Result<Option<Document>> {
        counts.documents += 1;
        let Row { text, mut others } = row;
        let place = || format!("row {number}");
        if text.as_ref().is_some_and(|text| text.len() > self.source.max_document_bytes()) {
            return Err(too_long(&self.file, self.source, &place()));
        }
        let what = |at: u64| format!("invalid utf-8 at byte {at} of {}", place());
        let Some(text) = self.decode(text.unwrap_or_default(), &what, counts)? else { return Ok(None) };
        let id =
            document_id(self.source, others.remove(&self.source.id_field), || format!("{}:{number}", self.file.name));
        let id = id.map_err(|reason| Error::run(format!("{}: row {number}: {reason}", self.file.path.display())))?;
        Ok(Some(Document { id, source: self.file.source, text, metadata: self.metadata(others) }))
    }

    /// The fields that the source keeps.
    fn metadata(&self, mut fields: Map<String, Value>) -> Option<String> {
        fields.retain(|name, _| self.source.metadata.contains(name));
        (!fields.is_empty()).then(|| Value::Object(fields).to_string())
    }

    /// Bytes as text, as the source says; none when the document goes. `what` says what is invalid at one of them.
    fn decode(&self, bytes: Vec<u8>, what: &dyn Fn(u64) -> String, counts: &mut ReadCounts) -> Result<Option<String>> {
        let error = match String::from_utf8(bytes) {
            Ok(text) => return Ok(Some(text)),
            Err(error) => error,
        };
        match self.source.invalid_utf8 {
            InvalidUtf8::Error => {
                let what = what(error.utf8_error().valid_up_to() as u64);
                let encoding = match self.file.format {
                    Format::Parquet => "",
                    _ => "say what it is in by data.source.encoding, ",
                };
                Err(Error::run(format!(
                    "{}: {what}; fix the file, {encoding}or set data.source.invalid_utf8 to \"replace\" or \"drop\"",
                    self.file.path.display()
                )))
            }
            InvalidUtf8::Replace => {
                counts.invalid_utf8_replaced += 1;
                Ok(Some(String::from_utf8_lossy(error.as_bytes()).into_owned()))
            }
            InvalidUtf8::Drop => {
                counts.invalid_utf8_dropped += 1;
                Ok(None)
            }
        }
    }
}

/// The id that a field gives, or the default one without the field.
fn document_id(
    source: &SourceConfig,
    field: Option<Value>,
    default_id: impl FnOnce() -> String,
) -> std::result::Result<String, String> {
    match field {
        None | Some(Value::Null) => Ok(default_id()),
        Some(Value::String(id)) => Ok(id),
        Some(Value::Number(id)) => Ok(id.to_string()),
        Some(other) => {
            Err(format!("field {:?}: expected text or a number, got {}", source.id_field, json_type(&other)))
        }
    }
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A named file without text is a mistake; in a folder it is only odd.
fn empty_file(file: &SourceFile) -> Result<()> {
    if file.named {
        return Err(Error::run(format!(
            "{}: the file is empty, expected text; name another data.source.path",
            file.path.display()
        )));
    }
    tracing::warn!("{}: the file is empty", file.path.display());
    Ok(())
}

/// The file could not be read on after byte `offset` of its unpacked text.
fn cannot_read(file: &SourceFile, source: &SourceConfig, offset: u64, error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::FileTooLarge {
        return too_long(file, source, &format!("byte {error}"));
    }
    // what was unpacked is not what is read
    let is_packed = file.is_packed() && error.kind() != io::ErrorKind::Unsupported;
    let verb = match (is_packed, offset) {
        (false, 0) => "read".to_owned(),
        (false, _) => format!("read on after byte {offset}"),
        (true, _) => format!("unpack (damaged, or not what its name says) after byte {offset} of its text"),
    };
    Error::io(&file.path, &verb, error)
}

fn too_long(file: &SourceFile, source: &SourceConfig, place: &str) -> Error {
    Error::run(format!(
        "{}: the document at {place} has more than {} MB; cut it into documents, or raise data.source.max_document_mb",
        file.path.display(),
        source.max_document_mb
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_shown_exactly() {
        let metadata = r#"{"big":12345678901234567890123,"far":1e999,"n":0.5,"many":[1,{"a":null}],"text":"x"}"#;
        let document = Document { metadata: Some(metadata.into()), ..Document::default() };
        let expected = serde_json::json!({
            "big": "12345678901234567890123", "far": "1e999", "n": 0.5, "many": [1, { "a": null }], "text": "x"
        });
        assert_eq!(document.fields().map(Value::Object), Some(expected));
    }
}
