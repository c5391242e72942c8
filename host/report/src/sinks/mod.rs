//! Where the records of a run go.

mod console;
mod jsonl;

pub use console::Progress;
pub use jsonl::MetricsLog;

use super::Record;
use crate::Result;

/// Something that takes records, in the order in which they are written.
pub trait Sink {
    /// Takes a record.
    ///
    /// # Errors
    /// A place that cannot be written to.
    fn write(&mut self, record: &Record) -> Result<()>;
}
