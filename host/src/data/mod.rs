//! From files to exact batches.

mod config;

pub use config::{DataConfig, InvalidUtf8, SourceConfig, TokenizerConfig};
