//! Addition of residual branches.

use super::cpu::{for_chunks, vectorised, with_slices, with_type};
use super::cuda::arguments;
use super::{Engine, OpGroup, Tensor, check_gpu};
use crate::Result;
use candle_core::DType;

/// `out` = `x` + `y`, all of one shape; on a GPU `y` may be a bfloat16 branch of a stream in f32.
pub fn forward(engine: &Engine, x: &Tensor, y: &Tensor, out: &Tensor) -> Result<()> {
    let _timer = engine.time(OpGroup::Residual);
    if let Some(gpu) = engine.gpu() {
        let n = out.elem_count();
        check_gpu("add", &[(x, out.dtype(), n), (y, y.dtype(), n), (out, out.dtype(), n)])?;
        return gpu.launch_flat("add", y.dtype(), n, arguments![x, y, out, n]);
    }
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

/// `out` = `x`; on a GPU the types may differ.
pub fn copy(x: &Tensor, out: &Tensor) -> Result<()> {
    if let Some(gpu) = out.gpu() {
        let n = out.elem_count();
        check_gpu("copy", &[(x, x.dtype(), n), (out, out.dtype(), n)])?;
        return match (x.dtype(), out.dtype()) {
            (from, to) if from == to => gpu.copy(x.pointer(), out.pointer(), n * to.size_in_bytes()),
            (DType::F32, to) => gpu.launch_flat("cast_f32", to, n, arguments![x, out, n]),
            (_, to) => gpu.launch_flat("cast_bf16", to, n, arguments![x, out, n]),
        };
    }
    with_type!(x, T => with_slices::<T, 1, 1>([x], [out], |[x], [out]| {
        for_chunks(out, |offset, out| out.copy_from_slice(&x[offset..offset + out.len()]));
        Ok(())
    }))
}

/// `x` = 0.
pub fn zero(x: &Tensor) -> Result<()> {
    if let Some(gpu) = x.gpu() {
        return gpu.zero(x.pointer(), x.elem_count() * x.dtype().size_in_bytes());
    }
    with_type!(x, T => with_slices::<T, 0, 1>([], [x], |[], [x]| {
        for_chunks(x, |_, x| x.fill(<T as super::Float>::ZERO));
        Ok(())
    }))
}
