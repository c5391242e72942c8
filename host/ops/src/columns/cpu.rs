//! Copies between columns on the CPU.

use crate::Result;
use crate::cpu::{with_slices, with_type};
use crate::map::map_1;
use crate::{Assign, Engine, Tensor, View};

pub(super) fn assign(engine: &Engine, x: View<'_>, out: View<'_>, assign: Assign) -> Result<()> {
    let (of_x, of_out) = (x.place(), out.place());
    with_type!(x, T => with_slices::<T, 1, 1>([x.tensor], [out.tensor], |[x], [out]| {
        let (x, out) = ((x, of_x), (out, of_out));
        match assign {
            Assign::Set => map_1(engine, x, out, #[inline(always)] |x, out| *out = x),
            Assign::Add => map_1(engine, x, out, #[inline(always)] |x, out| *out += x),
        }
        Ok(())
    }))
}

pub(super) fn copy_rows(x: &Tensor, from: usize, to: usize, n: usize) -> Result<()> {
    let width = x.row_width();
    with_type!(x, T => with_slices::<T, 0, 1>([], [x], |[], [x]| {
        x.copy_within(from * width..(from + n) * width, to * width);
        Ok(())
    }))
}

pub(super) fn zero(x: View<'_>) -> Result<()> {
    let (first, width, stride) = (x.first, x.width, x.stride());
    with_type!(x, T => with_slices::<T, 0, 1>([], [x.tensor], |[], [x]| {
        x.chunks_exact_mut(stride).for_each(|row| row[first..first + width].fill(<T as crate::Float>::ZERO));
        Ok(())
    }))
}
