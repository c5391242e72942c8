//! Where dropout acts in a transformer, and the masks of those places.

use crate::Result;
use crate::base::random::Stream;
use crate::ops::{Engine, Tensor, dropout, dropout::Mask};

/// Where the dropout masks of one forward and backward come from.
#[derive(Debug, Clone, Copy)]
pub struct Dropout {
    /// The run's dropout stream.
    pub stream: Stream,
    /// Number of the first sequence since the start of the run.
    pub first_sequence: u64,
}

/// A place of a block at which dropout acts; `AfterEmbedding` is before the first block and counts to block 0.
#[derive(Debug, Clone, Copy)]
pub(super) enum Site {
    AfterEmbedding,
    InAttention,
    AfterAttention,
    AfterNetwork,
}

const SITES: u64 = 4;

/// The dropout of one forward and backward. The masks are functions of their place: a second forward has the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Masks<'a> {
    pub dropout: Dropout,
    /// Probability of zero, above 0.
    pub rate: f64,
    /// Number of blocks.
    pub layers: usize,
    /// Number of sequences.
    pub sequences: usize,
    /// `[rows, C]`, scratch: a residual branch before it is added.
    pub branch: &'a Tensor,
}

impl Masks<'_> {
    pub fn mask(&self, layer: usize, site: Site) -> Mask {
        let Dropout { stream, first_sequence } = self.dropout;
        let (sites, site) = (self.layers as u64 * SITES, layer as u64 * SITES + site as u64);
        Mask { stream, first_sequence, sites, site, rate: self.rate }
    }

    /// `x` is multiplied by the mask of its place.
    ///
    /// # Errors
    /// A tensor of another size, a GPU that fails.
    pub fn apply(&self, engine: &Engine, layer: usize, site: Site, x: &Tensor) -> Result<()> {
        dropout::apply(engine, x, self.sequences, &self.mask(layer, site))
    }

    /// `dbranch` = `dstream` times the mask: the gradient of a residual branch.
    ///
    /// # Errors
    /// As [`Masks::apply`].
    pub fn backward(
        &self,
        engine: &Engine,
        layer: usize,
        site: Site,
        dstream: &Tensor,
        dbranch: &Tensor,
    ) -> Result<()> {
        dropout::apply_to(engine, dstream, dbranch, self.sequences, &self.mask(layer, site))
    }
}
