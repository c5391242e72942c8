//! Loads plugins: built-in, WASM and native behind one seam.

mod config;

pub use config::{Limits, PluginConfig, Trust};
