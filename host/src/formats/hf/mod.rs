//! Folders of Hugging Face: a `config.json`, tensors, a tokenizer and files that say how to generate.

mod config;
mod convert;
mod files;
mod fit;
mod folder;
mod growth;
mod names;
mod output;
mod sizes;

pub use config::{CONFIG, Config, flatten, unflatten};
pub use convert::convert;
pub use files::{AROUND, GENERATION, read_around, tokens_around};
pub use fit::{Fit, Request, Wanted};
pub use folder::{Folder, base};
pub use growth::NewRows;
pub use output::NewFolder;
pub use sizes::Sizes;
