//! The text of a card: documents to learn from, and others to be measured on.

use crate::corpus::{DataConfig, Document, InvalidUtf8, SourceConfig, documents};
use crate::{Error, Result};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Longest documents: a book is many of them.
const DOCUMENT_BYTES: usize = 4096;
/// Text that is used of a file, at most: a run of a card is short.
const MAX_BYTES: usize = 2 << 20;
/// One document of so many is held out.
const HELD_OUT: usize = 10;

/// Two files of JSON lines.
pub struct Texts {
    /// What runs learn from.
    pub train: PathBuf,
    /// What they are measured on, as it is.
    pub held_out: PathBuf,
    /// Documents of it.
    pub n_held_out: usize,
}

impl Texts {
    /// Cuts the text of `path` into documents, and writes both files into `folder`.
    ///
    /// # Errors
    /// Text that cannot be read, or has too few documents to hold any out.
    pub fn write(path: &Path, folder: &Path) -> Result<Self> {
        if !path.exists() {
            let shown = path.display();
            return Err(Error::usage(format!(
                "--text {shown}: no such file or folder; name a text of about a megabyte"
            )));
        }
        let source = SourceConfig {
            document_bytes: Some(DOCUMENT_BYTES),
            invalid_utf8: InvalidUtf8::Replace,
            ..SourceConfig::new(path)
        };
        let data = DataConfig::new(vec![source]);
        let (mut train, mut held_out, mut size) = (String::new(), String::new(), 0);
        for (index, document) in documents(&data)?.enumerate() {
            let document: Document = document?;
            let to = if index % HELD_OUT == HELD_OUT - 1 { &mut held_out } else { &mut train };
            *to += &format!("{}\n", json!({"id": index.to_string(), "text": document.text()}));
            size += document.text().len();
            if size > MAX_BYTES {
                break;
            }
        }
        if held_out.is_empty() {
            let shown = path.display();
            return Err(Error::usage(format!(
                "--text {shown}: expected {HELD_OUT} documents or more, of {DOCUMENT_BYTES} bytes; name a longer text"
            )));
        }
        let write = |name: &str, text: &str| -> Result<PathBuf> {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|error| Error::io(&path, "write", &error))?;
            Ok(path)
        };
        let n_held_out = held_out.lines().count();
        Ok(Self { n_held_out, train: write("train.jsonl", &train)?, held_out: write("held_out.jsonl", &held_out)? })
    }
}
