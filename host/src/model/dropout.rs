//! Where the masks of dropout come from.

use crate::base::random::Stream;

/// Where the dropout masks of one forward and backward come from.
#[derive(Debug, Clone, Copy)]
pub struct Dropout {
    /// The run's dropout stream.
    pub stream: Stream,
    /// Number of the first sequence since the start of the run.
    pub first_sequence: u64,
}
