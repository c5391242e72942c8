//! Multiplication by a number on the CPU.

use crate::Result;
use crate::cpu::{with_slices, with_type};
use crate::map::{map_0, map_1};
use crate::{Assign, Engine, Float, View};

pub(super) fn forward(engine: &Engine, x: View<'_>, factor: f64, out: View<'_>, assign: Assign) -> Result<()> {
    let (of_x, of_out) = (x.place(), out.place());
    if out.is_same(&x) {
        let factor = if assign == Assign::Add { factor + 1.0 } else { factor };
        return with_type!(out, T => with_slices::<T, 0, 1>([], [out.tensor], |[], [out]| {
            let factor = <T as Float>::of(factor);
            map_0(engine, (out, of_out), #[inline(always)] |out| *out *= factor);
            Ok(())
        }));
    }
    with_type!(x, T => with_slices::<T, 1, 1>([x.tensor], [out.tensor], |[x], [out]| {
        let (x, out, factor) = ((x, of_x), (out, of_out), <T as Float>::of(factor));
        match assign {
            Assign::Set => map_1(engine, x, out, #[inline(always)] |x, out| *out = x * factor),
            Assign::Add => map_1(engine, x, out, #[inline(always)] |x, out| *out += x * factor),
        }
        Ok(())
    }))
}
