//! Dropout (Srivastava et al. 2014): each value is zeroed with probability `rate`, the others are divided by 1 - rate.
//! The mask is a function of (stream, site, index): the backward computes it again instead of keeping it.

use super::cpu::{TASK, with_slices, with_type};
use super::cuda::arguments;
use super::{Engine, Float, OpGroup, Tensor, add, check_gpu};
use crate::Result;
use crate::random::Stream;
use candle_core::DType;
use rayon::prelude::*;

/// Which values are zeroed.
#[derive(Debug, Clone, Copy)]
pub struct Mask {
    /// The run's dropout stream.
    pub stream: Stream,
    /// Number of the micro-batch since the start of the run.
    pub micro_batch: u64,
    /// Number of places in the model that have masks.
    pub sites: u64,
    /// The place, below `sites`.
    pub site: u64,
    /// Probability of zero, in [0, 1).
    pub rate: f64,
}

impl Mask {
    /// A number that no other mask of the run has.
    fn lane(&self) -> u64 {
        self.micro_batch * self.sites + self.site
    }

    /// Calls `f(i, factor)` for the values from `start` (a multiple of 4) on; the factor is 0 or 1 / (1 - rate).
    #[inline(always)]
    pub(super) fn for_each<T: Float>(&self, start: usize, n: usize, mut f: impl FnMut(usize, T)) {
        let threshold = (self.rate * 4_294_967_296.0) as u32;
        let keep = T::of(1.0 / (1.0 - self.rate));
        for block in 0..n.div_ceil(4) {
            let random = self.stream.block(self.lane(), (start / 4 + block) as u64);
            for (lane, &random) in random.iter().enumerate().take(n - block * 4) {
                f(block * 4 + lane, if random < threshold { T::ZERO } else { keep });
            }
        }
    }
}

/// `x` is multiplied by the mask in place. The backward is the same call on the gradient.
pub fn apply(engine: &Engine, x: &Tensor, mask: &Mask) -> Result<()> {
    let _timer = engine.time(OpGroup::Residual);
    if let Some(gpu) = engine.gpu() {
        let (dtype, n) = (x.dtype(), x.elem_count());
        check_gpu("dropout", &[(x, dtype, n)])?;
        let micro_batch = gpu.micro_batch(mask.micro_batch)?;
        let words = arguments![x, n, mask.stream.key(), micro_batch, mask.sites, mask.site, mask.rate];
        return gpu.launch_flat("dropout", dtype, n, words);
    }
    with_type!(x, T => with_slices::<T, 0, 1>([], [x], |[], [x]| {
        x.par_chunks_mut(TASK).enumerate().for_each(|(i, x)| {
            mask.for_each(i * TASK, x.len(), |i, factor: T| x[i] *= factor);
        });
        Ok(())
    }))
}

/// `out` = `x` times the mask; on a GPU the types may differ.
pub fn apply_to(engine: &Engine, x: &Tensor, out: &Tensor, mask: &Mask) -> Result<()> {
    let Some(gpu) = engine.gpu().filter(|_| x.dtype() != out.dtype()) else {
        add::copy(x, out)?;
        return apply(engine, out, mask);
    };
    let _timer = engine.time(OpGroup::Residual);
    let n = x.elem_count();
    check_gpu("dropout", &[(x, DType::F32, n), (out, DType::BF16, n)])?;
    let micro_batch = gpu.micro_batch(mask.micro_batch)?;
    let words = arguments![x, out, n, mask.stream.key(), micro_batch, mask.sites, mask.site, mask.rate];
    gpu.launch_flat("dropout_cast_f32", DType::BF16, n, words)
}
