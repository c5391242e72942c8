//! Gated activations on the CPU.

use crate::Result;
use crate::activation::{Activation, Function, with_function};
use crate::cpu::{rows_per_task, vectorised, with_slices, with_type};
use crate::view::Place;
use crate::{Engine, Float, View};

pub(super) fn forward(engine: &Engine, activation: Activation, x: View<'_>, out: View<'_>) -> Result<()> {
    let (of_x, of_out) = (x.place(), out.place());
    with_type!(x, T => with_slices::<T, 1, 1>([x.tensor], [out.tensor], |[x], [out]| {
        with_function!(activation, F => forward_rows::<F, T>(engine, (x, of_x), (out, of_out)));
        Ok(())
    }))
}

fn forward_rows<F: Function, T: Float>(engine: &Engine, (x, of_x): (&[T], Place), (out, of_out): (&mut [T], Place)) {
    let (rows, hidden) = (rows_per_task(of_x.width), of_out.width);
    let tasks = out.chunks_mut(rows * of_out.stride).zip(x.chunks(rows * of_x.stride));
    engine.for_each(tasks, |(out, x)| {
        vectorised(
            #[inline(always)]
            || {
                for (out, x) in out.chunks_exact_mut(of_out.stride).zip(x.chunks_exact(of_x.stride)) {
                    let (gate, up) = of_x.row(x, 0).split_at(hidden);
                    for ((out, &gate), &up) in of_out.row_mut(out, 0).iter_mut().zip(gate).zip(up) {
                        *out = F::value(gate) * up;
                    }
                }
            },
        );
    });
}

pub(super) fn backward(engine: &Engine, activation: Activation, x: View<'_>, dy: View<'_>, dx: View<'_>) -> Result<()> {
    let (of_x, of_dy, of_dx) = (x.place(), dy.place(), dx.place());
    with_type!(x, T => with_slices::<T, 2, 1>([x.tensor, dy.tensor], [dx.tensor], |[x, dy], [dx]| {
        with_function!(activation, F => backward_rows::<F, T>(engine, (x, of_x), (dy, of_dy), (dx, of_dx)));
        Ok(())
    }))
}

fn backward_rows<F: Function, T: Float>(
    engine: &Engine,
    (x, of_x): (&[T], Place),
    (dy, of_dy): (&[T], Place),
    (dx, of_dx): (&mut [T], Place),
) {
    let rows = rows_per_task(of_x.width);
    let reads = x.chunks(rows * of_x.stride).zip(dy.chunks(rows * of_dy.stride));
    engine.for_each(dx.chunks_mut(rows * of_dx.stride).zip(reads), |(dx, (x, dy))| {
        vectorised(
            #[inline(always)]
            || {
                let reads = x.chunks_exact(of_x.stride).zip(dy.chunks_exact(of_dy.stride));
                for (dx, (x, dy)) in dx.chunks_exact_mut(of_dx.stride).zip(reads) {
                    backward_row::<F, T>(of_x.row(x, 0), of_dy.row(dy, 0), of_dx.row_mut(dx, 0));
                }
            },
        );
    });
}

#[inline(always)]
fn backward_row<F: Function, T: Float>(x: &[T], dy: &[T], dx: &mut [T]) {
    let hidden = dy.len();
    let ((gate, up), (dgate, dup)) = (x.split_at(hidden), dx.split_at_mut(hidden));
    let (gate, up, dgate, dup) = (&gate[..hidden], &up[..hidden], &mut dgate[..hidden], &mut dup[..hidden]);
    for i in 0..hidden {
        let (value, slope) = F::slope(gate[i]);
        dgate[i] = dy[i] * up[i] * slope;
        dup[i] = dy[i] * value;
    }
}
