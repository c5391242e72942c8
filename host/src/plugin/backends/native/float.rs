//! How a thread computes with floating-point numbers: its rounding, whether it flushes subnormals to zero, what traps.
//!
//! All of it is state of the thread, which a native plugin shares: a library that was linked with `-ffast-math` flushes
//! subnormals from its initialiser on, and `fesetround` outlives the call that made it. So it is put back after every
//! time that such code ran.

/// Runs `call`, after which this thread computes as it did before.
pub fn kept<R>(call: impl FnOnce() -> R) -> R {
    let _kept = Kept(State::read());
    call()
}

/// Puts the state back when dropped.
struct Kept(State);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.write();
    }
}

/// SSE's control and status register, and the control word of the x87 unit.
#[cfg(target_arch = "x86_64")]
struct State {
    mxcsr: u32,
    x87: u16,
}

#[cfg(target_arch = "x86_64")]
impl State {
    fn read() -> Self {
        let (mut mxcsr, mut x87) = (0u32, 0u16);
        // SAFETY: both instructions only store to the variables, which live here
        unsafe {
            std::arch::asm!("stmxcsr [{}]", "fnstcw [{}]", in(reg) &raw mut mxcsr, in(reg) &raw mut x87,
                options(nostack, preserves_flags));
        }
        Self { mxcsr, x87 }
    }

    fn write(&self) {
        // Pending exceptions are cleared first: loading a control word would raise those that it unmasks. Code that
        // copies memory downwards sets the direction flag, and must clear it.
        // SAFETY: the values were read from this thread before, so that compiled code finds what it expects
        unsafe {
            std::arch::asm!("cld", "fnclex", "fldcw [{}]", "ldmxcsr [{}]", in(reg) &raw const self.x87,
                in(reg) &raw const self.mxcsr, options(nostack));
        }
    }
}

/// The control register of floating point.
#[cfg(target_arch = "aarch64")]
struct State {
    fpcr: u64,
}

#[cfg(target_arch = "aarch64")]
impl State {
    fn read() -> Self {
        let fpcr;
        // SAFETY: reads a register
        unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) fpcr, options(nomem, nostack, preserves_flags)) };
        Self { fpcr }
    }

    fn write(&self) {
        // SAFETY: the value was read from this thread before, so that compiled code finds what it expects
        unsafe { std::arch::asm!("msr fpcr, {}", in(reg) self.fpcr, options(nostack, preserves_flags)) };
    }
}

/// On other processors nothing is known of the state, and nothing put back.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
struct State;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
impl State {
    fn read() -> Self {
        Self
    }

    fn write(&self) {}
}

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use super::*;
    use std::hint::black_box;

    /// Towards zero, subnormals flushed, subnormal inputs taken as zero.
    const CHANGED: u32 = 0x1f80 | 0x6000 | 0x8000 | 0x0040;

    fn probe() -> (u64, u32) {
        let third = black_box(2.0f64) / black_box(3.0);
        let subnormal = black_box(f32::MIN_POSITIVE) * black_box(0.5);
        (third.to_bits(), subnormal.to_bits())
    }

    #[test]
    fn what_a_call_changes_is_put_back() {
        let (before, changed) = (probe(), CHANGED);
        let during = kept(|| {
            // SAFETY: nothing is computed under this state but the probe, and `kept` puts the former one back
            unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const changed, options(nostack)) };
            probe()
        });
        // 2/3 is rounded up, half of the least normal number is 2⁻¹²⁷
        assert_eq!(before, (0x3fe5_5555_5555_5555, 0x0040_0000));
        assert_eq!(probe(), before);
        assert_eq!(during.1, 0, "the probe sees the state");
    }
}
