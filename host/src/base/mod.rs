//! The foundation: errors, files, random numbers, text for terminals and shells.

pub mod clean;
pub(crate) mod codec;
pub mod dirs;
pub(crate) mod error;
pub mod files;
pub mod interrupt;
mod panics;
pub mod patterns;
pub mod random;
pub mod shell;
pub(crate) mod write;

pub use error::{Error, Result};
pub use panics::{caught, silence_caught_panics};
