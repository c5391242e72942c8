//! A sparse matrix as a safetensors file, written a row at a time.

use crate::base::write::TemporaryFile;
use crate::{Error, Result};
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const BUFFER_BYTES: usize = 1 << 18;

/// Takes the rows of a matrix in compressed sparse rows. Column numbers and values wait in files until their number is
/// known, with which the final file begins.
pub(super) struct MatrixWriter {
    folder: PathBuf,
    n_columns: usize,
    single: bool,
    /// Where each row begins, and where the last ends.
    starts: Vec<i64>,
    columns: BufWriter<File>,
    values: BufWriter<File>,
}

impl MatrixWriter {
    /// A matrix of `n_columns`, in 32-bit numbers if `single`, in files of `folder`.
    ///
    /// # Errors
    /// Files that cannot be created.
    pub fn new(folder: &Path, n_columns: usize, single: bool) -> Result<Self> {
        let file = || {
            let file = tempfile::tempfile_in(folder);
            file.map_err(|error| Error::io(folder, "make a temporary file in", &error))
        };
        let [columns, values] = [file()?, file()?].map(|file| BufWriter::with_capacity(BUFFER_BYTES, file));
        Ok(Self { folder: folder.into(), n_columns, single, starts: vec![0], columns, values })
    }

    /// Adds a row: columns in rising order, and their values.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn push(&mut self, row: &[(u32, f64)]) -> Result<()> {
        let cannot_write = |error| Error::io(&self.folder, "write a temporary file in", &error);
        for &(column, value) in row {
            self.columns.write_all(&(column as i32).to_le_bytes()).map_err(cannot_write)?;
            let written = match self.single {
                true => self.values.write_all(&(value as f32).to_le_bytes()),
                false => self.values.write_all(&value.to_le_bytes()),
            };
            written.map_err(cannot_write)?;
        }
        self.starts.push(self.starts[self.starts.len() - 1] + row.len() as i64);
        Ok(())
    }

    /// Writes the file; returns the number of values.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(self, path: &Path, idf: &[f64]) -> Result<u64> {
        let n_rows = self.starts.len() - 1;
        let n_values = self.starts[n_rows] as usize;
        let (value_type, value_bytes) = if self.single { ("F32", 4) } else { ("F64", 8) };
        // by falling size of a number, so that each is aligned
        let mut tensors = vec![("indptr", "I64", 8, n_rows + 1)];
        if !idf.is_empty() {
            tensors.push(("idf", "F64", 8, idf.len()));
        }
        tensors.extend([("data", value_type, value_bytes, n_values), ("indices", "I32", 4, n_values)]);
        let shape = json!([n_rows, self.n_columns]).to_string();
        let mut header = json!({ "__metadata__": { "format": "csr", "shape": shape } });
        let mut start = 0;
        for (name, dtype, size, n) in tensors {
            header[name] = json!({ "dtype": dtype, "shape": [n], "data_offsets": [start, start + size * n] });
            start += size * n;
        }
        let mut header = header.to_string();
        header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
        let mut file = TemporaryFile::create(path)?;
        file.write(&(header.len() as u64).to_le_bytes())?;
        file.write(header.as_bytes())?;
        for start in &self.starts {
            file.write(&start.to_le_bytes())?;
        }
        for weight in idf {
            file.write(&weight.to_le_bytes())?;
        }
        for part in [self.values, self.columns] {
            append(&self.folder, part, &mut file)?;
        }
        file.finish()?;
        Ok(n_values as u64)
    }
}

fn append(folder: &Path, mut part: BufWriter<File>, file: &mut TemporaryFile) -> Result<()> {
    let cannot_read = |error| Error::io(folder, "read a temporary file in", &error);
    part.seek(SeekFrom::Start(0)).map_err(cannot_read)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match part.get_ref().read(&mut buffer).map_err(cannot_read)? {
            0 => return Ok(()),
            n => file.write(&buffer[..n])?,
        }
    }
}

/// Ids of documents as a JSON list, one a line, written one at a time.
pub(super) struct Ids {
    file: TemporaryFile,
    is_empty: bool,
}

impl Ids {
    /// An empty list of ids in a new file.
    ///
    /// # Errors
    /// A file that cannot be created.
    pub fn create(path: &Path) -> Result<Self> {
        Ok(Self { file: TemporaryFile::create(path)?, is_empty: true })
    }

    /// Adds an id.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn push(&mut self, id: &str) -> Result<()> {
        let separator: &[u8] = if self.is_empty { b"[\n" } else { b",\n" };
        self.is_empty = false;
        self.file.write(separator)?;
        self.file.write(json!(id).to_string().as_bytes())
    }

    /// Ends the list and gives the file its name.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(mut self) -> Result<()> {
        self.file.write(if self.is_empty { b"[]\n" } else { b"\n]\n" })?;
        self.file.finish()?;
        Ok(())
    }
}
