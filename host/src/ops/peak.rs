//! What this machine can do at most, measured.

use super::cuda::{Gpu, Operand, Product};
use super::{Device, Engine, Matrix, Tensor, Threads, Write, matmul};
use crate::Result;
use std::time::{Duration, Instant};

/// Measurements after the first that a run may take of a machine that turned out to be faster.
const MORE_MEASUREMENTS: u32 = 5;

/// Factor by which a step may seem to beat the peak before the peak is not believed: the uncertainty of timing.
const NOISE: f64 = 1.05;

/// The most that this machine was seen to do, in floating-point operations per second. A measurement while other
/// programs take the machine is too low, and nothing in it shows that: a step that is faster does.
#[derive(Debug, Clone, Copy)]
pub struct Peak {
    flops: f64,
    measurements_left: u32,
}

impl Peak {
    /// Measures for some 60 ms.
    ///
    /// # Errors
    /// A GPU that does not compute.
    pub fn measure(engine: &Engine) -> Result<Self> {
        Ok(Self { flops: measure_peak(engine)?, measurements_left: MORE_MEASUREMENTS })
    }

    /// Measures again and keeps the higher number: whatever else runs can only lower it.
    ///
    /// # Errors
    /// A GPU that does not compute.
    pub fn measure_again(&mut self, engine: &Engine) -> Result<()> {
        self.flops = self.flops.max(measure_peak(engine)?);
        Ok(())
    }

    /// The peak, in floating-point operations per second.
    pub fn flops(&self) -> f64 {
        self.flops
    }

    /// The share of the peak that `flops` per second are, 0 to 1; none when they are more than it, which is then wrong.
    pub fn share(&self, flops: f64) -> Option<f64> {
        let share = flops / self.flops;
        (share <= NOISE).then_some(share.min(1.0))
    }

    /// The share, of a CPU that is measured again when `flops` are more than its peak: a few times in a run.
    pub fn share_checked(&mut self, flops: f64, engine: &Engine) -> Option<f64> {
        // A GPU's memory may be full by now, and nobody shares its time.
        let can_measure = matches!(engine.device(), Device::Cpu) && self.measurements_left > 0;
        if flops > self.flops && can_measure {
            self.measurements_left -= 1;
            self.flops = self.flops.max(of_cpu(engine));
        }
        self.share(flops)
    }
}

/// Floating-point operations per second of a matrix product: on the CPU in f32 on all threads, on a GPU in the engine's
/// precision; the best of several within about 60 ms. What a training step reaches is given as a share of this.
fn measure_peak(engine: &Engine) -> Result<f64> {
    match engine.device() {
        Device::Cpu => Ok(of_cpu(engine)),
        Device::Gpu(gpu) => of_gpu(engine, gpu),
    }
}

fn of_cpu(engine: &Engine) -> f64 {
    const N: usize = 768;
    let (a, b) = (vec![1.0_f32; N * N], vec![1.0_f32; N * N]);
    let mut out = vec![0.0_f32; N * N];
    let (started, mut best) = (Instant::now(), f64::INFINITY);
    while started.elapsed() < Duration::from_millis(60) {
        let begun = Instant::now();
        matmul(engine, &mut out, N, Matrix::new(&a, N, N), Matrix::new(&b, N, N), Write::Overwrite, Threads::All);
        best = best.min(begun.elapsed().as_secs_f64());
    }
    2.0 * (N * N * N) as f64 / best
}

fn of_gpu(engine: &Engine, gpu: &Gpu) -> Result<f64> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Precision;

    #[test]
    fn a_share_is_never_above_the_whole() {
        let engine = Engine::new(Precision::F32);
        // As if another program had taken nearly all of the machine meanwhile.
        let mut peak = Peak { flops: 1e6, measurements_left: 1 };
        let share = peak.share_checked(2e6, &engine).expect("measured again, and found much faster");
        assert!(share < 0.5 && peak.flops > 4e6, "{share} of {peak:?}");
        assert_eq!(peak.measurements_left, 0);
        let flops = peak.flops;
        assert_eq!(peak.share(1.02 * flops), Some(1.0));
        assert_eq!(peak.share_checked(3.58 * flops, &engine), None);
        assert_eq!(peak.share(0.25 * flops), Some(0.25));
    }
}
