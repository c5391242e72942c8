//! The elementwise operations on one number. Everything that computes them, constants, rows and the vocabulary, does it
//! here. NaN in gives NaN out.

use super::ir::{Binary, Unary};
use crate::ops::Float;

#[inline(always)]
pub(super) fn unary<T: Float>(op: Unary, x: T) -> T {
    match op {
        Unary::Neg => -x,
        Unary::Abs => {
            if x < T::ZERO {
                -x
            } else {
                x
            }
        }
        Unary::Sign => {
            if x > T::ZERO {
                T::ONE
            } else if x < T::ZERO {
                -T::ONE
            } else {
                x
            }
        }
        Unary::Exp => x.exp(),
        Unary::Log => x.ln(),
        Unary::Log1p => log1p(x),
        Unary::Expm1 => T::of(x.f64().exp_m1()),
        Unary::Sqrt => x.sqrt(),
        Unary::Square => x * x,
        Unary::Reciprocal => T::ONE / x,
        Unary::Relu => relu(x),
        Unary::Sigmoid => T::ONE / (T::ONE + (-x).exp()),
        Unary::LogSigmoid => -softplus(-x),
        Unary::Softplus => softplus(x),
        Unary::Tanh => x.tanh(),
        Unary::Powf(a) => T::of(x.f64().powf(a.get())),
        Unary::Clamp(a, b) => {
            let (a, b) = (T::of(a.get()), T::of(b.get()));
            let x = if x < a { a } else { x };
            if x > b { b } else { x }
        }
    }
}

#[inline(always)]
pub(super) fn binary<T: Float>(op: Binary, x: T, y: T) -> T {
    match op {
        Binary::Add => x + y,
        Binary::Sub => x - y,
        Binary::Mul => x * y,
        Binary::Div => x / y,
        // The sum is NaN in the one case that is left.
        Binary::Minimum => {
            if x <= y {
                x
            } else if x > y {
                y
            } else {
                x + y
            }
        }
        Binary::Maximum => {
            if x >= y {
                x
            } else if x < y {
                y
            } else {
                x + y
            }
        }
        Binary::Less => truth(x < y),
        Binary::LessEqual => truth(x <= y),
        Binary::Equal => truth(x == y),
        Binary::ExpSub => (x - y).exp(),
    }
}

#[inline(always)]
pub(super) fn select<T: Float>(condition: T, if_true: T, if_false: T) -> T {
    if condition == T::ZERO { if_false } else { if_true }
}

#[inline(always)]
fn truth<T: Float>(condition: bool) -> T {
    if condition { T::ONE } else { T::ZERO }
}

#[inline(always)]
fn relu<T: Float>(x: T) -> T {
    if x < T::ZERO { T::ZERO } else { x }
}

#[inline(always)]
fn log1p<T: Float>(x: T) -> T {
    T::of(x.f64().ln_1p())
}

/// ln(1 + e^x) without overflow.
#[inline(always)]
fn softplus<T: Float>(x: T) -> T {
    let minus_abs = if x > T::ZERO { -x } else { x };
    relu(x) + log1p(minus_abs.exp())
}
