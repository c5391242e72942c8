//! The functions on the CPU: plain arithmetic and e^x, which the compiler vectorises.

use crate::Float;

const CUBIC: f64 = 0.044715;
const SQRT_2_OVER_PI: f64 = 0.797_884_560_802_865_4;

/// A function of one number.
pub(crate) trait Function {
    /// f(x)
    fn value<T: Float>(x: T) -> T;
    /// f(x) and f'(x)
    fn slope<T: Float>(x: T) -> (T, T);
}

pub(crate) struct GeluTanh;
pub(crate) struct GeluErf;
pub(crate) struct Relu;
pub(crate) struct Silu;
pub(crate) struct Tanh;
pub(crate) struct Sigmoid;

/// Runs `$body` with `$function` standing for the type of `$activation`'s function.
macro_rules! with_function {
    ($activation:expr, $function:ident => $body:expr) => {{
        use crate::activation::{Activation, function};
        match $activation {
            Activation::GeluTanh => {
                type $function = function::GeluTanh;
                $body
            }
            Activation::GeluErf => {
                type $function = function::GeluErf;
                $body
            }
            Activation::Relu => {
                type $function = function::Relu;
                $body
            }
            Activation::Silu => {
                type $function = function::Silu;
                $body
            }
            Activation::Tanh => {
                type $function = function::Tanh;
                $body
            }
            Activation::Sigmoid => {
                type $function = function::Sigmoid;
                $body
            }
        }
    }};
}
pub(crate) use with_function;

impl Function for GeluTanh {
    #[inline(always)]
    fn value<T: Float>(x: T) -> T {
        T::of(0.5) * x * (T::ONE + inner_tanh(x))
    }

    #[inline(always)]
    fn slope<T: Float>(x: T) -> (T, T) {
        let t = inner_tanh(x);
        let slope = T::of(SQRT_2_OVER_PI) * (T::ONE + T::of(3.0 * CUBIC) * x * x);
        let value = T::of(0.5) * x * (T::ONE + t);
        (value, T::of(0.5) * (T::ONE + t) + T::of(0.5) * x * (T::ONE - t * t) * slope)
    }
}

/// tanh through e^x, which the compiler vectorises; absolute error below 2e-7 in `f32`, enough next to the 1 that it is
/// added to.
#[inline(always)]
fn inner_tanh<T: Float>(x: T) -> T {
    let inner = T::of(SQRT_2_OVER_PI) * (x + T::of(CUBIC) * x * x * x);
    T::ONE - T::of(2.0) / ((inner + inner).exp() + T::ONE)
}

impl Function for GeluErf {
    #[inline(always)]
    fn value<T: Float>(x: T) -> T {
        x * normal_cdf(x)
    }

    /// Φ(x) + x φ(x), with φ(x) = e^(-x²/2) / √(2π) the density.
    #[inline(always)]
    fn slope<T: Float>(x: T) -> (T, T) {
        let cdf = normal_cdf(x);
        (x * cdf, cdf + x * T::of(0.5 * SQRT_2_OVER_PI) * (T::of(-0.5) * x * x).exp())
    }
}

/// Φ(x) = erfc(-x/√2) / 2: unlike (1 + erf(x/√2)) / 2 it keeps its digits where it is small.
#[inline(always)]
fn normal_cdf<T: Float>(x: T) -> T {
    T::of(0.5) * (x * T::of(-std::f64::consts::FRAC_1_SQRT_2)).erfc()
}

impl Function for Relu {
    /// NaN stays.
    #[inline(always)]
    fn value<T: Float>(x: T) -> T {
        if x < T::ZERO { T::ZERO } else { x }
    }

    #[inline(always)]
    fn slope<T: Float>(x: T) -> (T, T) {
        (Self::value(x), if x <= T::ZERO { T::ZERO } else { T::ONE })
    }
}

impl Function for Silu {
    #[inline(always)]
    fn value<T: Float>(x: T) -> T {
        x * Sigmoid::value(x)
    }

    #[inline(always)]
    fn slope<T: Float>(x: T) -> (T, T) {
        let share = Sigmoid::value(x);
        let silu = x * share;
        (silu, share + silu * (T::ONE - share))
    }
}

impl Function for Tanh {
    #[inline(always)]
    fn value<T: Float>(x: T) -> T {
        x.fast_tanh()
    }

    #[inline(always)]
    fn slope<T: Float>(x: T) -> (T, T) {
        let value = x.fast_tanh();
        (value, T::ONE - value * value)
    }
}

impl Function for Sigmoid {
    #[inline(always)]
    fn value<T: Float>(x: T) -> T {
        T::ONE / (T::ONE + (-x).exp())
    }

    #[inline(always)]
    fn slope<T: Float>(x: T) -> (T, T) {
        let value = Self::value(x);
        (value, value * (T::ONE - value))
    }
}
