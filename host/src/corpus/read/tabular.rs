//! Documents of rows: of tables of text, of CoNLL and Parquet files.

use super::conll::{Layout, Sentence, Wrong};
use super::counts::ReadCounts;
use super::document::Document;
use super::documents::{FileDocuments, cannot_read, document_id, too_long};
use super::fault::{Fault, Parsing, Place, Settings};
use super::labels::Kept;
use super::messages;
use super::parquet::{self, RowText};
use super::source::SourceFile;
use super::table::{NoRow, Table};
use super::words::join;
use crate::corpus::{SourceConfig, TAGS, Unlabelled};
use crate::{Error, Result};
use serde_json::{Map, Value};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// What a row of a table gives.
pub(super) enum Row {
    Document(Document),
    LeftOut,
    End,
}

/// Opens a table that has the columns that the source asks for.
///
/// # Errors
/// A column that is not there, names that cannot be read.
pub(super) fn open_table(
    file: &SourceFile,
    source: &SourceConfig,
    progress: &Arc<AtomicU64>,
) -> Result<io::Result<Table>> {
    let wrong = |message: String| Err(Error::run(format!("{}:1: {message}", file.path.display())));
    let table = match Table::open(file, source, progress) {
        Ok(table) => table,
        Err(NoRow::Io(error)) => return Ok(Err(error)),
        Err(NoRow::Odd { message, .. } | NoRow::Lost(message)) => return wrong(message),
    };
    // an empty file is told of when it is read
    let lacks = |name: &str| !table.names().is_empty() && !table.names().iter().any(|column| column == name);
    let all = table.names().join(", ");
    if lacks(&source.text_field) {
        return wrong(format!("no column {:?}, set data.source.text_field to one of: {all}", source.text_field));
    }
    if source.labels.unlabelled == Unlabelled::Error
        && let Some((key, field)) = source.fields.required().find(|(_, field)| lacks(field))
    {
        return wrong(format!("no column {field:?}, set data.fields.{key} to one of: {all}"));
    }
    Ok(Ok(table))
}

impl FileDocuments<'_> {
    /// The document of a row that begins in line `line`.
    ///
    /// # Errors
    /// A row that holds no document and that the source does not leave out.
    pub(super) fn row(
        &self,
        row: std::result::Result<Option<Vec<Vec<u8>>>, NoRow>,
        names: &[String],
        line: u64,
        counts: &mut ReadCounts,
    ) -> Result<Row> {
        let path = self.file.path.display();
        let place = Place { long: &|| format!("{path}:{line}"), short: &|| format!("{}:{line}", self.file.name) };
        let document = match row {
            Ok(None) => return Ok(Row::End),
            Ok(Some(values)) => self.cells(values, names, place, counts)?,
            Err(NoRow::Io(error)) => return Err(cannot_read(&self.file, self.source, 0, &error)),
            Err(NoRow::Lost(message)) => return Err(Error::run(format!("{path}:{line}: {message}"))),
            Err(NoRow::Odd { what, message }) => {
                counts.documents += 1;
                Fault::invalid(what, message).settle(self.source, Settings::Config, place, counts)?
            }
        };
        Ok(document.map_or(Row::LeftOut, Row::Document))
    }

    /// The document of row `number` of a Parquet file.
    ///
    /// # Errors
    /// A row that holds no document and that the source does not leave out.
    pub(super) fn parse_row(
        &self,
        row: parquet::Row,
        number: u64,
        counts: &mut ReadCounts,
    ) -> Result<Option<Document>> {
        counts.documents += 1;
        let parquet::Row { text, others } = row;
        let row = || format!("row {number}");
        let n_bytes = match &text {
            RowText::Bytes(bytes) => bytes.len(),
            RowText::List(json) => json.len(),
        };
        if n_bytes > self.source.max_document_bytes() {
            return Err(too_long(&self.file, self.source, &row()));
        }
        let what = |at: u64| format!("invalid utf-8 at byte {at} of {}", row());
        let text = match text {
            RowText::List(json) => messages::from_list(self.source, &json),
            RowText::Bytes(bytes) => match self.decode(bytes, &what, counts)? {
                Some(text) => messages::from_text(self.source, text),
                None => return Ok(None),
            },
        };
        let short = || format!("{}:{number}", self.file.name);
        let id = document_id(self.source, others.get(&self.source.id_field).cloned(), short);
        let id = id.map_err(|reason| Error::run(format!("{}: row {number}: {reason}", self.file.path.display())))?;
        let place = Place { long: &|| format!("{} (row {number})", self.file.path.display()), short: &short };
        let document = text.and_then(|text| self.labelled(text, self.kept(others), place, counts));
        self.settle(id, document, place, counts)
    }

    fn cells(
        &self,
        values: Vec<Vec<u8>>,
        names: &[String],
        place: Place<'_>,
        counts: &mut ReadCounts,
    ) -> Result<Option<Document>> {
        counts.documents += 1;
        let source = self.source;
        let kept = source.kept();
        let is_asked = |name: &str| {
            name == source.text_field || name == source.id_field || kept.iter().any(|(field, _)| *field == name)
        };
        let mut fields = Map::new();
        for (name, bytes) in names.iter().zip(values).filter(|(name, _)| is_asked(name)) {
            let what =
                |at: u64| format!("invalid utf-8 at byte {at} of column {name:?} in the row at {}", (place.long)());
            let Some(text) = self.decode(bytes, &what, counts)? else { return Ok(None) };
            fields.insert(name.clone(), text.into());
        }
        let text = match fields.get(&source.text_field) {
            Some(Value::String(text)) => text.clone(),
            _ => String::new(),
        };
        let id = document_id(source, fields.get(&source.id_field).filter(|id| *id != "").cloned(), place.short);
        let id = id.map_err(|reason| Error::run(format!("{}: {reason}", (place.long)())))?;
        let asked: Vec<_> = source.fields.kept().map(|(_, field)| field).collect();
        for (_, value) in fields.iter_mut().filter(|(name, _)| asked.contains(&name.as_str())) {
            *value = cell(value);
        }
        let text = messages::from_text(source, text);
        let document = text.and_then(|text| self.labelled(text, self.kept(fields), place, counts));
        self.settle(id, document, place, counts)
    }

    /// The document of a sentence whose first word is in line `line`.
    ///
    /// # Errors
    /// A sentence that holds no document and that the source does not leave out.
    pub(super) fn sentence(&self, text: &str, line: u64, counts: &mut ReadCounts) -> Result<Option<Document>> {
        let path = self.file.path.display();
        let id = format!("{}:{line}", self.file.name);
        let read = Layout::new(&self.file, self.source).read(text);
        let line = line + read.as_ref().err().map_or(0, |wrong| wrong.line);
        let place = Place { long: &|| format!("{path}:{line}"), short: &|| format!("{}:{line}", self.file.name) };
        let document = read.map_err(|Wrong { message, .. }| Fault::invalid("a line without its columns", message));
        let document = document.and_then(|sentence| self.tagged(sentence, place, counts));
        self.settle(id, document, place, counts)
    }

    fn tagged(
        &self,
        sentence: Sentence,
        place: Place<'_>,
        counts: &mut ReadCounts,
    ) -> Parsing<(String, Option<String>)> {
        let text = join("word", &sentence.words)?;
        let mut kept = Kept::new();
        if let Some(tags) = sentence.tags {
            kept.insert(TAGS, Value::from(tags).to_string());
            // the file says that it has tags, whether or not the config does
            self.labels.check(TAGS, &text, &mut kept, place, counts)?;
        }
        self.labelled(text, kept, place, counts)
    }
}

/// A value of a table that something is learnt from: a list where it is written as one, nothing where it is empty.
fn cell(value: &Value) -> Value {
    let Value::String(text) = value else { return value.clone() };
    let list = text.starts_with('[').then(|| serde_json::from_str(text).ok()).flatten();
    match text.trim().is_empty() {
        true => Value::Null,
        false => list.unwrap_or_else(|| value.clone()),
    }
}
