//! Settings of models: llama.cpp's metadata from and to transformers' `config.json`.

mod json;
mod read;
mod write;

pub use json::Config;
pub use read::{Seen, read};
pub use write::write;
