//! One file of tensors.

use super::header::{self, Entry, HEADER_BYTES_MAX};
use super::numbers::{Format, Numbers};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes that are read at a time: a multiple of every type's size.
const CHUNK_BYTES: usize = 1 << 22;

/// A file whose header was read and checked.
#[derive(Debug)]
pub(in crate::formats) struct TensorFile {
    path: PathBuf,
    file: File,
    /// Where the numbers begin.
    data: u64,
    /// Its tensors by name.
    pub entries: BTreeMap<String, Entry>,
}

impl TensorFile {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// A file that cannot be read, that is not in this format, or whose size is not what the header says.
    pub fn open(path: &Path) -> Result<Self> {
        let wrong = |what: &str| Error::run(format!("{}: {what}", path.display()));
        let io = |error: std::io::Error| Error::io(path, "read", &error);
        if !path.metadata().map_err(io)?.is_file() {
            return Err(wrong("expected a file"));
        }
        let mut file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let mut size = [0; 8];
        let Some(after) = length.checked_sub(size.len() as u64) else {
            return Err(wrong("has fewer than 8 bytes, expected a safetensors file; get the file again"));
        };
        file.read_exact(&mut size).map_err(io)?;
        let size = u64::from_le_bytes(size);
        if size > HEADER_BYTES_MAX.min(after) {
            return Err(wrong(&format!(
                "its header has {size} bytes, expected at most {}: it is no safetensors file, or cut off; get the file \
                 again",
                HEADER_BYTES_MAX.min(after)
            )));
        }
        // At most 100 MB, and no more than there are in the file.
        let mut text = vec![0; size as usize];
        file.read_exact(&mut text).map_err(io)?;
        let entries = header::parse(&text, after - size).map_err(|what| wrong(&what))?;
        Ok(Self { path: path.to_owned(), file, data: 8 + size, entries })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a tensor: `f64` as such, other formats as `f32`, which holds them exactly.
    ///
    /// # Errors
    /// A tensor that is not there, has a type that is not read, or holds a number that is not finite; a file that
    /// cannot be read.
    pub fn read(&mut self, name: &str) -> Result<candle_core::Tensor> {
        let Self { path, file, data, entries } = self;
        let wrong = |what: String| Error::run(format!("{}: tensor {name}{what}", path.display()));
        let Some(entry) = entries.get(name) else { return Err(wrong(" is missing".into())) };
        let Some(format) = Format::of_file(&entry.dtype) else {
            return Err(wrong(format!(
                " has numbers of type {}, expected F32, F16, BF16 or F64; convert the model to one of them",
                entry.dtype
            )));
        };
        let io = |error: std::io::Error| Error::io(path, "read", &error);
        file.seek(SeekFrom::Start(*data + entry.bytes.start)).map_err(io)?;
        // The file is as long as its header says.
        let mut numbers = Numbers::new(format, entry.elements());
        let mut left = entry.n_bytes();
        let mut chunk = vec![0; CHUNK_BYTES.min(usize::try_from(left).unwrap_or(CHUNK_BYTES))];
        while left > 0 {
            let n = usize::try_from(left).map_or(chunk.len(), |left| left.min(chunk.len()));
            file.read_exact(&mut chunk[..n]).map_err(io)?;
            numbers.push(format, &chunk[..n]);
            left -= n as u64;
        }
        if let Some((n, index, value)) = numbers.not_finite() {
            let elements = entry.elements();
            return Err(wrong(format!(
                ": {n} of its {elements} numbers are not finite, the first is {value} at {index}; the file is damaged, or \
                 its training had diverged"
            )));
        }
        Ok(numbers.tensor(&entry.shape)?)
    }
}
