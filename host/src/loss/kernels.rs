//! Loops over a piece of a vocabulary-wide row. Written so that the compiler makes vector instructions of them; sums
//! run in a fixed number of lanes, so that they are the same bits on every machine.

use super::ir::{Binary, Unary};
use super::math;
use crate::ops::{Float, vectorised};

/// Partial sums or maxima that run side by side: one 512-bit register of f32.
const LANES: usize = 16;

/// An operand of a loop: a piece of a row, or a number that is the same along the vocabulary.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operand<'a, T> {
    Piece(&'a [T]),
    Same(T),
}

/// Element access that the compiler sees through: a slice, or one number repeated.
trait Lane<T>: Copy {
    fn at(self, i: usize) -> T;
}

impl<T: Copy> Lane<T> for &[T] {
    #[inline(always)]
    fn at(self, i: usize) -> T {
        self[i]
    }
}

#[derive(Clone, Copy)]
struct Repeat<T>(T);

impl<T: Copy> Lane<T> for Repeat<T> {
    #[inline(always)]
    fn at(self, _i: usize) -> T {
        self.0
    }
}

/// Runs `$body` with `$lane` as what is inside `$operand`; a piece is cut to `$n` elements, so that indices are in
/// range.
macro_rules! with_lane {
    ($operand:expr, $n:expr, $lane:ident => $body:expr) => {
        match $operand {
            Operand::Piece(piece) => {
                let $lane = &piece[..$n];
                $body
            }
            Operand::Same(value) => {
                let $lane = Repeat(value);
                $body
            }
        }
    };
}

/// One loop per operation: with the operation known, `math` comes down to a few instructions.
macro_rules! for_op {
    ($op:expr, $enum:ident: $($name:ident),+; $known:ident => $loop:expr; $($rest:tt)*) => {
        match $op {
            $($enum::$name => { const KNOWN: $enum = $enum::$name; let $known = KNOWN; $loop })+
            $($rest)*
        }
    };
}

/// out = op(x).
pub(super) fn unary<T: Float>(op: Unary, x: &[T], out: &mut [T]) {
    vectorised(
        #[inline(always)]
        || {
            for_op!(op, Unary: Neg, Abs, Sign, Exp, Log, Log1p, Expm1, Sqrt, Square, Reciprocal, Relu, Sigmoid,
            LogSigmoid, Softplus, Tanh;
            op => for (out, &x) in out.iter_mut().zip(x) { *out = math::unary(op, x) };
            Unary::Powf(_) | Unary::Clamp(..) => {
                for (out, &x) in out.iter_mut().zip(x) { *out = math::unary(op, x) }
            })
        },
    )
}

/// out = op(x, y).
pub(super) fn binary<T: Float>(op: Binary, x: Operand<'_, T>, y: Operand<'_, T>, out: &mut [T]) {
    let n = out.len();
    vectorised(
        #[inline(always)]
        || with_lane!(x, n, x => with_lane!(y, n, y => binary_loop(op, x, y, out))),
    )
}

#[inline(always)]
fn binary_loop<T: Float>(op: Binary, x: impl Lane<T>, y: impl Lane<T>, out: &mut [T]) {
    for_op!(op, Binary: Add, Sub, Mul, Div, Minimum, Maximum, Less, LessEqual, Equal, ExpSub;
        op => for (i, out) in out.iter_mut().enumerate() { *out = math::binary(op, x.at(i), y.at(i)) };)
}

/// out = y where x is not 0, else z.
pub(super) fn select<T: Float>(x: Operand<'_, T>, y: Operand<'_, T>, z: Operand<'_, T>, out: &mut [T]) {
    let n = out.len();
    vectorised(
        #[inline(always)]
        || {
            with_lane!(x, n, x => with_lane!(y, n, y => with_lane!(z, n, z => {
                for (i, out) in out.iter_mut().enumerate() {
                    *out = math::select(x.at(i), y.at(i), z.at(i));
                }
            })))
        },
    )
}

/// Sum of all elements.
pub(super) fn sum<T: Float>(x: &[T]) -> T {
    vectorised(
        #[inline(always)]
        || fold(x, T::ZERO, |sum, x| sum + x),
    )
}

/// The largest element that is a number, and `LOWEST` or more.
pub(super) fn max<T: Float>(x: &[T]) -> T {
    vectorised(
        #[inline(always)]
        || fold(x, T::LOWEST, |max, x| if x > max { x } else { max }),
    )
}

#[inline(always)]
fn fold<T: Float>(x: &[T], start: T, step: impl Fn(T, T) -> T) -> T {
    let mut lanes = [start; LANES];
    let (whole, rest) = x.as_chunks::<LANES>();
    for piece in whole {
        for (lane, &x) in lanes.iter_mut().zip(piece) {
            *lane = step(*lane, x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = step(*lane, x);
    }
    let mut n = LANES;
    while n > 1 {
        n /= 2;
        for i in 0..n {
            lanes[i] = step(lanes[i], lanes[i + n]);
        }
    }
    lanes[0]
}
