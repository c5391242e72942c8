//! SwiGLU on the CPU.

use crate::Result;
use crate::ops::cpu::{rows_per_task, vectorised, with_slices, with_type};
use crate::ops::{Engine, Float, Tensor};

pub(super) fn forward(engine: &Engine, x: &Tensor, out: &Tensor) -> Result<()> {
    let hidden = out.row_width();
    with_type!(x, T => with_slices::<T, 1, 1>([x], [out], |[x], [out]| {
        let rows = rows_per_task(2 * hidden);
        let tasks = out.chunks_mut(rows * hidden).zip(x.chunks(rows * 2 * hidden));
        engine.for_each(tasks, |(out, x)| vectorised(#[inline(always)] || {
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

pub(super) fn backward(engine: &Engine, x: &Tensor, dy: &Tensor, dx: &Tensor) -> Result<()> {
    let hidden = dy.row_width();
    with_type!(x, T => with_slices::<T, 2, 1>([x, dy], [dx], |[x, dy], [dx]| {
        let rows = rows_per_task(2 * hidden);
        let reads = x.chunks(rows * 2 * hidden).zip(dy.chunks(rows * hidden));
        let tasks = dx.chunks_mut(rows * 2 * hidden).zip(reads);
        engine.for_each(tasks, |(dx, (x, dy))| vectorised(#[inline(always)] || {
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
