//! Who makes the next rows of a run.

use crate::Result;
use crate::rows::{Position, Rows};

/// The batches of a run, one after the other. What comes next is a function of the position alone, so that a run which
/// is resumed there goes through the same rows.
pub trait Supply {
    /// Makes the batch at the position, and moves past it.
    ///
    /// # Errors
    /// Whatever keeps the batch from being made.
    fn next(&mut self) -> Result<Rows>;

    /// Where the next batch begins.
    fn position(&self) -> Position;
}
