//! What a GPU can do at most.

use crate::Result;
use crate::cuda::{Gpu, Operand, Product};
use crate::{Engine, Tensor};
use std::time::{Duration, Instant};

/// A product in the engine's precision.
pub(super) fn measure(gpu: &Gpu, engine: &Engine) -> Result<f64> {
    let (mut n, mut best) = (256, 0.0_f64);
    loop {
        // Numbers other than zeros, which would be multiplied faster; that they are all the same does not matter.
        let numbers = candle_core::Tensor::full(1.5_f64, (n, n), &candle_core::Device::Cpu)?;
        let factor = Tensor::copied(&numbers, engine.activations(), engine.device())?;
        let result = factor.zeros_like()?;
        let a = Operand { pointer: factor.pointer(), dtype: factor.dtype(), stride: n, transposed: false };
        let (out, out_dtype) = (result.pointer(), result.dtype());
        let (add, residual, bias) = (false, None, None);
        let product = Product { m: n, n, k: n, a, b: a, out, out_dtype, out_stride: n, add, residual, bias };
        gpu.matmul(&product)?; // chooses an algorithm
        let (started, mut rounds, mut seconds) = (Instant::now(), 0, f64::INFINITY);
        while rounds == 0 || started.elapsed() < Duration::from_millis(10) {
            gpu.synchronize()?;
            let begun = Instant::now();
            // Several at a time: one is over too soon to be timed from here.
            (0..8).try_for_each(|_| gpu.matmul(&product))?;
            gpu.synchronize()?;
            (rounds, seconds) = (rounds + 1, seconds.min(begun.elapsed().as_secs_f64()));
        }
        best = best.max(16.0 * (n as f64).powi(3) / seconds);
        // Larger ones come nearer to the peak, until they take their time.
        if seconds > 1e-3 || n == 4096 {
            return Ok(best);
        }
        n *= 2;
    }
}
