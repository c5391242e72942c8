//! The training loop.

mod config;

pub use config::{Precision, SampleConfig, TrainConfig};
