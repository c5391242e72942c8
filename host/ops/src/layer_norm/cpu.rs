//! Layer normalisation on the CPU.

use crate::Result;
use crate::cpu::{rows_per_task, vectorised, with_slice_lists, with_slices, with_type};
use crate::norm::{Lines, factors, wanted};
use crate::reduce::cpu::{lanes, sum_in_order};
use crate::view::Place;
use crate::{Assign, Device, Engine, Float, Tensor, View};

#[expect(clippy::too_many_arguments, reason = "inputs, what the forward kept, and results")]
pub(super) fn forward(
    engine: &Engine,
    lines: Lines,
    x: View<'_>,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    epsilon: f64,
    out: View<'_>,
    stats: &Tensor,
) -> Result<()> {
    let Lines { chunks, width, .. } = lines;
    let (of_x, of_out) = (x.place(), out.place());
    // An absent parameter: something to open that is not read.
    let reads = [x.tensor, weight.unwrap_or(x.tensor), bias.unwrap_or(x.tensor)];
    with_type!(x, T => with_slices::<T, 3, 2>(reads, [out.tensor, stats], |[x, of_weight, of_bias], [out, stats]| {
        let weight = &*factors(weight.map(|_| of_weight), 0.0, width);
        let zeros = if bias.is_none() { vec![T::of(0.0); width] } else { Vec::new() };
        let bias = if bias.is_some() { of_bias } else { &zeros };
        let rows = rows_per_task(of_x.width);
        let results = out.chunks_mut(rows * of_out.stride).zip(stats.chunks_mut(rows * chunks * 2));
        engine.for_each(results.zip(x.chunks(rows * of_x.stride)), |((out, stats), x)| {
            vectorised(#[inline(always)] || {
                let results = out.chunks_exact_mut(of_out.stride).zip(stats.chunks_exact_mut(chunks * 2));
                for ((out, stats), x) in results.zip(x.chunks_exact(of_x.stride)) {
                    let lines = of_out.row_mut(out, 0).chunks_exact_mut(width).zip(stats.chunks_exact_mut(2));
                    for ((out, stats), x) in lines.zip(of_x.row(x, 0).chunks_exact(width)) {
                        let (mean, scale) = moments(x, epsilon);
                        (stats[0], stats[1]) = (mean, scale);
                        for i in 0..width {
                            out[i] = (x[i] - mean) * scale * weight[i] + bias[i];
                        }
                    }
                }
            });
        });
        Ok(())
    }))
}

#[expect(clippy::too_many_arguments, reason = "inputs, what the forward kept, and results")]
pub(super) fn backward(
    engine: &Engine,
    lines: Lines,
    dy: View<'_>,
    x: View<'_>,
    weight: Option<&Tensor>,
    stats: &Tensor,
    dx: Option<(View<'_>, Assign)>,
    parameters: [Option<&Tensor>; 2],
) -> Result<()> {
    // Sums that nobody asks for go into tensors that nobody reads.
    let [dweight, dbias] = parameters.map(|gradient| match gradient {
        Some(gradient) => Ok(gradient.clone()),
        None => Tensor::zeros(lines.width, x.dtype(), &Device::Cpu),
    });
    let (wanted, place, assign) = wanted(x, dx);
    let places = [dy.place(), x.place(), place];
    let (dweight, dbias) = (dweight?, dbias?);
    let writes: Vec<_> = [&dbias, &dweight].into_iter().chain(wanted).collect();
    let reads = [dy.tensor, x.tensor, weight.unwrap_or(x.tensor), stats];
    with_type!(x, T => with_slice_lists::<T>(&reads, &writes, |reads, writes| {
        let mut unwanted = engine.scratch::<T>(if wanted.is_none() { x.rows() * x.width } else { 0 });
        let weight = &*factors(weight.map(|_| reads[2]), 0.0, lines.width);
        let reads = [reads[0], reads[1], weight, reads[3]];
        let mut writes = writes.into_iter();
        let [dbias, dweight] = [(); 2].map(|()| writes.next().unwrap_or_default());
        let writes = [writes.next().unwrap_or(&mut unwanted), dweight, dbias];
        match assign {
            Assign::Set => backward_rows::<T, false>(engine, lines, places, reads, writes),
            Assign::Add => backward_rows::<T, true>(engine, lines, places, reads, writes),
        }
        Ok(())
    }))
}

fn backward_rows<T: Float, const ADD: bool>(
    engine: &Engine,
    Lines { chunks, width, .. }: Lines,
    [of_dy, of_x, of_dx]: [Place; 3],
    [dy, x, weight, stats]: [&[T]; 4],
    [dx, dweight, dbias]: [&mut [T]; 3],
) {
    let rows = rows_per_task(of_x.width);
    let reads = dy.chunks(rows * of_dy.stride).zip(x.chunks(rows * of_x.stride)).zip(stats.chunks(rows * chunks * 2));
    let tasks = dx.chunks_mut(rows * of_dx.stride).zip(reads);
    sum_in_order(engine, [dweight, dbias], tasks, |(dx, ((dy, x), stats)), sums| {
        let (dweight, dbias) = sums.split_at_mut(width);
        vectorised(
            #[inline(always)]
            || {
                let reads = dy.chunks_exact(of_dy.stride).zip(x.chunks_exact(of_x.stride));
                let rows = dx.chunks_exact_mut(of_dx.stride).zip(reads).zip(stats.chunks_exact(chunks * 2));
                for ((dx, (dy, x)), stats) in rows {
                    let reads = of_dy.row(dy, 0).chunks_exact(width).zip(of_x.row(x, 0).chunks_exact(width));
                    let lines = of_dx.row_mut(dx, 0).chunks_exact_mut(width).zip(reads);
                    for ((dx, (dy, x)), stats) in lines.zip(stats.chunks_exact(2)) {
                        backward_line::<T, ADD>([dy, x, weight, stats], [dx, dweight, dbias]);
                    }
                }
            },
        );
    });
}

#[inline(always)]
fn backward_line<T: Float, const ADD: bool>([dy, x, weight, stats]: [&[T]; 4], [dx, dweight, dbias]: [&mut [T]; 3]) {
    let width = weight.len();
    let (dy, x, dx) = (&dy[..width], &x[..width], &mut dx[..width]);
    let (dweight, dbias) = (&mut dweight[..width], &mut dbias[..width]);
    let (mean, scale) = (stats[0], stats[1]);
    let n = T::of(width as f64);
    let mean_dy = lanes(width, |i| dy[i] * weight[i]) / n;
    let mean_dy_x = lanes(width, |i| dy[i] * weight[i] * (x[i] - mean) * scale) / n;
    for i in 0..width {
        let normal = (x[i] - mean) * scale;
        let change = (dy[i] * weight[i] - mean_dy - normal * mean_dy_x) * scale;
        dx[i] = if ADD { dx[i] + change } else { change };
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
