//! Rows of a Parquet file.

use super::columns::{project, value_at};
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

/// The rows of a file: text by the column reader, because it may not be UTF-8, the rest by the record reader.
pub(super) struct ParquetRows {
    reader: SerializedFileReader<File>,
    text_column: usize,
    /// The definition level of a row that has a text. A lower one says which of the columns around it is null.
    text_level: i16,
    next_row_group: usize,
    texts: Option<ColumnReader>,
    decoded: VecDeque<Option<ByteArray>>,
    /// Names of the columns besides the text that the source asks for: the id's first.
    names: Vec<String>,
    /// Their values; none when the file has none of them.
    others: Option<RowIter<'static>>,
    progress: Arc<AtomicU64>,
    /// Rows read so far.
    pub n_rows: u64,
}

/// One row.
pub(super) struct Row {
    /// None where the column holds no value.
    pub text: Option<Vec<u8>>,
    /// The columns besides the text.
    pub others: Map<String, Value>,
}

type Result<T> = std::result::Result<T, String>;

impl ParquetRows {
    /// Opens the file and finds the columns that the source asks for.
    pub fn open(file: &SourceFile, source: &SourceConfig, progress: &Arc<AtomicU64>) -> Result<Self> {
        let opened = no_panic(|| Self::find(file, source, progress));
        opened.unwrap_or_else(|| Err(format!("not a whole parquet file: {GAVE_UP}")))
    }

    fn find(file: &SourceFile, source: &SourceConfig, progress: &Arc<AtomicU64>) -> Result<Self> {
        let open = || -> Result<SerializedFileReader<File>> {
            let handle = File::open(&file.path).map_err(|error| error.to_string())?;
            SerializedFileReader::new(handle).map_err(|error| format!("not a whole parquet file: {error}"))
        };
        if file.is_packed() {
            return Err("a parquet file is compressed inside, unpack it".into());
        }
        if source.encoding.is_some() {
            return Err("the text of a Parquet file is UTF-8, remove data.source.encoding".into());
        }
        let reader = open()?;
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let text_column = text_column(&schema, &source.text_field)?;
        let metadata = source.metadata.iter().filter(|&name| *name != source.id_field && *name != source.text_field);
        let names: Vec<_> = std::iter::once(&source.id_field).chain(metadata).cloned().collect();
        let others = others(&file.path, &schema, &names)?;
        Ok(Self {
            reader,
            text_column,
            text_level: schema.column(text_column).max_def_level(),
            next_row_group: 0,
            texts: None,
            decoded: VecDeque::new(),
            names,
            others,
            progress: progress.clone(),
            n_rows: 0,
        })
    }

    /// The next row; none at the end.
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
        let others = match &mut self.others {
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
        Ok(Some(Row { text: text.map(|text| text.data().to_vec()), others }))
    }

    /// Decodes more texts of this row group; false at its end.
    fn decode(&mut self) -> Result<bool> {
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
                let text_level = self.text_level;
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
        self.texts = Some(group.get_column_reader(self.text_column).map_err(|error| self.at_row(&short(&error)))?);
        let bytes = group.metadata().compressed_size();
        self.progress.fetch_add(u64::try_from(bytes).unwrap_or_default(), Ordering::Relaxed);
        self.next_row_group += 1;
        Ok(true)
    }

    fn at_row(&self, error: &dyn std::fmt::Display) -> String {
        format!("damaged in row group {} after row {}: {error}", self.next_row_group.saturating_sub(1), self.n_rows)
    }
}

/// The number of the text column among the leaves of the schema.
fn text_column(schema: &SchemaDescriptor, name: &str) -> Result<usize> {
    let columns = schema.columns();
    let Some(index) = columns.iter().position(|column| column.path().string() == name) else {
        let names: Vec<_> = columns.iter().map(|column| column.path().string()).collect();
        return Err(format!("no column {name:?}, set data.source.text_field to one of: {}", names.join(", ")));
    };
    let column = &columns[index];
    if column.max_rep_level() > 0 {
        return Err(format!("column {name:?}: expected one text per row, got a list"));
    }
    if column.physical_type() != PhysicalType::BYTE_ARRAY {
        return Err(format!("column {name:?}: expected text, got {}", column.physical_type()));
    }
    Ok(index)
}

/// An iterator over the columns `names`; none when the file has none of them.
fn others(path: &Path, schema: &SchemaDescPtr, names: &[String]) -> Result<Option<RowIter<'static>>> {
    let Some(projection) = project(schema.root_schema(), names).map_err(|error| short(&error))? else {
        return Ok(None);
    };
    let file = File::open(path).map_err(|error| error.to_string())?;
    let reader = SerializedFileReader::new(file).map_err(|error| short(&error))?;
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
