//! Root-mean-square normalisation on the CPU.

use crate::Result;
use crate::ops::cpu::{rows_per_task, vectorised, with_slices, with_type};
use crate::ops::reduce::cpu::{lanes, sum_in_order};
use crate::ops::{Engine, Float, Tensor};

pub(super) fn forward(
    engine: &Engine,
    x: &Tensor,
    weight: &Tensor,
    epsilon: f64,
    out: &Tensor,
    scale: &Tensor,
) -> Result<()> {
    let width = weight.elem_count();
    with_type!(x, T => with_slices::<T, 2, 2>([x, weight], [out, scale], |[x, weight], [out, scale]| {
        let rows = rows_per_task(width);
        let tasks = out.chunks_mut(rows * width).zip(scale.chunks_mut(rows)).zip(x.chunks(rows * width));
        engine.for_each(tasks, |((out, scale), x)| vectorised(#[inline(always)] || {
            let results = out.chunks_exact_mut(width).zip(scale);
            for ((out, scale), x) in results.zip(x.chunks_exact(width)) {
                let mean = lanes(width, |i| x[i] * x[i]) / T::of(width as f64);
                *scale = T::ONE / Float::sqrt(mean + T::of(epsilon));
                for i in 0..width {
                    out[i] = x[i] * *scale * weight[i];
                }
            }
        }));
        Ok(())
    }))
}

pub(super) fn backward(
    engine: &Engine,
    dy: &Tensor,
    x: &Tensor,
    weight: &Tensor,
    scale: &Tensor,
    dx: &Tensor,
    dweight: &Tensor,
) -> Result<()> {
    let reads = [dy, x, weight, scale];
    with_type!(x, T => with_slices::<T, 4, 2>(reads, [dx, dweight], |[dy, x, weight, scale], [dx, dweight]| {
        let width = weight.len();
        let rows = rows_per_task(width);
        let chunk = rows * width;
        let reads = dy.chunks(chunk).zip(x.chunks(chunk)).zip(scale.chunks(rows));
        sum_in_order(engine, [dweight], dx.chunks_mut(chunk).zip(reads), |(dx, ((dy, x), scale)), dweight| {
            vectorised(#[inline(always)] || {
                let rows = dx.chunks_exact_mut(width).zip(dy.chunks_exact(width)).zip(x.chunks_exact(width));
                for (((dx, dy), x), &scale) in rows.zip(scale) {
                    backward_row(dy, x, weight, scale, dx, dweight);
                }
            });
        });
        Ok(())
    }))
}

#[inline(always)]
fn backward_row<T: Float>(dy: &[T], x: &[T], weight: &[T], scale: T, dx: &mut [T], dweight: &mut [T]) {
    let width = weight.len();
    let (dy, x, dx, dweight) = (&dy[..width], &x[..width], &mut dx[..width], &mut dweight[..width]);
    let mean = lanes(width, |i| dy[i] * weight[i] * x[i]) * scale / T::of(width as f64);
    for i in 0..width {
        let normal = x[i] * scale;
        dx[i] += (dy[i] * weight[i] - normal * mean) * scale;
        dweight[i] += dy[i] * normal;
    }
}
