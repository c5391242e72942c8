//! Dropout (Srivastava et al. 2014): each value is zeroed with probability `rate`, the others are divided by 1 - rate.
//! The mask is a function of (stream, sequence, site, index): the backward computes it again instead of keeping it, and
//! how sequences are cut into batches changes nothing.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::{Engine, Float, OpGroup, Tensor};
use crate::Result;
use trainyard_base::random::Stream;

/// Which values are zeroed.
#[derive(Debug, Clone, Copy)]
pub struct Mask {
    /// The run's dropout stream.
    pub stream: Stream,
    /// Number of the tensor's first sequence since the start of the run.
    pub first_sequence: u64,
    /// Number of places in the model that have masks.
    pub sites: u64,
    /// The place, below `sites`.
    pub site: u64,
    /// Probability of zero, in [0, 1).
    pub rate: f64,
}

impl Mask {
    /// A number that no other sequence's mask of the run has, for sequence `sequence` of the tensor.
    fn lane(&self, sequence: usize) -> u64 {
        (self.first_sequence + sequence as u64) * self.sites + self.site
    }

    /// Calls `f(i, factor)` for `n` values of a sequence from `start` (a multiple of 4) on; the factor is 0 or
    /// 1 / (1 - rate).
    #[inline(always)]
    pub(super) fn for_each<T: Float>(&self, sequence: usize, start: usize, n: usize, mut f: impl FnMut(usize, T)) {
        let threshold = (self.rate * 4_294_967_296.0) as u32;
        let keep = T::of(1.0 / (1.0 - self.rate));
        let lane = self.lane(sequence);
        for block in 0..n.div_ceil(4) {
            let random = self.stream.block(lane, (start / 4 + block) as u64);
            for (i, &random) in random.iter().enumerate().take(n - block * 4) {
                f(block * 4 + i, if random < threshold { T::ZERO } else { keep });
            }
        }
    }
}

/// Multiplies `x`, equal parts of which are `sequences` sequences, by the mask in place. The backward is the same call
/// on the gradient.
///
/// # Errors
/// A GPU that fails, or a tensor of another device.
pub fn apply(engine: &Engine, x: &Tensor, sequences: usize, mask: &Mask) -> Result<()> {
    let _timer = engine.time(OpGroup::Residual);
    on_device!(engine, apply(x, sequences, mask))
}

/// `out` = `x` times the mask, as [`apply`] has it; on a GPU the types may differ.
///
/// # Errors
/// As [`apply`].
pub fn apply_to(engine: &Engine, x: &Tensor, out: &Tensor, sequences: usize, mask: &Mask) -> Result<()> {
    let _timer = engine.time(OpGroup::Residual);
    on_device!(engine, apply_to(x, out, sequences, mask))
}

/// Elements of one of `sequences` sequences of `n` elements; at least 1.
fn per_sequence(n: usize, sequences: usize) -> usize {
    (n / sequences.max(1)).max(1)
}
