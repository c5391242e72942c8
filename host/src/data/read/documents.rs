//! Documents, one after the other, out of the files of a corpus. Memory holds one document at a time, never a file.

use super::cut::{Boundary, Cutter, Piece};
use super::html::read_page;
use super::parquet::{ParquetRows, Row};
use super::source::{SourceFile, list};
use crate::data::{DataConfig, Format, InvalidUtf8, SourceConfig};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::io;
use std::ops::AddAssign;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

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
        let metadata: Value = serde_json::from_str(self.metadata.as_deref()?).ok()?;
        match metadata.get(name)? {
            Value::Null => None,
            Value::String(value) => Some(value.clone()),
            other => Some(other.to_string()),
        }
    }
}

/// All documents of the config's sources, in order.
pub fn documents(config: &DataConfig) -> Result<impl Iterator<Item = Result<Document>>> {
    let mut files = list(config)?.into_iter();
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

/// What reading met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReadCounts {
    /// All documents, also those counted below.
    pub documents: u64,
    pub empty: u64,
    pub invalid_utf8_replaced: u64,
    pub invalid_utf8_dropped: u64,
}

impl AddAssign for ReadCounts {
    fn add_assign(&mut self, other: Self) {
        self.documents += other.documents;
        self.empty += other.empty;
        self.invalid_utf8_replaced += other.invalid_utf8_replaced;
        self.invalid_utf8_dropped += other.invalid_utf8_dropped;
    }
}

/// The documents of one file, in order.
pub(crate) struct FileDocuments<'a> {
    file: SourceFile,
    source: &'a SourceConfig,
    reader: Reader,
}

enum Reader {
    Pieces(Cutter),
    Rows(Box<ParquetRows>),
}

impl<'a> FileDocuments<'a> {
    /// Opens the file; what is read of it as stored is added to `progress`.
    pub fn open(file: SourceFile, config: &'a DataConfig, progress: &Arc<AtomicU64>) -> Result<Self> {
        let index = usize::from(file.source);
        let source = &config.source[index];
        let boundary = match file.format {
            Format::Text => Boundary::new(source, index)?,
            Format::JsonLines => Boundary::EveryLine,
            Format::Html => Boundary::FileStart,
            Format::Parquet => {
                let rows = ParquetRows::open(&file, source, progress);
                let rows = rows.map_err(|reason| Error::run(format!("{}: {reason}", file.path.display())))?;
                return Ok(Self { file, source, reader: Reader::Rows(Box::new(rows)) });
            }
        };
        let cutter = Cutter::open(&file, boundary, source.max_document_bytes(), progress);
        let cutter = cutter.map_err(|error| cannot_read(&file, source, 0, &error))?;
        Ok(Self { file, source, reader: Reader::Pieces(cutter) })
    }

    /// The next document; none at the end.
    pub fn next(&mut self, counts: &mut ReadCounts) -> Result<Option<Document>> {
        loop {
            let document = match &mut self.reader {
                Reader::Pieces(cutter) => {
                    let piece = cutter.next();
                    let piece = piece.map_err(|e| cannot_read(&self.file, self.source, cutter.offset(), &e))?;
                    let Some(piece) = piece else {
                        return match cutter.offset() {
                            0 => empty_file(&self.file).map(|()| None),
                            _ => Ok(None),
                        };
                    };
                    self.parse(piece, counts)?
                }
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

    /// Where in the file the last document came from.
    pub fn place(&self, path: &Path) -> String {
        match (&self.reader, self.file.format) {
            (Reader::Rows(rows), _) => format!("{} (row {})", path.display(), rows.n_rows),
            (Reader::Pieces(cutter), Format::JsonLines) => format!("{}:{}", path.display(), cutter.number()),
            (Reader::Pieces(cutter), _) => format!("{} (document {})", path.display(), cutter.number()),
        }
    }

    fn parse(&self, piece: Piece, counts: &mut ReadCounts) -> Result<Option<Document>> {
        let Piece { bytes, offset, number } = piece;
        let (file, source) = (&self.file, self.file.source);
        if file.format == Format::JsonLines && bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        counts.documents += 1;
        let place = || "the unpacked text".to_owned();
        let Some(text) = self.decode(bytes, offset, &place, counts)? else { return Ok(None) };
        Ok(Some(match file.format {
            Format::JsonLines => parse_line(self.source, source, &text, || format!("{}:{number}", file.name))
                .map_err(|reason| Error::run(format!("{}:{number}: {reason}", file.path.display())))?,
            Format::Html => {
                let page = read_page(&text);
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
        let Some(text) = self.decode(text.unwrap_or_default(), 0, &place, counts)? else { return Ok(None) };
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

    /// Bytes that begin at `offset` as text, as the source says; none when the document goes.
    fn decode(
        &self,
        bytes: Vec<u8>,
        offset: u64,
        place: &dyn Fn() -> String,
        counts: &mut ReadCounts,
    ) -> Result<Option<String>> {
        let error = match String::from_utf8(bytes) {
            Ok(text) => return Ok(Some(text)),
            Err(error) => error,
        };
        match self.source.invalid_utf8 {
            InvalidUtf8::Error => {
                let at = offset + error.utf8_error().valid_up_to() as u64;
                Err(Error::run(format!(
                    "{}: invalid utf-8 at byte {at} of {}; mend the file, or set data.source.invalid_utf8 to \"replace\" or \"drop\"",
                    self.file.path.display(),
                    place()
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

fn parse_line(
    source: &SourceConfig,
    source_number: u16,
    line: &str,
    default_id: impl FnOnce() -> String,
) -> std::result::Result<Document, String> {
    let field = &source.text_field;
    let mut object: Map<String, Value> = serde_json::from_str(line)
        .map_err(|error| format!("expected one JSON object with the field {field:?} per line: {}", one_line(&error)))?;
    let text = match object.remove(field) {
        Some(Value::String(text)) => text,
        Some(other) => return Err(format!("field {field:?}: expected text, got {}", json_type(&other))),
        None => {
            let fields = object.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(format!("no field {field:?}, set data.source.text_field to one of: {fields}"));
        }
    };
    let id = document_id(source, object.remove(&source.id_field), default_id)?;
    let kept = source.metadata.iter().filter_map(|name| Some((name.clone(), object.remove(name)?)));
    let kept: Map<String, Value> = kept.collect();
    let metadata = (!kept.is_empty()).then(|| Value::Object(kept).to_string());
    Ok(Document { id, source: source_number, text, metadata })
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

/// The parser counts lines within the one line it was given.
fn one_line(error: &serde_json::Error) -> String {
    let (message, column) = (error.to_string(), error.column());
    let place = format!(" at line {} column {column}", error.line());
    format!("{} in column {column}", message.strip_suffix(&place).unwrap_or(&message))
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
    let verb = match (file.is_packed(), offset) {
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
