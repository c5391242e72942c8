//! Addition of residual branches.

use super::cpu::{for_chunks, vectorised, with_slices, with_type};
use super::{Engine, OpGroup};
use crate::Result;
use candle_core::Tensor;

/// `out` = `x` + `y`, all of one shape.
pub fn forward(engine: &Engine, x: &Tensor, y: &Tensor, out: &Tensor) -> Result<()> {
    let _timer = engine.time(OpGroup::Residual);
    with_type!(x, T => with_slices::<T, 2, 1>([x, y], [out], |[x, y], [out]| {
        for_chunks(out, |offset, out| {
            let (x, y) = (&x[offset..offset + out.len()], &y[offset..offset + out.len()]);
            vectorised(#[inline(always)] || {
                for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
                    *out = x + y;
                }
            });
        });
        Ok(())
    }))
}

/// `out` = `x`.
pub fn copy(x: &Tensor, out: &Tensor) -> Result<()> {
    with_type!(x, T => with_slices::<T, 1, 1>([x], [out], |[x], [out]| {
        for_chunks(out, |offset, out| out.copy_from_slice(&x[offset..offset + out.len()]));
        Ok(())
    }))
}

/// `x` = 0.
pub fn zero(x: &Tensor) -> Result<()> {
    with_type!(x, T => with_slices::<T, 0, 1>([], [x], |[], [x]| {
        for_chunks(x, |_, x| x.fill(<T as super::Float>::ZERO));
        Ok(())
    }))
}
