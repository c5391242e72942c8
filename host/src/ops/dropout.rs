//! Dropout (Srivastava et al. 2014): each value is zeroed with probability `rate`, the others are divided by 1 - rate.
//! The mask is a function of (stream, site, index): the backward computes it again instead of keeping it.

use super::cpu::{TASK, with_slices, with_type};
use super::{Engine, Float, OpGroup};
use crate::Result;
use crate::random::Stream;
use candle_core::Tensor;
use rayon::prelude::*;

/// Which values are zeroed.
#[derive(Debug, Clone, Copy)]
pub struct Mask {
    /// The run's dropout stream.
    pub stream: Stream,
    /// A number that no other mask of the run has: step, micro-batch and place in the model.
    pub site: u64,
    /// Probability of zero, in [0, 1).
    pub rate: f64,
}

impl Mask {
    /// Calls `f(i, factor)` for the values from `start` (a multiple of 4) on; the factor is 0 or 1 / (1 - rate).
    #[inline(always)]
    pub(super) fn for_each<T: Float>(&self, start: usize, n: usize, mut f: impl FnMut(usize, T)) {
        let threshold = (self.rate * 4_294_967_296.0) as u32;
        let keep = T::of(1.0 / (1.0 - self.rate));
        for block in 0..n.div_ceil(4) {
            let random = self.stream.block(self.site, (start / 4 + block) as u64);
            for (lane, &random) in random.iter().enumerate().take(n - block * 4) {
                f(block * 4 + lane, if random < threshold { T::ZERO } else { keep });
            }
        }
    }
}

/// `x` is multiplied by the mask in place. The backward is the same call on the gradient.
pub fn apply(engine: &Engine, x: &Tensor, mask: &Mask) -> Result<()> {
    let _timer = engine.time(OpGroup::Residual);
    with_type!(x, T => with_slices::<T, 0, 1>([], [x], |[], [x]| {
        x.par_chunks_mut(TASK).enumerate().for_each(|(i, x)| {
            mask.for_each(i * TASK, x.len(), |i, factor: T| x[i] *= factor);
        });
        Ok(())
    }))
}
