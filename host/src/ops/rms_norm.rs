//! Root-mean-square normalisation (Zhang & Sennrich, arXiv 1910.07467): y = x / √(mean(x²) + ε) · weight, per row.

use super::cpu::{rows_per_task, vectorised, with_slices, with_type};
use super::cuda::{Grid, arguments};
use super::reduce::{add_partials, lanes, row_grid, sum_blocks, sum_in_order};
use super::{Engine, Float, OpGroup, Tensor, check_gpu};
use crate::Result;
use rayon::prelude::*;

/// `out` `[rows, width]` = the normalised rows of `x`, times `weight` `[width]`; `scale` `[rows, 1]` keeps
/// 1/√(mean(x²) + ε) for the backward.
pub fn forward(engine: &Engine, x: &Tensor, weight: &Tensor, epsilon: f64, out: &Tensor, scale: &Tensor) -> Result<()> {
    let _timer = engine.time(OpGroup::Norm);
    let width = weight.elem_count();
    if let Some(gpu) = engine.gpu() {
        let (stream, n) = (x.dtype(), x.elem_count());
        let rows = n / width.max(1);
        check_gpu("rms norm", &[(x, stream, rows * width), (weight, stream, width)])?;
        check_gpu("rms norm", &[(out, out.dtype(), n), (scale, stream, rows)])?;
        let words = arguments![x, weight, epsilon, out, scale, rows, width];
        return gpu.launch("rms_norm_forward", out.dtype(), row_grid(rows, width), words);
    }
    with_type!(x, T => with_slices::<T, 2, 2>([x, weight], [out, scale], |[x, weight], [out, scale]| {
        let rows = rows_per_task(width);
        let results = out.par_chunks_mut(rows * width).zip(scale.par_chunks_mut(rows));
        results.zip(x.par_chunks(rows * width)).for_each(|((out, scale), x)| vectorised(#[inline(always)] || {
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

/// The gradients: `dx` += …, `dweight` += Σ rows dy x̂, with x̂ the normalised row.
/// dx = (ŵ - x̂ mean(ŵ x̂)) / √(mean(x²) + ε), with ŵ = dy · weight. dy, x and dx `[rows, width]`, scale `[rows, 1]`.
pub fn backward(
    engine: &Engine,
    dy: &Tensor,
    x: &Tensor,
    weight: &Tensor,
    scale: &Tensor,
    dx: &Tensor,
    dweight: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Norm);
    if let Some(gpu) = engine.gpu() {
        let (stream, n, width) = (x.dtype(), x.elem_count(), weight.elem_count());
        let rows = n / width.max(1);
        check_gpu("rms norm", &[(dy, dy.dtype(), rows * width), (x, stream, n), (weight, stream, width)])?;
        check_gpu("rms norm", &[(scale, stream, rows), (dx, stream, n), (dweight, stream, width)])?;
        let blocks = sum_blocks(gpu, rows);
        let partial = gpu.scratch(blocks * width * stream.size_in_bytes())?;
        let words = arguments![dy, x, weight, scale, dx, partial.pointer(), rows, width];
        gpu.launch("rms_norm_backward", dy.dtype(), Grid::new(blocks, 256), words)?;
        return add_partials(gpu, partial.pointer(), blocks, &[dweight]);
    }
    let reads = [dy, x, weight, scale];
    with_type!(x, T => with_slices::<T, 4, 2>(reads, [dx, dweight], |[dy, x, weight, scale], [dx, dweight]| {
        let width = weight.len();
        let rows = rows_per_task(width);
        let chunk = rows * width;
        let reads = dy.par_chunks(chunk).zip(x.par_chunks(chunk)).zip(scale.par_chunks(rows));
        sum_in_order(engine, [dweight], dx.par_chunks_mut(chunk).zip(reads), |(dx, ((dy, x), scale)), dweight| {
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
