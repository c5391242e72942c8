//! TensorBoard's event files: written while a run trains, or from its finished log.
//!
//! [`EventFile`] writes scalars, texts and hyperparameters, [`TensorBoard`] takes a run's records, and [`export`] reads
//! them from a log.
//!
//! Scalars are 32-bit floats, in the field `simple_value`. Tensors of 64-bit floats would keep all digits, but
//! TensorBoard's data server, its default, shows only 32-bit ones, and `EventAccumulator` has tensors apart from
//! scalars, where other programs do not look. The log has all digits.

mod event;
mod fields;
mod file;
mod sink;
mod wire;

pub use file::EventFile;
pub use sink::TensorBoard;

use crate::log::{Log, header};
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use trainyard_report::Sink;

/// Writes an event file in the folder `dir`, which is made if it is missing, with the records of the log `metrics`.
/// `config.toml` beside the log gives the hyperparameters, where it is there. Returns the event file.
///
/// # Errors
/// A file that cannot be read or written, a line that is no object, event files in the folder already.
pub fn export(metrics: &Path, dir: &Path) -> Result<PathBuf> {
    let mut log = Log::open(metrics)?;
    let config = log.config()?;
    if let Some(there) = file::newest(dir)? {
        let (dir, there) = (dir.display(), there.display());
        return Err(Error::usage(format!(
            "{dir}: expected a folder without event files, got {there}; remove it, or name another folder"
        )));
    }
    let first = log.record()?;
    let header = header(first.as_ref());
    let mut board = TensorBoard::create(dir, &header, 0.0, &config)?;
    let mut next = first;
    while let Some(record) = next {
        board.write(&record)?;
        next = log.record()?;
    }
    board.finish()
}

#[cfg(test)]
mod tests;
