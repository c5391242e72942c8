//! Sums and copies on the CPU.

use crate::Result;
use crate::cpu::{for_chunks, with_slices, with_type};
use crate::map::map_2;
use crate::{Engine, Float, Tensor, View};

pub(super) fn forward(engine: &Engine, x: View<'_>, y: View<'_>, out: View<'_>) -> Result<()> {
    let (of_x, of_y, of_out) = (x.place(), y.place(), out.place());
    with_type!(x, T => with_slices::<T, 2, 1>([x.tensor, y.tensor], [out.tensor], |[x, y], [out]| {
        map_2(engine, (x, of_x), (y, of_y), (out, of_out), #[inline(always)] |x, y, out| *out = x + y);
        Ok(())
    }))
}

pub(super) fn copy(x: &Tensor, out: &Tensor) -> Result<()> {
    with_type!(x, T => with_slices::<T, 1, 1>([x], [out], |[x], [out]| {
        out.copy_from_slice(&x[..out.len()]);
        Ok(())
    }))
}

pub(super) fn clear(x: &Tensor) -> Result<()> {
    with_type!(x, T => with_slices::<T, 0, 1>([], [x], |[], [x]| {
        x.fill(<T as Float>::ZERO);
        Ok(())
    }))
}

pub(super) fn zero(engine: &Engine, x: &Tensor) -> Result<()> {
    with_type!(x, T => with_slices::<T, 0, 1>([], [x], |[], [x]| {
        for_chunks(engine, x, |_, x| x.fill(<T as Float>::ZERO));
        Ok(())
    }))
}
