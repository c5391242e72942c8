//! The numbers that kernels compute with: `f32` for training, `f64` to check gradients.

use candle_core::CpuStorage;
use std::fmt::{Debug, Display};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

/// `f32` or `f64`.
pub trait Float:
    candle_core::WithDType
    + bytemuck::Pod
    + Copy
    + Debug
    + Display
    + Default
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Sum
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The lowest finite value.
    const LOWEST: Self;

    /// The elements of a candle CPU storage, if they have this type.
    fn of_storage(storage: &mut CpuStorage) -> Option<&mut [Self]>;
    /// Nearest value.
    fn of(value: f64) -> Self;
    /// Exact.
    fn f64(self) -> f64;
    /// e^x. For `f32` a polynomial that the compiler turns into vector instructions, within 2 units in the last place.
    fn exp(self) -> Self;
    /// ln x.
    fn ln(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Hyperbolic tangent. For `f32` an approximation that the compiler turns into vector instructions, within 3 units
    /// in the last place.
    fn fast_tanh(self) -> Self;
    /// Complementary error function. For `f32` an approximation that the compiler turns into vector instructions, with
    /// a relative error below 8e-7; for `f64` FreeBSD's, by way of the `libm` crate.
    fn erfc(self) -> Self;
    /// The larger; the other one if one is NaN.
    fn max(self, other: Self) -> Self;
    /// The smaller; the other one if one is NaN.
    fn min(self, other: Self) -> Self;
    /// Whether neither NaN nor infinite.
    fn is_finite(self) -> bool;
}

macro_rules! float {
    ($type:ty, $storage:ident, $exp:path, $tanh:path, $erfc:path) => {
        impl Float for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const LOWEST: Self = <$type>::MIN;

            #[inline(always)]
            fn of_storage(storage: &mut CpuStorage) -> Option<&mut [Self]> {
                match storage {
                    CpuStorage::$storage(values) => Some(values),
                    _ => None,
                }
            }
            #[inline(always)]
            fn of(value: f64) -> Self {
                value as $type
            }
            #[inline(always)]
            fn f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn exp(self) -> Self {
                $exp(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                <$type>::ln(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                <$type>::sqrt(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                <$type>::tanh(self)
            }
            #[inline(always)]
            fn fast_tanh(self) -> Self {
                $tanh(self)
            }
            #[inline(always)]
            fn erfc(self) -> Self {
                $erfc(self)
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                <$type>::max(self, other)
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                <$type>::min(self, other)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                <$type>::is_finite(self)
            }
        }
    };
}

float!(f32, F32, exp_f32, tanh_f32, erfc_f32);
float!(f64, F64, f64::exp, f64::tanh, libm::erfc);

/// e^x after Cody and Waite: x = n ln 2 + r, a polynomial in r, times 2^n. No branches, no fused multiply-add: the same
/// bits on every machine. Coefficients are those of Cephes `expf`.
#[inline(always)]
fn exp_f32(x: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to a whole number, which its low bits then hold
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Outside this range the result is 0 or infinity; NaN passes through `clamp`.
    let x = x.clamp(-104.0, 89.0);
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let p = p * (r * r) + r + 1.0;
    // 2^n in two factors, so that neither overflows and small results are rounded once.
    let n = (shifted.to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32);
    let half = n >> 1;
    let power = |n: i32| f32::from_bits((n.wrapping_add(127) << 23) as u32);
    p * power(half) * power(n.wrapping_sub(half))
}

/// tanh x = 1 - 2 / (e^2x + 1) where x is large, and x + x³ p(x²) below 0.625, where that loses its digits: both are
/// computed, so that there is no branch. Coefficients are those of Cephes `tanhf`.
#[inline(always)]
fn tanh_f32(x: f32) -> f32 {
    const P: [f32; 5] = [-5.704_988_7e-3, 2.063_909e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328e-1];
    let size = x.abs();
    let near = P.iter().fold(0.0, |sum, c| sum * (x * x) + c) * (x * x) * x + x;
    let far = (1.0 - 2.0 / (exp_f32(size + size) + 1.0)).copysign(x);
    if size < 0.625 { near } else { far }
}

/// erfc x = e^(-x²) t p(t) with t = 1 / (1 + x/2) for x ≥ 0, and 2 - erfc(-x) below: the form of Abramowitz & Stegun
/// 7.1.26. p is fitted to e^(x²) erfc(x) / t at the Chebyshev nodes of 0 ≤ x ≤ 10.5, relative error 5e-8.
#[inline(always)]
fn erfc_f32(x: f32) -> f32 {
    const P: [f32; 9] = [
        -6.020_521e-2,
        2.899_043_3e-1,
        -4.977_499_2e-1,
        2.895_327e-1,
        -3.407_368e-2,
        2.056_339_7e-1,
        2.424_134_3e-1,
        2.824_624_5e-1,
        2.820_819e-1,
    ];
    let size = x.abs();
    let t = 1.0 / (1.0 + 0.5 * size);
    let tail = P.iter().fold(0.0, |sum, c| sum * t + c) * t * exp_f32(-(size * size));
    if x < 0.0 { 2.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erfc_is_close_to_that_of_libm() {
        let far = |x: f32| {
            let (fast, exact) = (erfc_f32(x) as f64, libm::erfc(x as f64));
            (fast - exact).abs() / exact
        };
        let worst = (-600_000..400_000).map(|i| far(i as f32 * 1e-5)).fold(0.0, f64::max);
        assert!(worst < 8e-7, "worst relative error is {worst:e}");
        assert_eq!([20.0, f32::INFINITY, f32::NEG_INFINITY].map(erfc_f32), [0.0, 0.0, 2.0]);
        assert!(erfc_f32(f32::NAN).is_nan());
    }

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        let mut worst = 0.0_f64;
        for i in 0..2_000_000 {
            let x = -87.0 + i as f32 * (175.0 / 2_000_000.0);
            let (fast, exact) = (exp_f32(x) as f64, (x as f64).exp());
            let unit = (exact as f32).to_bits();
            let ulp = (f32::from_bits(unit + 1) - f32::from_bits(unit)) as f64;
            worst = worst.max((fast - exact).abs() / ulp);
        }
        assert!(worst <= 2.0, "worst error is {worst} units in the last place");
        assert_eq!(exp_f32(0.0), 1.0);
        assert_eq!(exp_f32(-200.0), 0.0);
        assert_eq!(exp_f32(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp_f32(200.0), f32::INFINITY);
        assert!(exp_f32(f32::NAN).is_nan());
    }
}
