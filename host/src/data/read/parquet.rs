//! Rows of a Parquet file.

use super::source::SourceFile;
use crate::data::SourceConfig;
use parquet::basic::Type as PhysicalType;
use parquet::column::reader::ColumnReader;
use parquet::data_type::ByteArray;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;
use parquet::schema::types::{SchemaDescriptor, Type};
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Texts that are decoded at a time.
const BATCH_ROWS: usize = 64;

/// The rows of a file: text by the column reader, because it may not be UTF-8, the rest by the record reader.
pub(super) struct ParquetRows {
    reader: SerializedFileReader<File>,
    text_column: usize,
    next_row_group: usize,
    texts: Option<ColumnReader>,
    decoded: VecDeque<Option<ByteArray>>,
    /// The columns besides the text that the source asks for; none when there are none.
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
        let open = || -> Result<SerializedFileReader<File>> {
            let handle = File::open(&file.path).map_err(|error| error.to_string())?;
            SerializedFileReader::new(handle).map_err(|error| format!("not a whole parquet file: {error}"))
        };
        if file.is_packed() {
            return Err("a parquet file is compressed inside, unpack it".into());
        }
        let reader = open()?;
        let schema = reader.metadata().file_metadata().schema_descr();
        let text_column = text_column(schema, &source.text_field)?;
        let wanted = |name: &str| name == source.id_field || source.metadata.iter().any(|field| field == name);
        let columns = schema.root_schema().get_fields().iter();
        let columns: Vec<_> = columns.filter(|column| wanted(column.name())).cloned().collect();
        let others = match columns.is_empty() {
            true => None,
            false => {
                let projection = Type::group_type_builder(schema.root_schema().name()).with_fields(columns).build();
                let rows = projection.and_then(|projection| {
                    RowIter::from_file_into(Box::new(SerializedFileReader::new(
                        File::open(&file.path).map_err(parquet::errors::ParquetError::from)?,
                    )?))
                    .project(Some(projection))
                });
                Some(rows.map_err(|error| error.to_string())?)
            }
        };
        Ok(Self {
            reader,
            text_column,
            next_row_group: 0,
            texts: None,
            decoded: VecDeque::new(),
            others,
            progress: progress.clone(),
            n_rows: 0,
        })
    }

    /// The next row; none at the end.
    pub fn next(&mut self) -> Result<Option<Row>> {
        while self.decoded.is_empty() {
            if !self.decode()? && !self.next_row_group()? {
                return Ok(None);
            }
        }
        let Some(text) = self.decoded.pop_front() else { return Ok(None) };
        self.n_rows += 1;
        let others = match &mut self.others {
            None => Map::new(),
            Some(rows) => match rows.next() {
                Some(Ok(row)) => row
                    .get_column_iter()
                    .map(|(name, field)| (name.clone(), to_json(field)))
                    .filter(|(_, value)| !value.is_null())
                    .collect(),
                Some(Err(error)) => return Err(self.at_row(&error)),
                None => return Err(self.at_row(&"the columns have different lengths")),
            },
        };
        Ok(Some(Row { text: text.map(|text| text.data().to_vec()), others }))
    }

    /// Decodes more texts of this row group; false at its end.
    fn decode(&mut self) -> Result<bool> {
        let Some(ColumnReader::ByteArrayColumnReader(texts)) = &mut self.texts else { return Ok(false) };
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let read = texts.read_records(BATCH_ROWS, Some(&mut levels), None, &mut values);
        let (n_rows, _, _) = read.map_err(|error| self.at_row(&error))?;
        if n_rows == 0 {
            return Ok(false);
        }
        let mut values = values.into_iter();
        // a column that cannot be null has no levels
        match levels.is_empty() {
            true => self.decoded.extend(values.map(Some)),
            false => self.decoded.extend(levels.iter().map(|&level| if level > 0 { values.next() } else { None })),
        }
        Ok(true)
    }

    fn next_row_group(&mut self) -> Result<bool> {
        let index = self.next_row_group;
        if index == self.reader.num_row_groups() {
            return Ok(false);
        }
        let group = self.reader.get_row_group(index).map_err(|error| self.at_row(&error))?;
        self.texts = Some(group.get_column_reader(self.text_column).map_err(|error| self.at_row(&error))?);
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
    if column.physical_type() != PhysicalType::BYTE_ARRAY || column.max_rep_level() > 0 {
        return Err(format!("column {name:?}: expected text, got {}", column.physical_type()));
    }
    Ok(index)
}

/// Numbers, texts and truth values as such; anything else as text.
fn to_json(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => (*value).into(),
        Field::Byte(value) => (*value).into(),
        Field::Short(value) => (*value).into(),
        Field::Int(value) => (*value).into(),
        Field::Long(value) => (*value).into(),
        Field::UByte(value) => (*value).into(),
        Field::UShort(value) => (*value).into(),
        Field::UInt(value) => (*value).into(),
        Field::ULong(value) => (*value).into(),
        Field::Float(value) => (*value).into(),
        Field::Double(value) => (*value).into(),
        Field::Str(value) => value.as_str().into(),
        other => other.to_string().into(),
    }
}
