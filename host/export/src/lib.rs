//! Records of a run for other tools: TensorBoard's event files, tables of CSV, MLflow.
//!
//! The source is always `metrics.jsonl` or the records that become its lines. Nothing here changes a run's folder.

mod clock;
pub mod csv;
mod hparams;
mod log;
pub mod mlflow;
mod scalars;
pub mod tensorboard;

pub use hparams::{Hparam, flatten};

use trainyard_report::{Error, Result};
