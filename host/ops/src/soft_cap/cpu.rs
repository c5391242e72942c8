//! Soft caps on the CPU.

use crate::Result;
use crate::cpu::{with_slices, with_type};
use crate::map::{map_0, map_1, map_2};
use crate::{Engine, Float, View};

pub(super) fn forward(engine: &Engine, x: View<'_>, cap: f64, out: View<'_>) -> Result<()> {
    let (of_x, of_out) = (x.place(), out.place());
    if out.is_same(&x) {
        return with_type!(out, T => with_slices::<T, 0, 1>([], [out.tensor], |[], [out]| {
            let cap = <T as Float>::of(cap);
            map_0(engine, (out, of_out), #[inline(always)] |out| *out = capped(*out, cap));
            Ok(())
        }));
    }
    with_type!(x, T => with_slices::<T, 1, 1>([x.tensor], [out.tensor], |[x], [out]| {
        let cap = <T as Float>::of(cap);
        map_1(engine, (x, of_x), (out, of_out), #[inline(always)] |x, out| *out = capped(x, cap));
        Ok(())
    }))
}

#[inline(always)]
fn capped<T: Float>(x: T, cap: T) -> T {
    cap * (x / cap).fast_tanh()
}

pub(super) fn backward(engine: &Engine, out: View<'_>, cap: f64, dy: View<'_>, dx: View<'_>) -> Result<()> {
    let (of_out, of_dy, of_dx) = (out.place(), dy.place(), dx.place());
    if dx.is_same(&dy) {
        return with_type!(out, T => with_slices::<T, 1, 1>([out.tensor], [dx.tensor], |[out], [dx]| {
            let cap = <T as Float>::of(cap);
            map_1(engine, (out, of_out), (dx, of_dx), #[inline(always)] |out, dx| *dx *= slope(out, cap));
            Ok(())
        }));
    }
    with_type!(out, T => with_slices::<T, 2, 1>([out.tensor, dy.tensor], [dx.tensor], |[out, dy], [dx]| {
        let (out, dy, dx, cap) = ((out, of_out), (dy, of_dy), (dx, of_dx), <T as Float>::of(cap));
        map_2(engine, out, dy, dx, #[inline(always)] |out, dy, dx| *dx = dy * slope(out, cap));
        Ok(())
    }))
}

#[inline(always)]
fn slope<T: Float>(out: T, cap: T) -> T {
    T::ONE - (out / cap) * (out / cap)
}
