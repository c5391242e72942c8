//! Documents, one after the other, out of the files of a corpus. Memory holds one document at a time, never a file.

use super::conll::Sentences;
use super::counts::{ReadCounts, count};
use super::cut::{Boundary, Cutter, Piece};
use super::document::Document;
use super::fault::{Parsing, Place, Settings};
use super::html::read_page;
use super::labels::{Kept, Labeller, object};
use super::line::{Line, LineParser, Parsed, invalid_text};
use super::parquet::ParquetRows;
use super::source::{SourceFile, list_all};
use super::table::Table;
use super::tabular::{Row, open_table};
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

/// All documents of the config's sources that have text, in order.
///
/// # Errors
/// A source that is missing or of an unsupported kind.
pub fn documents(config: &DataConfig) -> Result<impl Iterator<Item = Result<Document>>> {
    let documents = every_document(config)?;
    Ok(documents.filter(|document| document.as_ref().map_or(true, |document| !document.is_blank())))
}

/// All documents of the config's sources, in order, those without text as well.
///
/// # Errors
/// As [`documents`].
pub fn every_document(config: &DataConfig) -> Result<impl Iterator<Item = Result<Document>>> {
    let listing = list_all(config)?;
    listing.left_out.warn();
    let mut files = listing.files.into_iter();
    let mut current: Option<FileDocuments> = None;
    let (progress, mut counts) = (Arc::default(), ReadCounts::default());
    Ok(std::iter::from_fn(move || {
        loop {
            let step = match &mut current {
                Some(documents) => documents.next_of_all(&mut counts),
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
    pub(super) file: SourceFile,
    pub(super) source: &'a SourceConfig,
    reader: Reader,
    lines: LineParser<'a>,
    pub(super) labels: Labeller<'a>,
}

enum Reader {
    Pieces(Cutter),
    Values(ValueCutter),
    Sentences(Sentences),
    Table(Table),
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
            Self::Sentences(sentences) => Some(&sentences.lines),
            Self::Table(table) => Some(&table.lines),
            Self::Rows(_) => None,
        }
    }
}

impl<'a> FileDocuments<'a> {
    /// Opens the file; what is read of it as stored is added to `progress`.
    ///
    /// # Errors
    /// A file that cannot be opened, or is not what its name says.
    pub fn open(file: SourceFile, config: &'a DataConfig, progress: &Arc<AtomicU64>) -> Result<Self> {
        let index = usize::from(file.source);
        let source = &config.source[index];
        let mut lines = LineParser::new(source, Settings::Config, Some(&file.path));
        let labels = Labeller::new(source, Settings::Config, Some(&file.path));
        let cannot_read = |error: io::Error| cannot_read(&file, source, 0, &error);
        let reader = match file.format {
            Format::Text => Reader::cut(&file, source, Boundary::new(source, index)?, progress),
            Format::JsonLines => Reader::cut(&file, source, Boundary::EveryLine, progress),
            Format::Html => Reader::cut(&file, source, Boundary::FileStart, progress),
            Format::Json => ValueCutter::open(&file, source, progress).map(Reader::Values),
            Format::Conll => Sentences::open(&file, source, progress).map(Reader::Sentences),
            Format::Csv | Format::Tsv => open_table(&file, source, progress)?.map(Reader::Table),
            Format::Parquet => {
                let rows = ParquetRows::open(&file, source, progress);
                let rows = rows.map_err(|reason| Error::run(format!("{}: {reason}", file.path.display())))?;
                Ok(Reader::Rows(Box::new(rows)))
            }
        };
        let reader = reader.map_err(cannot_read)?;
        lines.encoding = reader.cutter().map_or(lines.encoding, |cutter| cutter.encoding);
        Ok(Self { file, source, reader, lines, labels })
    }

    /// The next document that has text; none at the end.
    ///
    /// # Errors
    /// What cannot be read and the config does not leave out.
    pub fn next(&mut self, counts: &mut ReadCounts) -> Result<Option<Document>> {
        loop {
            match self.next_of_all(counts)? {
                Some(document) if document.is_blank() => counts.empty += 1,
                document => return Ok(document),
            }
        }
    }

    /// The next document, which may have no text; none at the end.
    ///
    /// # Errors
    /// As [`FileDocuments::next`].
    fn next_of_all(&mut self, counts: &mut ReadCounts) -> Result<Option<Document>> {
        loop {
            let document = match &mut self.reader {
                Reader::Pieces(_) | Reader::Values(_) | Reader::Sentences(_) => match self.piece(counts)? {
                    Some(piece) => self.parse(piece, counts)?,
                    None => return Ok(None),
                },
                Reader::Table(table) => {
                    let row = table.next();
                    let (names, line) = (table.names().clone(), table.line);
                    match self.row(row, &names, line, counts)? {
                        Row::Document(document) => Some(document),
                        Row::LeftOut => None,
                        Row::End => return self.ended(counts).map(|()| None),
                    }
                }
                Reader::Rows(rows) => {
                    let row = rows.next();
                    let row = row.map_err(|reason| Error::run(format!("{}: {reason}", self.file.path.display())))?;
                    let (Some(row), number) = (row, rows.n_rows) else { return Ok(None) };
                    self.parse_row(row, number, counts)?
                }
            };
            if document.is_some() {
                return Ok(document);
            }
        }
    }

    /// The bytes of the next document; none at the end.
    fn piece(&mut self, counts: &mut ReadCounts) -> Result<Option<Piece>> {
        let piece = match &mut self.reader {
            Reader::Pieces(cutter) => cutter.next(),
            Reader::Values(values) => values.next(),
            Reader::Sentences(sentences) => sentences.next(),
            Reader::Table(_) | Reader::Rows(_) => Ok(None),
        };
        let Some(cutter) = self.reader.cutter() else { return Ok(None) };
        let piece = piece.map_err(|error| cannot_read(&self.file, self.source, cutter.offset, &error))?;
        if piece.is_none() {
            self.ended(counts)?;
        }
        Ok(piece)
    }

    /// Says what is odd about the file, whose end was reached.
    fn ended(&self, counts: &mut ReadCounts) -> Result<()> {
        let Some(cutter) = self.reader.cutter() else { return Ok(()) };
        if cutter.has_trailer() {
            tracing::warn!("{}: bytes after the compressed data are ignored", self.file.path.display());
            count(&mut counts.notes, TRAILERS, self.file.name.clone());
        }
        if cutter.offset == 0 { empty_file(&self.file) } else { Ok(()) }
    }

    /// Where in the file the last document came from.
    pub fn place(&self, path: &Path) -> String {
        match (&self.reader, self.file.format) {
            (Reader::Rows(rows), _) => format!("{} (row {})", path.display(), rows.n_rows),
            (Reader::Values(values), _) if values.is_lines() => format!("{}:{}", path.display(), values.lines.number),
            (Reader::Values(values), _) => format!("{} (value {})", path.display(), values.lines.number),
            (Reader::Sentences(sentences), _) => format!("{}:{}", path.display(), sentences.line),
            (Reader::Table(table), _) => format!("{}:{}", path.display(), table.line),
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
            let place = Place { long: &|| self.place(&file.path), short: &short };
            let line = Line { bytes: &bytes, offset, place };
            let parsed = self.lines.parse(&line, counts)?;
            return Ok(parsed.map(|Parsed { id, text, metadata, .. }| {
                let id = id.unwrap_or_else(short);
                Document { id, source, content: text.into(), metadata }
            }));
        }
        counts.documents += 1;
        let what = |at: u64| invalid_text(self.lines.encoding, offset + at);
        let Some(text) = self.decode(bytes, &what, counts)? else { return Ok(None) };
        if file.format == Format::Conll {
            return self.sentence(&text, number, counts);
        }
        let (id, text, fields) = match file.format {
            Format::Html => {
                let page = read_page(&text);
                if let Some(why) = page.refused {
                    tracing::debug!("{}: {why}, no main text is taken", file.path.display());
                    count(&mut counts.notes, &format!("pages without main text: {why}"), file.name.clone());
                }
                (file.name.clone(), page.text, page.fields)
            }
            _ => (format!("{}#{number}", file.name), text, Map::new()),
        };
        let place = Place { long: &|| self.place(&file.path), short: &|| id.clone() };
        let document = self.labelled(text, self.kept(fields), place, counts);
        self.settle(id.clone(), document, place, counts)
    }

    /// The fields that the source keeps, under their keys.
    pub(super) fn kept(&self, fields: Map<String, Value>) -> Kept<'a> {
        let kept = self.source.kept().into_iter();
        kept.filter_map(|(field, key)| Some((key, fields.get(field)?.to_string()))).collect()
    }

    /// A text with its metadata, which are checked.
    pub(super) fn labelled(
        &self,
        text: String,
        mut kept: Kept<'a>,
        place: Place<'_>,
        counts: &mut ReadCounts,
    ) -> Parsing<(String, Option<String>)> {
        if !text.trim().is_empty() {
            self.labels.complete(&text, &mut kept, place, counts)?;
        }
        Ok((text, object(&kept)))
    }

    /// The document, unless it is left out.
    pub(super) fn settle(
        &self,
        id: String,
        parsed: Parsing<(String, Option<String>)>,
        place: Place<'_>,
        counts: &mut ReadCounts,
    ) -> Result<Option<Document>> {
        match parsed {
            Ok((text, metadata)) => Ok(Some(Document { id, source: self.file.source, content: text.into(), metadata })),
            Err(fault) => fault.settle(self.source, Settings::Config, place, counts),
        }
    }

    /// Bytes as text, as the source says; none when the document goes. `what` says what is invalid at one of them.
    pub(super) fn decode(
        &self,
        bytes: Vec<u8>,
        what: &dyn Fn(u64) -> String,
        counts: &mut ReadCounts,
    ) -> Result<Option<String>> {
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
pub(super) fn document_id(
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
pub(super) fn cannot_read(file: &SourceFile, source: &SourceConfig, offset: u64, error: &io::Error) -> Error {
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

pub(super) fn too_long(file: &SourceFile, source: &SourceConfig, place: &str) -> Error {
    Error::run(format!(
        "{}: the document at {place} has more than {} MB; cut it into documents, or raise data.source.max_document_mb",
        file.path.display(),
        source.max_document_mb
    ))
}
