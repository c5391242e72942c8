//! Causal depthwise convolution on the CPU.

use super::Rows;
use crate::Result;
use crate::cpu::{rows_per_task, vectorised, with_slices, with_type};
use crate::reduce::cpu::sum_in_order;
use crate::{Engine, Float, Gradient, Tensor, View};

pub(super) fn forward(
    engine: &Engine,
    x: View<'_>,
    weight: &Tensor,
    bias: Option<&Tensor>,
    rows: Rows<'_>,
    out: View<'_>,
) -> Result<()> {
    let (width, kernel) = (x.width, weight.row_width());
    let reads = [x.tensor, weight, bias.unwrap_or(weight)];
    with_type!(weight, T => with_slices::<T, 3, 1>(reads, [out.tensor], |[x_values, weight, of_bias], [values]| {
        let mut taps = engine.scratch::<T>(kernel * width);
        transpose(weight, kernel, &mut taps);
        let bias = bias.map(|_| of_bias);
        let n = rows_per_task(width);
        engine.for_each(values.chunks_mut(n * out.stride()).enumerate(), |(task, values)| {
            for (i, values) in values.chunks_mut(out.stride()).enumerate() {
                let row = task * n + i;
                let out = &mut values[out.first..][..width];
                match bias {
                    Some(bias) => out.copy_from_slice(bias),
                    None => out.fill(T::ZERO),
                }
                let taken = rows.before(row, kernel).map(|back| (back, row - back));
                add_taps(taken, &taps, (x_values, x), out);
            }
        });
        Ok(())
    }))
}

pub(super) fn backward(
    engine: &Engine,
    dout: View<'_>,
    weight: &Tensor,
    rows: Rows<'_>,
    dx: Gradient<'_>,
) -> Result<()> {
    let (width, kernel, to) = (dout.width, weight.row_width(), dx.view);
    with_type!(weight, T => with_slices::<T, 2, 1>([dout.tensor, weight], [to.tensor], |[gradient, weight], [values]| {
        let mut taps = engine.scratch::<T>(kernel * width);
        transpose(weight, kernel, &mut taps);
        let n = rows_per_task(width);
        engine.for_each(values.chunks_mut(n * to.stride()).enumerate(), |(task, values)| {
            for (i, values) in values.chunks_mut(to.stride()).enumerate() {
                let row = task * n + i;
                let dx_row = &mut values[to.first..][..width];
                if !dx.adds {
                    dx_row.fill(T::ZERO);
                }
                let taken = rows.after(row, kernel).map(|ahead| (ahead, row + ahead));
                add_taps(taken, &taps, (gradient, dout), dx_row);
            }
        });
        Ok(())
    }))
}

pub(super) fn add_weights(
    engine: &Engine,
    dout: View<'_>,
    x: View<'_>,
    kernel: usize,
    rows: Rows<'_>,
    dweight: Option<&Tensor>,
    dbias: Option<&Tensor>,
) -> Result<()> {
    let width = x.width;
    let gradient = dout.tensor;
    with_type!(gradient, T => {
        // [kernel, C], and then [C] of the bias
        let mut sums = engine.scratch::<T>((kernel + 1) * width);
        sums.fill(T::ZERO);
        with_slices::<T, 2, 0>([gradient, x.tensor], [], |[gradient, x_values], []| {
            let n = rows_per_task(width);
            let tasks = (0..x.rows()).step_by(n).map(|first| first..(first + n).min(x.rows()));
            let tasks: Vec<_> = tasks.collect();
            sum_in_order(engine, [&mut sums], tasks.into_iter(), |task, sums| {
                for row in task {
                    let dy = columns(gradient, dout, row);
                    let (taps, bias) = sums.split_at_mut(kernel * width);
                    bias.iter_mut().zip(dy).for_each(|(sum, &dy)| *sum += dy);
                    for back in rows.before(row, kernel) {
                        let (x, taps) = (columns(x_values, x, row - back), &mut taps[back * width..][..width]);
                        multiply_add(taps, dy, x);
                    }
                }
            });
            Ok(())
        })?;
        if let Some(dweight) = dweight {
            with_slices::<T, 0, 1>([], [dweight], |[], [dweight]| {
                for (column, dweight) in dweight.chunks_exact_mut(kernel).enumerate() {
                    dweight.iter_mut().rev().enumerate().for_each(|(back, sum)| *sum += sums[back * width + column]);
                }
                Ok(())
            })?;
        }
        let Some(dbias) = dbias else { return Ok(()) };
        with_slices::<T, 0, 1>([], [dbias], |[], [dbias]| {
            dbias.iter_mut().zip(&sums[kernel * width..]).for_each(|(sum, &part)| *sum += part);
            Ok(())
        })
    })
}

pub(super) fn step(
    _: &Engine,
    x: View<'_>,
    weight: &Tensor,
    bias: Option<&Tensor>,
    state: &Tensor,
    out: View<'_>,
) -> Result<()> {
    let (width, kernel) = (x.width, weight.row_width());
    let reads = [x.tensor, weight, bias.unwrap_or(weight)];
    with_type!(weight, T => with_slices::<T, 3, 2>(reads, [state, out.tensor], |slices, [state, values]| {
        let [x_values, weight, of_bias] = slices;
        for row in 0..x.rows() {
            let state = &mut state[row * (kernel - 1) * width..][..(kernel - 1) * width];
            let x = columns(x_values, x, row);
            for (column, out) in values[row * out.stride() + out.first..][..width].iter_mut().enumerate() {
                let weight = &weight[column * kernel..][..kernel];
                *out = bias.map_or(T::ZERO, |_| of_bias[column]) + weight[kernel - 1] * x[column];
                for back in 1..kernel {
                    *out += weight[kernel - 1 - back] * state[(kernel - 1 - back) * width + column];
                }
            }
            if kernel > 1 {
                state.copy_within(width.., 0);
                state[(kernel - 2) * width..].copy_from_slice(x);
            }
        }
        Ok(())
    }))
}

impl Rows<'_> {
    /// How many rows back those are that row `row` is computed from.
    fn before(&self, row: usize, kernel: usize) -> std::ops::Range<usize> {
        let offset = (row % self.length).min(self.offsets.host()[row] as usize);
        0..kernel.min(offset + 1)
    }

    /// How many rows ahead those are that are computed from row `row`.
    fn after(&self, row: usize, kernel: usize) -> std::ops::Range<usize> {
        let offsets = self.offsets.host();
        let n = kernel.min(self.length - row % self.length);
        0..(1..n).find(|&ahead| (offsets[row + ahead] as usize) < ahead).unwrap_or(n)
    }
}

/// `out` += Σ `taps[index]` ∘ row of x, for all (index, row).
fn add_taps<T: Float>(
    taken: impl Iterator<Item = (usize, usize)>,
    taps: &[T],
    (x_values, x): (&[T], View<'_>),
    out: &mut [T],
) {
    for (index, row) in taken {
        multiply_add(out, &taps[index * x.width..][..x.width], columns(x_values, x, row));
    }
}

/// `sums` += a ∘ b
fn multiply_add<T: Float>(sums: &mut [T], a: &[T], b: &[T]) {
    vectorised(
        #[inline(always)]
        || {
            for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
                *sum += a * b;
            }
        },
    );
}

/// weight `[C, kernel]` as `[kernel, C]`, the tap of the row itself first.
fn transpose<T: Float>(weight: &[T], kernel: usize, taps: &mut [T]) {
    let width = weight.len() / kernel;
    for (back, taps) in taps.chunks_exact_mut(width).enumerate() {
        for (tap, weight) in taps.iter_mut().zip(weight.chunks_exact(kernel)) {
            *tap = weight[kernel - 1 - back];
        }
    }
}

fn columns<'a, T>(values: &'a [T], view: View<'_>, row: usize) -> &'a [T] {
    &values[row * view.stride() + view.first..][..view.width]
}
