//! What becomes of the old contents of a result.

/// How a result is stored: a value with several consumers has a gradient that each of them adds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assign {
    /// The old contents are overwritten.
    Set,
    /// The result is added to the old contents.
    Add,
}
