//! Files that a model is read from; they are recognised by their content.
//!
//! | file | begins with | |
//! |---|---|---|
//! | `tokenizer.json` of Hugging Face | `{` | [`read_json`]; training writes it, [`to_json`] |
//! | ranks of tiktoken | a line `base64 rank` | [`ranks`] |
//! | trainyard's own, until 0.1 | `trainyard-bpe 1` | [`first`] |

mod export;
mod first;
mod json;
mod patterns;
mod ranks;
mod spelling;
mod write;

pub use export::export;
pub use write::to_json;

use crate::Settings;
use crate::model::{Model, corrupt};
use trainyard_plugin::Result;

/// Reads a model in any of the formats.
///
/// # Errors
/// An `input` error for any other content, or for a damaged file.
pub fn read(bytes: &[u8], settings: &Settings) -> Result<Model> {
    let mut model = match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        _ if bytes.starts_with(first::MAGIC) => first::read(bytes)?,
        _ if is_sentence_piece(bytes) => {
            return Err(corrupt("a model of SentencePiece: use the tokenizer hf-tokenizer, it takes the same file"));
        }
        Some(b'{') => json::read(bytes, &settings.end_of_text)?,
        Some(byte) if byte.is_ascii_alphanumeric() || b"+/=".contains(byte) => ranks::read(bytes, settings)?,
        _ => {
            let expected = "expected a tokenizer.json, a rank file of tiktoken or what `bpe` wrote";
            return Err(corrupt(format!("{expected}, got something else")));
        }
    };
    if !settings.end_of_text.is_empty() {
        model.vocabulary.set_end_of_text(&settings.end_of_text)?;
    }
    Ok(model)
}

/// Whether a file begins like SentencePiece's protobuf, with a list of pieces: a message of a text and a score.
fn is_sentence_piece(bytes: &[u8]) -> bool {
    match bytes {
        [0x0a, length, 0x0a, piece, ..] => (*piece..0x80).contains(length) && *length <= piece + 10,
        _ => false,
    }
}
