//! Records of a run for other tools: TensorBoard's event files, tables of CSV.
//!
//! The source is always `metrics.jsonl` or the records that become its lines. Nothing here changes a run's folder.

pub mod csv;
mod log;
pub mod tensorboard;

use trainyard_report::{Error, Result};
