//! The files around a model: its tokenizer, how to generate, how to chat.

use crate::base::files::{MAX_BINARY_BYTES, read_file};
use crate::{Error, Result};
use serde_json::Value;
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

/// The names of the tokens that the `post_processor` of a `tokenizer.json` puts before and behind a text.
pub fn tokens_around(json: &Value) -> [Option<String>; 2] {
    let mark = |part: Option<&Value>| part?["SpecialToken"]["id"].as_str().map(str::to_owned);
    match json["type"].as_str() {
        Some("Sequence") => {
            let steps = json["processors"].as_array().into_iter().flatten();
            steps.map(tokens_around).find(|ends| ends.iter().any(Option::is_some)).unwrap_or_default()
        }
        Some("BertProcessing" | "RobertaProcessing") => {
            ["cls", "sep"].map(|part| json[part][0].as_str().map(str::to_owned))
        }
        Some("TemplateProcessing") => {
            let parts = json["single"].as_array();
            [mark(parts.and_then(|parts| parts.first())), mark(parts.and_then(|parts| parts.last()))]
        }
        _ => [None, None],
    }
}
