//! Products on the CPU.

use crate::Result;
use crate::cpu::{with_slices, with_type};
use crate::map::map_2;
use crate::{Assign, Engine, View};

pub(super) fn forward(engine: &Engine, x: View<'_>, y: View<'_>, out: View<'_>, assign: Assign) -> Result<()> {
    let (of_x, of_y, of_out) = (x.place(), y.place(), out.place());
    with_type!(x, T => with_slices::<T, 2, 1>([x.tensor, y.tensor], [out.tensor], |[x, y], [out]| {
        let (x, y, out) = ((x, of_x), (y, of_y), (out, of_out));
        match assign {
            Assign::Set => map_2(engine, x, y, out, #[inline(always)] |x, y, out| *out = x * y),
            Assign::Add => map_2(engine, x, y, out, #[inline(always)] |x, y, out| *out += x * y),
        }
        Ok(())
    }))
}
