//! The networks.

mod config;

pub use config::{ModelConfig, ModelKind};
