//! Files that a model is read from; their content tells which one it is.
//!
//! | file | begins with | |
//! |---|---|---|
//! | `tokenizer.json` of Hugging Face | `{` | [`read_json`]; training writes it, [`to_json`] |
//! | ranks of tiktoken | a line `base64 rank` | [`ranks`] |
//! | trainyard's own, until 0.1 | `trainyard-bpe 1` | [`first`] |

mod first;
mod json;
mod patterns;
mod ranks;
mod spelling;
mod write;

pub use write::to_json;

use crate::Settings;
use crate::model::{Model, corrupt};
use trainyard_plugin::Result;

/// Reads a model in any of the formats; anything else is an `input` error.
pub fn read(bytes: &[u8], settings: &Settings) -> Result<Model> {
    if bytes.starts_with(first::MAGIC) {
        return first::read(bytes);
    }
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => json::read(bytes),
        Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/') => ranks::read(bytes, settings),
        _ => Err(corrupt("expected a tokenizer.json, a rank file of tiktoken or what `bpe` wrote, got something else")),
    }
}
