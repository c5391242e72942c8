//! Sums and copies on the CPU.

use crate::Result;
use crate::ops::cpu::{for_chunks, vectorised, with_slices, with_type};
use crate::ops::{Engine, Float, Tensor};

pub(super) fn forward(engine: &Engine, x: &Tensor, y: &Tensor, out: &Tensor) -> Result<()> {
    with_type!(x, T => with_slices::<T, 2, 1>([x, y], [out], |[x, y], [out]| {
        for_chunks(engine, out, |offset, out| {
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
