//! Folders of Hugging Face: a `config.json`, tensors, a tokenizer and files that say how to generate.

mod config;
mod files;
mod fit;
mod folder;
mod growth;
mod names;
mod sizes;

pub use config::{Config, flatten, unflatten};
pub use files::{AROUND, copy_around};
pub use fit::{Fit, Request, Wanted};
pub use folder::Folder;
pub use growth::NewRows;
pub use sizes::Sizes;
