//! Layer normalisation on the CPU.

use crate::Result;
use crate::ops::cpu::{rows_per_task, vectorised, with_slices, with_type};
use crate::ops::reduce::cpu::{lanes, sum_in_order};
use crate::ops::{Engine, Float, Tensor};

pub(super) fn forward(
    engine: &Engine,
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    epsilon: f64,
    out: &Tensor,
    stats: &Tensor,
) -> Result<()> {
    let width = weight.elem_count();
    with_type!(x, T => with_slices::<T, 3, 2>([x, weight, bias], [out, stats], |[x, weight, bias], [out, stats]| {
        let rows = rows_per_task(width);
        let results = out.chunks_mut(rows * width).zip(stats.chunks_mut(rows * 2));
        let tasks = results.zip(x.chunks(rows * width));
        engine.for_each(tasks, |((out, stats), x)| vectorised(#[inline(always)] || {
            let results = out.chunks_exact_mut(width).zip(stats.chunks_exact_mut(2));
            for ((out, stats), x) in results.zip(x.chunks_exact(width)) {
                let (mean, scale) = moments(x, epsilon);
                (stats[0], stats[1]) = (mean, scale);
                for i in 0..width {
                    out[i] = (x[i] - mean) * scale * weight[i] + bias[i];
                }
            }
        }));
        Ok(())
    }))
}

#[expect(clippy::too_many_arguments, reason = "inputs, what the forward kept, and results")]
pub(super) fn backward(
    engine: &Engine,
    dy: &Tensor,
    x: &Tensor,
    weight: &Tensor,
    stats: &Tensor,
    dx: &Tensor,
    dweight: &Tensor,
    dbias: &Tensor,
) -> Result<()> {
    let (reads, writes) = ([dy, x, weight, stats], [dx, dweight, dbias]);
    with_type!(x, T => with_slices::<T, 4, 3>(reads, writes, |reads, writes| {
        backward_rows(engine, reads, writes);
        Ok(())
    }))
}

fn backward_rows<T: Float>(engine: &Engine, [dy, x, weight, stats]: [&[T]; 4], [dx, dweight, dbias]: [&mut [T]; 3]) {
    let width = weight.len();
    let rows = rows_per_task(width);
    let chunk = rows * width;
    let reads = dy.chunks(chunk).zip(x.chunks(chunk)).zip(stats.chunks(rows * 2));
    let tasks = dx.chunks_mut(chunk).zip(reads);
    sum_in_order(engine, [dweight, dbias], tasks, |(dx, ((dy, x), stats)), sums| {
        let (dweight, dbias) = sums.split_at_mut(width);
        vectorised(
            #[inline(always)]
            || {
                let rows = dx.chunks_exact_mut(width).zip(dy.chunks_exact(width)).zip(x.chunks_exact(width));
                for (((dx, dy), x), stats) in rows.zip(stats.chunks_exact(2)) {
                    backward_row(dy, x, weight, stats, dx, dweight, dbias);
                }
            },
        );
    });
}

#[inline(always)]
fn backward_row<T: Float>(
    dy: &[T],
    x: &[T],
    weight: &[T],
    stats: &[T],
    dx: &mut [T],
    dweight: &mut [T],
    dbias: &mut [T],
) {
    let width = weight.len();
    let (dy, x, dx) = (&dy[..width], &x[..width], &mut dx[..width]);
    let (dweight, dbias) = (&mut dweight[..width], &mut dbias[..width]);
    let (mean, scale) = (stats[0], stats[1]);
    let n = T::of(width as f64);
    let mean_dy = lanes(width, |i| dy[i] * weight[i]) / n;
    let mean_dy_x = lanes(width, |i| dy[i] * weight[i] * (x[i] - mean) * scale) / n;
    for i in 0..width {
        let normal = (x[i] - mean) * scale;
        dx[i] += (dy[i] * weight[i] - mean_dy - normal * mean_dy_x) * scale;
        dweight[i] += dy[i] * normal;
        dbias[i] += dy[i];
    }
}

/// Mean and 1/√(variance + ε).
#[inline(always)]
fn moments<T: Float>(x: &[T], epsilon: f64) -> (T, T) {
    let n = T::of(x.len() as f64);
    let mean = lanes(x.len(), |i| x[i]) / n;
    let variance = lanes(x.len(), |i| (x[i] - mean) * (x[i] - mean)) / n;
    (mean, T::ONE / (variance + T::of(epsilon)).sqrt())
}
