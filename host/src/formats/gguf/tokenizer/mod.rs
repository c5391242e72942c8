//! Tokenizers: llama.cpp's metadata from and to a `tokenizer.json` of Hugging Face.

mod base64;
mod bpe;
mod kinds;
mod pieces;
mod pre;
mod read;
mod write;

pub use read::read;
pub use write::{Files, Special, write};

use serde_json::{Map, Value};

/// A tokenizer as files of Hugging Face.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    /// `tokenizer.json`.
    pub json: Value,
    /// `tokenizer_config.json`, with the chat template.
    pub config: Map<String, Value>,
}

impl Tokenizer {
    /// Returns the chat template, if the file has one.
    pub fn chat_template(&self) -> Option<&str> {
        self.config.get("chat_template").and_then(Value::as_str)
    }
}

/// The mark of a space in SentencePiece's tokens, and of the start of a word in llama.cpp's WordPiece.
const SPACE: char = '\u{2581}';
