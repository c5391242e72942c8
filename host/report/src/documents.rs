//! What a model loses on each held-out document: a table in a run's folder, by which runs of one seed are compared.

use crate::{Error, Result};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::RowAccessor;
use parquet::schema::parser::parse_message_type;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use trainyard_base::write::write_file;

/// The file's name in a run's folder.
pub const DOCUMENTS: &str = "documents.parquet";

const SCHEMA: &str = "message documents {
    required binary split (STRING);
    required int64 document;
    required double weight;
    required double nats;
    required int64 bytes;
    required double bits;
}";

/// What a model loses on a held-out document.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DocumentLoss {
    /// Its number in its split, from 0: the same in all runs that are measured on one text.
    pub document: u64,
    /// The weights of its predicted tokens: their number where each counts as one.
    pub weight: f64,
    /// Sum of their cross-entropies, in nats.
    pub nats: f64,
    /// Bytes of text that they stand for; 0 where they are no text.
    pub bytes: u64,
    /// Sum of the cross-entropies of those that stand for text, in bits.
    pub bits: f64,
}

/// The documents of a split, by its name.
pub type SplitDocuments = (String, Vec<DocumentLoss>);

/// Writes a table of documents, in columns: `split`, `document`, `weight`, `nats`, `bytes`, `bits`. A
/// file that says the same stays as it is.
///
/// # Errors
/// A file that cannot be written.
pub fn write_documents(path: &Path, splits: &[SplitDocuments]) -> Result<()> {
    let bytes = table(splits).map_err(|error| Error::run(format!("{}: cannot be written: {error}", path.display())))?;
    match fs::read(path) {
        Ok(old) if old == bytes => Ok(()),
        _ => write_file(path, &bytes),
    }
}

fn table(splits: &[SplitDocuments]) -> parquet::errors::Result<Vec<u8>> {
    let all = || splits.iter().flat_map(|(split, documents)| documents.iter().map(move |of| (split.as_str(), of)));
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer =
        SerializedFileWriter::new(Vec::new(), Arc::new(parse_message_type(SCHEMA)?), Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    column::<ByteArrayType>(&mut group, all().map(|(split, _)| ByteArray::from(split)).collect())?;
    column::<Int64Type>(&mut group, all().map(|(_, of)| of.document as i64).collect())?;
    column::<DoubleType>(&mut group, all().map(|(_, of)| of.weight).collect())?;
    column::<DoubleType>(&mut group, all().map(|(_, of)| of.nats).collect())?;
    column::<Int64Type>(&mut group, all().map(|(_, of)| of.bytes as i64).collect())?;
    column::<DoubleType>(&mut group, all().map(|(_, of)| of.bits).collect())?;
    group.close()?;
    writer.into_inner()
}

fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: Vec<T::T>,
) -> parquet::errors::Result<()> {
    let Some(mut column) = group.next_column()? else { return Ok(()) };
    column.typed::<T>().write_batch(&values, None, None)?;
    column.close()
}

/// Reads the documents of a split; none where there is no such file.
///
/// # Errors
/// A file that is not such a table.
pub fn read_documents(path: &Path, split: &str) -> Result<Vec<DocumentLoss>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened.map_err(|error| Error::io(path, "read", &error))?,
    };
    rows(file, split).map_err(|error| {
        let path = path.display();
        Error::run(format!(
            "{path}: expected losses of documents, {error}; write it again by `trainyard eval RUN --documents {path} --overwrite`"
        ))
    })
}

fn rows(file: File, split: &str) -> parquet::errors::Result<Vec<DocumentLoss>> {
    let reader = SerializedFileReader::new(file)?;
    let schema = parse_message_type(SCHEMA)?;
    let mut documents = Vec::new();
    for row in reader.get_row_iter(Some(schema))? {
        let row = row?;
        if row.get_string(0)? == split {
            documents.push(DocumentLoss {
                document: row.get_long(1)? as u64,
                weight: row.get_double(2)?,
                nats: row.get_double(3)?,
                bytes: row.get_long(4)? as u64,
                bits: row.get_double(5)?,
            });
        }
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(DOCUMENTS);
        assert_eq!(read_documents(&path, "test").unwrap(), []);
        let of = |document: u64, bits: f64| DocumentLoss { document, weight: 3.0, nats: 2.5, bytes: 17, bits };
        let splits = [("validation".to_owned(), vec![of(0, 1.0)]), ("test".to_owned(), vec![of(0, 2.0), of(1, 4.5)])];
        write_documents(&path, &splits).unwrap();
        assert_eq!(read_documents(&path, "test").unwrap(), splits[1].1);
        assert_eq!(read_documents(&path, "validation").unwrap(), splits[0].1);
        std::fs::write(&path, "split,document\n").unwrap();
        let error = read_documents(&path, "test").unwrap_err().to_string();
        assert!(error.contains("expected losses of documents") && error.lines().count() == 1, "{error}");
    }
}
