//! The foundation: errors, files, random numbers, text for terminals and shells.

pub mod clean;
pub mod codec;
pub mod dirs;
pub mod error;
pub mod files;
pub mod interrupt;
mod panics;
pub mod patterns;
pub mod random;
pub mod shell;
pub mod write;

pub use error::{Error, Result};
pub use panics::{caught, silence_caught_panics};
