//! What a recipe makes and a transformer runs.

use super::block::Block;
use super::norm::Norm;
use super::params::Param;

/// A decoder without its activations. Shapes: C = width.
pub(super) struct Parts {
    /// `[vocab, C]`
    pub tokens: Param,
    /// `[context, C]`; none when positions are rotary.
    pub positions: Option<Param>,
    pub blocks: Vec<Block>,
    pub final_norm: Norm,
    /// `[vocab, C]`; the same as `tokens` when tied.
    pub head: Param,
}
