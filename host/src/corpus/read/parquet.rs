//! Rows of a Parquet file.

use super::columns::{project, value_at};
use super::pages::Pages;
use super::source::SourceFile;
use crate::base::caught;
use crate::corpus::SourceConfig;
use parquet::basic::Type as PhysicalType;
use parquet::column::reader::ColumnReader;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor};
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is said where the library panics.
const GAVE_UP: &str = "a form that the parquet library does not read";

/// Texts that are decoded at a time.
const BATCH_ROWS: usize = 64;

/// The rows of a file: text by the column reader, because it may not be UTF-8, the rest by the record reader, and so
/// are texts that are lists of words.
pub(super) struct ParquetRows {
    reader: SerializedFileReader<Pages>,
    text: TextColumn,
    next_row_group: usize,
    texts: Option<ColumnReader>,
    decoded: VecDeque<Option<ByteArray>>,
    /// Names of the columns that the record reader reads: the id's first.
    names: Vec<String>,
    /// Their values; none when the file has none of them.
    others: Option<RowIter<'static>>,
    progress: Arc<AtomicU64>,
    /// Says that a list is kept besides as what it says.
    is_kept: bool,
    /// Rows read so far.
    pub n_rows: u64,
}

/// Where the text is.
enum TextColumn {
    /// In a column of texts: its number among the leaves of the schema, and the definition level of a row that has a
    /// text. A lower one says which of the columns around it is null.
    Texts { leaf: usize, level: i16 },
    /// In a column of lists, of words or of messages: its name.
    List(String),
}

/// The text of a row.
pub(super) enum RowText {
    Bytes(Vec<u8>),
    /// A list, as JSON.
    List(String),
}

/// One row.
pub(super) struct Row {
    pub text: RowText,
    /// The columns besides the text.
    pub others: Map<String, Value>,
}

type Result<T> = std::result::Result<T, String>;

impl ParquetRows {
    /// Opens the file and finds the columns that the source asks for.
    ///
    /// # Errors
    /// A file that is no Parquet, or lacks a column.
    pub fn open(file: &SourceFile, source: &SourceConfig, progress: &Arc<AtomicU64>) -> Result<Self> {
        let opened = no_panic(|| Self::find(file, source, progress));
        opened.unwrap_or_else(|| Err(format!("not a whole parquet file: {GAVE_UP}")))
    }

    fn find(file: &SourceFile, source: &SourceConfig, progress: &Arc<AtomicU64>) -> Result<Self> {
        let open = || -> Result<SerializedFileReader<Pages>> {
            let handle = File::open(&file.path).map_err(|error| error.to_string())?;
            SerializedFileReader::new(Pages(handle)).map_err(|error| format!("not a whole parquet file: {error}"))
        };
        if file.is_packed() {
            return Err("a parquet file is compressed inside, unpack it".into());
        }
        if source.encoding.is_some() {
            return Err("the text of a Parquet file is UTF-8, remove data.source.encoding".into());
        }
        let reader = open()?;
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let text = text_column(&schema, &source.text_field, source.fields.messages.is_some())?;
        let kept = source.kept().into_iter().map(|(field, _)| field).filter(|field| *field != source.id_field);
        let mut names: Vec<_> = std::iter::once(source.id_field.as_str()).chain(kept).map(str::to_owned).collect();
        if let TextColumn::List(name) = &text
            && !names.contains(name)
        {
            names.push(name.clone());
        }
        let others = others(&file.path, &schema, &names)?;
        Ok(Self {
            reader,
            text,
            next_row_group: 0,
            texts: None,
            decoded: VecDeque::new(),
            names,
            others,
            progress: progress.clone(),
            is_kept: source.fields.messages.is_some(),
            n_rows: 0,
        })
    }

    /// The next row; none at the end.
    ///
    /// # Errors
    /// A row that cannot be read.
    pub fn next(&mut self) -> Result<Option<Row>> {
        no_panic(|| self.row()).unwrap_or_else(|| Err(self.at_row(&GAVE_UP)))
    }

    fn row(&mut self) -> Result<Option<Row>> {
        while self.decoded.is_empty() {
            if !self.decode()? && !self.next_row_group()? {
                return Ok(None);
            }
        }
        let Some(text) = self.decoded.pop_front() else { return Ok(None) };
        self.n_rows += 1;
        let mut others: Map<_, _> = match &mut self.others {
            None => Map::new(),
            Some(rows) => match rows.next().transpose().map_err(|error| short(&error)) {
                Ok(Some(row)) => {
                    let found = self.names.iter().filter_map(|name| Some((name.clone(), value_at(&row, name)?)));
                    found.collect()
                }
                Err(error) => return Err(self.at_row(&error)),
                Ok(None) => return Err(self.at_row(&"the columns have different lengths")),
            },
        };
        let bytes = || RowText::Bytes(text.map(|text| text.data().to_vec()).unwrap_or_default());
        let text = match &self.text {
            TextColumn::Texts { .. } => bytes(),
            TextColumn::List(name) if self.is_kept => {
                others.get(name).map_or_else(bytes, |list| RowText::List(list.to_string()))
            }
            TextColumn::List(name) => others.remove(name).map_or_else(bytes, |list| RowText::List(list.to_string())),
        };
        Ok(Some(Row { text, others }))
    }

    /// Decodes more texts of this row group; false at its end.
    fn decode(&mut self) -> Result<bool> {
        let TextColumn::Texts { level: text_level, .. } = self.text else { return Ok(false) };
        let Some(ColumnReader::ByteArrayColumnReader(texts)) = &mut self.texts else { return Ok(false) };
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let read = texts.read_records(BATCH_ROWS, Some(&mut levels), None, &mut values);
        let (n_rows, _, _) = read.map_err(|error| self.at_row(&short(&error)))?;
        if n_rows == 0 {
            return Ok(false);
        }
        let mut values = values.into_iter();
        // a column that cannot be null has no levels
        match levels.is_empty() {
            true => self.decoded.extend(values.by_ref().map(Some)),
            false => {
                let texts = levels.iter().map(|&level| if level == text_level { values.next() } else { None });
                self.decoded.extend(texts);
            }
        }
        match values.next() {
            None => Ok(true),
            Some(_) => Err(self.at_row(&"the column has more texts than rows")),
        }
    }

    fn next_row_group(&mut self) -> Result<bool> {
        let index = self.next_row_group;
        if index == self.reader.num_row_groups() {
            return Ok(false);
        }
        let group = self.reader.get_row_group(index).map_err(|error| self.at_row(&short(&error)))?;
        match self.text {
            TextColumn::Texts { leaf, .. } => {
                let texts = group.get_column_reader(leaf).map_err(|error| self.at_row(&short(&error)))?;
                self.texts = Some(texts);
            }
            // the record reader has them
            TextColumn::List(_) => {
                let n_rows = usize::try_from(group.metadata().num_rows()).unwrap_or_default();
                self.decoded.extend(std::iter::repeat_n(None, n_rows));
            }
        }
        let bytes = group.metadata().compressed_size();
        self.progress.fetch_add(u64::try_from(bytes).unwrap_or_default(), Ordering::Relaxed);
        self.next_row_group += 1;
        Ok(true)
    }

    fn at_row(&self, error: &dyn std::fmt::Display) -> String {
        format!("damaged in row group {} after row {}: {error}", self.next_row_group.saturating_sub(1), self.n_rows)
    }
}

/// The column of that name, or path into structs.
fn text_column(schema: &SchemaDescriptor, name: &str, has_messages: bool) -> Result<TextColumn> {
    let columns = schema.columns();
    let Some(leaf) = columns.iter().position(|column| column.path().string() == name) else {
        let inside = format!("{name}.");
        let words: Vec<_> = columns.iter().filter(|column| column.path().string().starts_with(&inside)).collect();
        let is_list = match words.as_slice() {
            [] => false,
            [words] => words.max_rep_level() == 1,
            [first, ..] => has_messages && first.max_rep_level() > 0,
        };
        if is_list {
            return Ok(TextColumn::List(name.to_owned()));
        }
        let names: Vec<_> = columns.iter().map(|column| column.path().string()).collect();
        return Err(format!("no column {name:?}, set data.source.text_field to one of: {}", names.join(", ")));
    };
    let column = &columns[leaf];
    if column.max_rep_level() > 0 {
        return Err(format!("column {name:?}: expected one text per row, got a list"));
    }
    if column.physical_type() != PhysicalType::BYTE_ARRAY {
        return Err(format!("column {name:?}: expected text, got {}", column.physical_type()));
    }
    Ok(TextColumn::Texts { leaf, level: column.max_def_level() })
}

/// An iterator over the columns `names`; none when the file has none of them.
fn others(path: &Path, schema: &SchemaDescPtr, names: &[String]) -> Result<Option<RowIter<'static>>> {
    let Some(projection) = project(schema.root_schema(), names).map_err(|error| short(&error))? else {
        return Ok(None);
    };
    let file = File::open(path).map_err(|error| error.to_string())?;
    let reader = SerializedFileReader::new(Pages(file)).map_err(|error| short(&error))?;
    let rows = RowIter::from_file_into(Box::new(reader)).project(Some(projection));
    rows.map(Some).map_err(|error| short(&error))
}

/// Calls the library, which panics on some kinds of damage and on some types; none when it does.
fn no_panic<T>(call: impl FnOnce() -> T) -> Option<T> {
    caught(call).ok()
}

/// One line, and not the bytes of a whole text.
fn short(error: &ParquetError) -> String {
    const MOST: usize = 200;
    let message = error.to_string().replace('\n', " ");
    match message.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}
