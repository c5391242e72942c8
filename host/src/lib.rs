//! trainyard: a training host for language models that people extend without forking it.

pub mod bench;
pub mod check;
pub mod clean;
pub mod config;
pub mod data;
pub mod dev;
mod dirs;
pub mod drill;
mod error;
pub mod eval;
pub mod files;
pub mod loss;
pub mod model;
pub mod ops;
pub mod optim;
pub mod plugin;
pub mod random;
pub mod report;
pub mod train;

pub use error::{Error, Result};
