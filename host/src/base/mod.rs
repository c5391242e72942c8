//! The ground under everything: errors, files, random numbers, text for terminals.

pub mod clean;
pub mod dirs;
pub(crate) mod error;
pub mod files;
pub mod interrupt;
pub mod random;

pub use error::{Error, Result};
