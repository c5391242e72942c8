//! The files around a model: its tokenizer, how to generate, how to chat.

use crate::base::files::{MAX_BINARY_BYTES, read_file};
use crate::{Error, Result};
use std::path::Path;

/// Their names. They are kept as they are when a model is converted or trained further.
pub const AROUND: [&str; 13] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    GENERATION,
    "chat_template.jinja",
    "chat_template.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
];

/// The one that says how to generate.
pub const GENERATION: &str = "generation_config.json";

/// The largest of them but the tokenizer's own, in bytes.
const OTHER_BYTES_MAX: u64 = 256 << 20;

/// Reads the files around the model in `folder` that are there, each with its name.
///
/// # Errors
/// A file that cannot be read, or is larger than any of its kind.
pub fn read_around(folder: &Path) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let mut files = Vec::new();
    for name in AROUND {
        let path = folder.join(name);
        if !path.is_file() {
            continue;
        }
        let max = if name.starts_with("tokenizer") { MAX_BINARY_BYTES } else { OTHER_BYTES_MAX };
        files.push((name, read_file(&path, max).map_err(|error| Error::io(&path, "read", &error))?));
    }
    Ok(files)
}
