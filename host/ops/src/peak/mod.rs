//! What this machine can do at most, measured.

mod cpu;
mod gpu;

use super::{Device, Engine, Precision};
use crate::Result;

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
        // A GPU's memory may be full by now, and no other program shares its time.
        let can_measure = matches!(engine.device(), Device::Cpu) && self.measurements_left > 0;
        if flops > self.flops && can_measure {
            self.measurements_left -= 1;
            self.flops = self.flops.max(cpu::measure(engine));
        }
        self.share(flops)
    }
}

/// How many times as fast a product with bfloat16 factors is on this CPU as one in f32; measured for some 120 ms. CPUs
/// with instructions for it may be slower, as their dot product of bfloat16 may have half the rate.
pub fn bf16_gain() -> f64 {
    let [bf16, f32] = [Precision::Bf16, Precision::F32].map(|precision| cpu::measure(&Engine::new(precision)));
    bf16 / f32
}

/// Floating-point operations per second of a matrix product: on the CPU in f32 on all threads, on a GPU in the engine's
/// precision; the best of several within about 60 ms. What a training step reaches is given as a share of this.
fn measure_peak(engine: &Engine) -> Result<f64> {
    match engine.device() {
        Device::Cpu => Ok(cpu::measure(engine)),
        Device::Gpu(gpu) => gpu::measure(gpu, engine),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
