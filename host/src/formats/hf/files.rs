//! The files around a model: its tokenizer, how to generate, how to chat.

use super::config::JSON_BYTES_MAX;
use crate::base::files::{MAX_BINARY_BYTES, read_file};
use crate::base::write::write_file;
use crate::{Error, Result};
use std::path::Path;

/// Their names. They are kept as they are when a model is converted or trained further.
pub const AROUND: [&str; 13] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "generation_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
];

/// Copies the files around the model in `from` to the folder `to`; returns the names of those that were there.
///
/// # Errors
/// A file that cannot be read, is larger than any of its kind, or cannot be written.
pub fn copy_around(from: &Path, to: &Path) -> Result<Vec<String>> {
    let mut copied = Vec::new();
    for name in AROUND {
        let path = from.join(name);
        if !path.is_file() {
            continue;
        }
        let max = if name.starts_with("tokenizer") { MAX_BINARY_BYTES } else { JSON_BYTES_MAX.max(256 << 20) };
        let bytes = read_file(&path, max).map_err(|error| Error::io(&path, "read", &error))?;
        write_file(&to.join(name), &bytes)?;
        copied.push(name.to_owned());
    }
    Ok(copied)
}
