//! GGUF, the files of llama.cpp: models with their settings and tokenizer in one file, often with quantised weights.
//!
//! The numbers are read and written by candle. What it would allocate for is checked first (`header`). What a file says
//! becomes what a folder of Hugging Face says: its `config.json`, names and layouts of tensors, `tokenizer.json`.

mod config;
mod export;
mod family;
mod file;
mod folder;
mod header;
mod import;
mod layout;
mod names;
mod rope;
mod tokenizer;
mod types;

pub use export::{Precision, write};
pub use folder::to_folder;
pub use header::{Declared, check};
pub use import::{Entry, Imported};
pub use tokenizer::Tokenizer;
pub use types::Type;
