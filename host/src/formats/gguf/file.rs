//! An open GGUF file: its metadata by key, its tensors by name.

use super::header::{self, Declared};
use crate::{Error, Result};
use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::{Device, Tensor};
use std::fs::{self, File};
use std::io::{BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// An open file.
pub struct GgufFile {
    path: PathBuf,
    reader: BufReader<File>,
    content: Content,
    /// The tensors in the file's order.
    pub tensors: Vec<Declared>,
    /// The architecture, before the first dot of its keys.
    pub arch: String,
}

impl GgufFile {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// The path is no regular file, or what [`header::check`] refuses.
    pub fn open(path: &Path) -> Result<Self> {
        let kind = fs::metadata(path).map_err(|error| Error::io(path, "read", &error))?;
        if !kind.is_file() {
            return Err(Error::run(format!("{}: expected a GGUF file, got something else", path.display())));
        }
        let file = File::open(path).map_err(|error| Error::io(path, "read", &error))?;
        let length = file.metadata().map_err(|error| Error::io(path, "read", &error))?.len();
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let (tensors, content) = read(&mut reader, length).map_err(|error| error.context(path.display()))?;
        let mut file = Self { path: path.into(), reader, content, tensors, arch: String::new() };
        file.arch = file.required("general.architecture", Self::text)?.to_owned();
        Ok(file)
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a tensor by its place in `tensors`, dequantised to f32.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn tensor(&mut self, index: usize) -> Result<Tensor> {
        let name = &self.tensors[index].name;
        let tensor = self
            .content
            .tensor(&mut self.reader, name, &Device::Cpu)
            .and_then(|tensor| tensor.dequantize(&Device::Cpu));
        tensor.map_err(|error| Error::run(format!("{}: tensor {name:?}: {error}", self.path.display())))
    }

    /// Where a tensor is in `tensors`.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.tensors.iter().position(|tensor| tensor.name == name)
    }

    /// The key of the architecture: `llama.context_length` for `context_length`.
    pub fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.arch)
    }

    /// Makes an error about the file.
    pub fn error(&self, message: impl std::fmt::Display) -> Error {
        Error::run(format!("{}: {message}", self.path.display()))
    }

    /// Returns what `read` finds under `key`.
    ///
    /// # Errors
    /// There is no such key, or its value has another type.
    pub fn required<'a, T>(&'a self, key: &str, read: impl Fn(&'a Self, &str) -> Result<Option<T>>) -> Result<T> {
        read(self, key)?.ok_or_else(|| self.error(format_args!("has no metadata {key:?}, expected it")))
    }

    /// Returns a text.
    ///
    /// # Errors
    /// The value is no text.
    pub fn text(&self, key: &str) -> Result<Option<&str>> {
        self.read(key, "text", |value| match value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Returns a truth value.
    ///
    /// # Errors
    /// The value is something else.
    pub fn bool(&self, key: &str) -> Result<Option<bool>> {
        self.read(key, "true or false", |value| match value {
            Value::Bool(value) => Some(*value),
            _ => None,
        })
    }

    /// Returns a whole number; of an array, the one number that it repeats.
    ///
    /// # Errors
    /// The value is no whole number from 0 to 2³¹ - 1.
    pub fn int(&self, key: &str) -> Result<Option<u32>> {
        self.read(key, "a whole number, the same for all layers,", |value| match value {
            Value::Array(values) => {
                let first = whole(values.first()?)?;
                values.iter().all(|value| whole(value) == Some(first)).then_some(first)
            }
            value => whole(value),
        })
    }

    /// Returns a number. One of 32 bits becomes the decimal number that it was: 1e-5 and not 9.999999747e-6.
    ///
    /// # Errors
    /// The value is no finite number.
    pub fn number(&self, key: &str) -> Result<Option<f64>> {
        self.read(key, "a finite number", number)
    }

    /// Returns a list of texts.
    ///
    /// # Errors
    /// The value is something else.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<&str>>> {
        self.read(key, "a list of texts", |value| list(value)?.iter().map(as_text).collect())
    }

    /// Returns a list of numbers.
    ///
    /// # Errors
    /// The value is something else, or a number is not finite.
    pub fn numbers(&self, key: &str) -> Result<Option<Vec<f64>>> {
        self.read(key, "a list of finite numbers", |value| list(value)?.iter().map(number).collect())
    }

    /// Returns a list of truth values.
    ///
    /// # Errors
    /// The value is something else.
    pub fn bools(&self, key: &str) -> Result<Option<Vec<bool>>> {
        let bool = |value: &Value| match value {
            Value::Bool(value) => Some(*value),
            _ => None,
        };
        self.read(key, "a list of true and false", |value| list(value)?.iter().map(bool).collect())
    }

    fn read<'a, T>(&'a self, key: &str, expected: &str, read: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>> {
        let Some(value) = self.content.metadata.get(key) else { return Ok(None) };
        let wrong = || self.error(format_args!("{key}: expected {expected}, got {}", describe(value)));
        read(value).map(Some).ok_or_else(wrong)
    }
}

fn read(reader: &mut BufReader<File>, length: u64) -> Result<(Vec<Declared>, Content)> {
    let tensors = header::check(&mut *reader, length)?;
    let content = reader.seek(SeekFrom::Start(0)).map_err(candle_core::Error::from);
    let content = content.and_then(|_| Content::read(reader));
    Ok((tensors, content.map_err(|error| Error::run(format!("cannot be read: {error}")))?))
}

fn list(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(values) => Some(values),
        _ => None,
    }
}

fn as_text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// A whole number that an `i32` can hold, as llama.cpp reads it.
fn whole(value: &Value) -> Option<u32> {
    let whole = match *value {
        Value::U8(value) => value.into(),
        Value::I8(value) => value.into(),
        Value::U16(value) => value.into(),
        Value::I16(value) => value.into(),
        Value::U32(value) => value.into(),
        Value::I32(value) => value.into(),
        Value::U64(value) => i64::try_from(value).ok()?,
        Value::I64(value) => value,
        _ => return None,
    };
    u32::try_from(whole).ok().filter(|whole| *whole <= i32::MAX as u32)
}

fn number(value: &Value) -> Option<f64> {
    let number = match *value {
        Value::F32(value) => value.to_string().parse().ok()?,
        Value::F64(value) => value,
        Value::I8(value) => value.into(),
        Value::I16(value) => value.into(),
        Value::I32(value) => value.into(),
        _ => whole(value)?.into(),
    };
    number.is_finite().then_some(number)
}

fn describe(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the text {:?}", text.chars().take(40).collect::<String>()),
        Value::Array(values) => format!("a list of {}", values.len()),
        Value::F32(value) => value.to_string(),
        Value::F64(value) => value.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        value => whole(value).map_or_else(|| "a negative number".into(), |whole| whole.to_string()),
    }
}
