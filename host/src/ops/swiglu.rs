//! The gated activation of Llama's network (Shazeer, arXiv 2002.05202): y = silu(gate) · up, silu(x) = x σ(x).
//!
//! One projection makes both factors: a row of `x` `[rows, 2 · hidden]` holds gate, then up.

use super::cpu::{rows_per_task, vectorised, with_slices, with_type};
use super::cuda::arguments;
use super::{Engine, Float, OpGroup, Tensor, check_gpu};
use crate::Result;
use rayon::prelude::*;

/// `out` `[rows, hidden]` from `x` `[rows, 2 · hidden]`.
pub fn forward(engine: &Engine, x: &Tensor, out: &Tensor) -> Result<()> {
    let _timer = engine.time(OpGroup::Activation);
    let hidden = out.row_width();
    if let Some(gpu) = engine.gpu() {
        let (dtype, n) = (x.dtype(), out.elem_count());
        check_gpu("swiglu", &[(x, dtype, 2 * n), (out, dtype, n)])?;
        return gpu.launch_flat("swiglu_forward", dtype, n, arguments![x, out, n / hidden.max(1), hidden]);
    }
    with_type!(x, T => with_slices::<T, 1, 1>([x], [out], |[x], [out]| {
        let rows = rows_per_task(2 * hidden);
        let tasks = out.par_chunks_mut(rows * hidden).zip(x.par_chunks(rows * 2 * hidden));
        tasks.for_each(|(out, x)| vectorised(#[inline(always)] || {
            for (out, x) in out.chunks_exact_mut(hidden).zip(x.chunks_exact(2 * hidden)) {
                let (gate, up) = x.split_at(hidden);
                for ((out, &gate), &up) in out.iter_mut().zip(gate).zip(up) {
                    *out = gate * sigmoid(gate) * up;
                }
            }
        }));
        Ok(())
    }))
}

/// `dx` `[rows, 2 · hidden]` (overwritten) from the gradient `dy` `[rows, hidden]`:
/// dgate = dy · up · σ(gate) (1 + gate (1 - σ(gate))), dup = dy · silu(gate).
pub fn backward(engine: &Engine, x: &Tensor, dy: &Tensor, dx: &Tensor) -> Result<()> {
    let _timer = engine.time(OpGroup::Activation);
    let hidden = dy.row_width();
    if let Some(gpu) = engine.gpu() {
        let (dtype, n) = (x.dtype(), dy.elem_count());
        check_gpu("swiglu", &[(x, dtype, 2 * n), (dy, dtype, n), (dx, dtype, 2 * n)])?;
        return gpu.launch_flat("swiglu_backward", dtype, n, arguments![x, dy, dx, n / hidden.max(1), hidden]);
    }
    with_type!(x, T => with_slices::<T, 2, 1>([x, dy], [dx], |[x, dy], [dx]| {
        let rows = rows_per_task(2 * hidden);
        let reads = x.par_chunks(rows * 2 * hidden).zip(dy.par_chunks(rows * hidden));
        dx.par_chunks_mut(rows * 2 * hidden).zip(reads).for_each(|(dx, (x, dy))| vectorised(#[inline(always)] || {
            let reads = x.chunks_exact(2 * hidden).zip(dy.chunks_exact(hidden));
            for (dx, (x, dy)) in dx.chunks_exact_mut(2 * hidden).zip(reads) {
                backward_row(x, dy, dx);
            }
        }));
        Ok(())
    }))
}

#[inline(always)]
fn backward_row<T: Float>(x: &[T], dy: &[T], dx: &mut [T]) {
    let hidden = dy.len();
    let ((gate, up), (dgate, dup)) = (x.split_at(hidden), dx.split_at_mut(hidden));
    let (gate, up, dgate, dup) = (&gate[..hidden], &up[..hidden], &mut dgate[..hidden], &mut dup[..hidden]);
    for i in 0..hidden {
        let share = sigmoid(gate[i]);
        let silu = gate[i] * share;
        dgate[i] = dy[i] * up[i] * (share + silu * (T::ONE - share));
        dup[i] = dy[i] * silu;
    }
}

#[inline(always)]
fn sigmoid<T: Float>(x: T) -> T {
    T::ONE / (T::ONE + (-x).exp())
}
