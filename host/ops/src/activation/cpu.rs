//! Activations on the CPU.

use super::{Activation, Function, with_function};
use crate::Result;
use crate::cpu::{with_slices, with_type};
use crate::map::{map_1, map_2};
use crate::{Engine, View};

pub(super) fn forward(engine: &Engine, activation: Activation, x: View<'_>, out: View<'_>) -> Result<()> {
    let (of_x, of_out) = (x.place(), out.place());
    with_type!(x, T => with_slices::<T, 1, 1>([x.tensor], [out.tensor], |[x], [out]| {
        with_function!(activation, F => map_1(engine, (x, of_x), (out, of_out), #[inline(always)] |x, out| {
            *out = F::value(x);
        }));
        Ok(())
    }))
}

pub(super) fn backward(engine: &Engine, activation: Activation, x: View<'_>, dy: View<'_>, dx: View<'_>) -> Result<()> {
    let (of_x, of_dy, of_dx) = (x.place(), dy.place(), dx.place());
    if dx.is_same(&dy) {
        return with_type!(x, T => with_slices::<T, 1, 1>([x.tensor], [dx.tensor], |[x], [dx]| {
            with_function!(activation, F => map_1(engine, (x, of_x), (dx, of_dx), #[inline(always)] |x, dx| {
                *dx *= F::slope(x).1;
            }));
            Ok(())
        }));
    }
    with_type!(x, T => with_slices::<T, 2, 1>([x.tensor, dy.tensor], [dx.tensor], |[x, dy], [dx]| {
        let (x, dy, dx) = ((x, of_x), (dy, of_dy), (dx, of_dx));
        with_function!(activation, F => map_2(engine, x, dy, dx, #[inline(always)] |x, dy, dx| {
            *dx = dy * F::slope(x).1;
        }));
        Ok(())
    }))
}
