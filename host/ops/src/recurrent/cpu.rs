//! Recurrent layers on the CPU. A thread takes some of the sequences through all steps, so that nothing waits within
//! the time loop; w_hh is packed once for all of them.

use super::cell::{self, Ahead, Backward};
use super::sizes::Sizes;
use super::{Gradients, Kind, Recurrence, Weights};
use crate::Result;
use crate::cpu::{rows_per_task, vectorised, with_slices, with_type};
use crate::reduce::cpu::sum_in_order;
use crate::{Column, Engine, Factor, Float, Gradient, Matrix, Tensor, Threads, View, Write, matmul};
use std::ops::Range;

/// Most sequences that a thread takes at a time: their states stay near the core.
const SEQUENCES: usize = 28;

/// Sequences of a task where the other rows of a product may change the bits of a row.
const SEQUENCES_FIXED: usize = 8;

#[expect(clippy::too_many_arguments, reason = "inputs, what the forward kept, and results")]
pub(super) fn forward(
    engine: &Engine,
    recurrence: Recurrence,
    sizes: Sizes,
    x: View<'_>,
    weights: Weights<'_>,
    offsets: &Column<'_, u32>,
    out: View<'_>,
    kept: &Tensor,
) -> Result<()> {
    let Sizes { hidden, gates, kept: width, .. } = sizes;
    project(engine, sizes, x, weights, kept)?;
    let (w_hh, b_hh) = (weights.w_hh, weights.b_hh);
    let reads = [w_hh, b_hh.unwrap_or(w_hh)];
    with_type!(kept, T => with_slices::<T, 2, 2>(reads, [out.tensor, kept], |[w_hh, bias], [values, kept]| {
        let factor = Factor::new(engine, Matrix::new(w_hh, gates, hidden).t(), Threads::All);
        let bias = b_hh.map(|_| bias);
        let task = Task { engine, recurrence, sizes, factor: &factor };
        let rows = task.rows();
        let parts = values.chunks_mut(rows * out.stride()).zip(kept.chunks_mut(rows * width));
        engine.for_each(parts.zip(offsets.host().chunks(rows)), |((values, kept), offsets)| {
            task.forward(bias, offsets, (values, out.stride(), out.first), kept);
        });
        Ok(())
    }))
}

/// The first `gates` columns of `kept` become x w_ihᵀ + b_ih.
fn project(engine: &Engine, sizes: Sizes, x: View<'_>, weights: Weights<'_>, kept: &Tensor) -> Result<()> {
    let Sizes { inputs, gates, kept: width, .. } = sizes;
    let Weights { w_ih, b_ih, .. } = weights;
    let reads = [x.tensor, w_ih, b_ih.unwrap_or(w_ih)];
    with_type!(kept, T => with_slices::<T, 3, 1>(reads, [kept], |[values, w_ih, bias], [kept]| {
        let write = Write::Sum { residual: None, bias: b_ih.map(|_| bias) };
        matmul(engine, kept, width, matrix(values, x), Matrix::new(w_ih, gates, inputs).t(), write, Threads::All);
        Ok(())
    }))
}

#[expect(clippy::too_many_arguments, reason = "inputs, what the forward kept, and results")]
pub(super) fn backward(
    engine: &Engine,
    recurrence: Recurrence,
    sizes: Sizes,
    dout: View<'_>,
    x: View<'_>,
    weights: Weights<'_>,
    offsets: &Column<'_, u32>,
    out: View<'_>,
    kept: &Tensor,
    dx: Option<Gradient<'_>>,
    gradients: Gradients<'_>,
) -> Result<()> {
    let Sizes { inputs, hidden, gates, kept: width, rows, .. } = sizes;
    let offsets = offsets.host();
    let reads = [weights.w_hh, dout.tensor, out.tensor];
    with_type!(kept, T => with_slices::<T, 3, 1>(reads, [kept], |[w_hh, gradient, values], [kept]| {
        let factor = Factor::new(engine, Matrix::new(w_hh, gates, hidden), Threads::All);
        let task = Task { engine, recurrence, sizes, factor: &factor };
        let n = task.rows();
        let parts = gradient.chunks(n * dout.stride()).zip(values.chunks(n * out.stride()));
        let tasks = parts.zip(offsets.chunks(n)).zip(kept.chunks_mut(n * width));
        engine.for_each(tasks, |(((gradient, values), offsets), kept)| {
            let [gradient, values] = [Rows::new(gradient, dout), Rows::new(values, out)];
            task.backward(offsets, gradient, values, kept);
        });
        Ok(())
    }))?;
    if let Some(dx) = dx {
        let reads = [kept, weights.w_ih];
        with_type!(kept, T => with_slices::<T, 2, 1>(reads, [dx.view.tensor], |[kept, w_ih], [out]| {
            let (da, write) = (Matrix::strided(kept, rows, gates, width), write(dx));
            let w_ih = Matrix::new(w_ih, gates, inputs);
            matmul(engine, &mut out[dx.view.first..], dx.view.stride(), da, w_ih, write, Threads::All);
            Ok(())
        }))?;
    }
    if let Some(w_ih) = gradients.w_ih {
        with_type!(kept, T => with_slices::<T, 2, 1>([kept, x.tensor], [w_ih], |[kept, values], [w_ih]| {
            let da = Matrix::strided(kept, rows, gates, width).t();
            matmul(engine, w_ih, inputs, da, matrix(values, x), Write::Add, Threads::All);
            Ok(())
        }))?;
    }
    let columns = columns_of_u(recurrence.kind, sizes);
    if let Some(w_hh) = gradients.w_hh {
        with_type!(kept, T => with_slices::<T, 2, 1>([kept, out.tensor], [w_hh], |[kept, values], [w_hh]| {
            let mut before = engine.scratch::<T>(rows * hidden);
            states_before(engine, recurrence, offsets, Rows::new(values, out), &mut before);
            let mut first = 0;
            for columns in columns.clone() {
                let du = Matrix::strided(&kept[columns.start..], rows, columns.len(), width).t();
                let w_hh = &mut w_hh[first * hidden..][..columns.len() * hidden];
                matmul(engine, w_hh, hidden, du, Matrix::new(&before, rows, hidden), Write::Add, Threads::All);
                first += columns.len();
            }
            Ok(())
        }))?;
    }
    let biases = [(gradients.b_ih, vec![0..gates; 1]), (gradients.b_hh, columns)];
    add_biases(engine, sizes, kept, &biases)
}

pub(super) fn step(
    engine: &Engine,
    kind: Kind,
    sizes: Sizes,
    x: View<'_>,
    weights: Weights<'_>,
    state: &Tensor,
    out: View<'_>,
) -> Result<()> {
    let Sizes { rows, inputs, hidden, gates, kept: width, state: states } = sizes;
    let Weights { w_ih, w_hh, b_ih, b_hh } = weights;
    let reads = [x.tensor, w_ih, w_hh, b_ih.unwrap_or(w_ih), b_hh.unwrap_or(w_hh)];
    with_type!(state, T => with_slices::<T, 5, 2>(reads, [state, out.tensor], |slices, [state, values]| {
        let [x_values, w_ih, w_hh, of_ih, of_hh] = slices;
        let (mut kept, mut u) = (engine.scratch::<T>(rows * width), engine.scratch::<T>(rows * gates));
        let bias = |bias: Option<&Tensor>, values| Write::Sum { residual: None, bias: bias.map(|_| values) };
        let w_ih = Matrix::new(w_ih, gates, inputs).t();
        matmul(engine, &mut kept, width, matrix(x_values, x), w_ih, bias(b_ih, of_ih), Threads::All);
        let h = Matrix::strided(state, rows, hidden, states);
        let w_hh = Matrix::new(w_hh, gates, hidden).t();
        matmul(engine, &mut u, gates, h, w_hh, bias(b_hh, of_hh), Threads::All);
        vectorised(#[inline(always)] || {
            for row in 0..rows {
                let out = &mut values[row * out.stride() + out.first..][..hidden];
                let (kept, u) = (&mut kept[row * width..][..width], &u[row * gates..][..gates]);
                let ahead = Ahead::of(kept, None);
                cell::forward(kind, kept, u, &mut state[row * states..][..states], out, ahead);
            }
        });
        Ok(())
    }))
}

/// Columns of a matrix on the CPU.
#[derive(Clone, Copy)]
struct Rows<'a, T> {
    values: &'a [T],
    stride: usize,
    first: usize,
    width: usize,
}

impl<'a, T> Rows<'a, T> {
    /// The columns of `view` in some rows of its tensor.
    fn new(values: &'a [T], view: View<'_>) -> Self {
        Self { values, stride: view.stride(), first: view.first, width: view.width }
    }

    /// A row that is wanted soon.
    fn ahead(self, row: Option<usize>) -> Ahead<T> {
        Ahead::of(self.values, row.map(|row| row * self.stride + self.first))
    }

    fn row(self, row: usize) -> &'a [T] {
        &self.values[row * self.stride + self.first..][..self.width]
    }
}

/// What the tasks share.
struct Task<'a, T> {
    engine: &'a Engine,
    recurrence: Recurrence,
    sizes: Sizes,
    /// w_hhᵀ in the forward, w_hh in the backward.
    factor: &'a Factor<'a, T>,
}

impl<T: Float> Task<'_, T> {
    /// Rows of a task: those of whole sequences.
    fn rows(&self) -> usize {
        let sequences = self.sizes.rows / self.recurrence.length;
        let n = match self.factor.rows_are_independent() {
            true => {
                let threads = rayon::current_num_threads();
                sequences.div_ceil(threads * sequences.div_ceil(threads * SEQUENCES).max(1))
            }
            false => SEQUENCES_FIXED,
        };
        n.max(1) * self.recurrence.length
    }

    /// The time loop over some sequences; `out` has a stride and a first column.
    fn forward(&self, bias: Option<&[T]>, offsets: &[u32], out: (&mut [T], usize, usize), kept: &mut [T]) {
        let Self { engine, recurrence, sizes, factor } = *self;
        let Sizes { hidden, gates, kept: width, state: states, .. } = sizes;
        let (out, stride, first) = out;
        let (length, n) = (recurrence.length, offsets.len() / recurrence.length);
        let (mut state, mut u) = (engine.scratch::<T>(n * states), engine.scratch::<T>(n * gates));
        for t in recurrence.rows() {
            for (offsets, state) in offsets.chunks_exact(length).zip(state.chunks_exact_mut(states)) {
                if recurrence.before(offsets, t).is_none() {
                    state.fill(T::ZERO);
                }
            }
            let h = Matrix::strided(&state, n, hidden, states);
            factor.multiply(&mut u, gates, h, gates, Write::Sum { residual: None, bias }, Threads::One);
            vectorised(
                #[inline(always)]
                || {
                    for s in 0..n {
                        let row = s * length + t;
                        let ahead = Ahead::of(kept, recurrence.after(t).map(|t| (s * length + t) * width));
                        let (kept, out) =
                            (&mut kept[row * width..][..width], &mut out[row * stride + first..][..hidden]);
                        let (u, state) = (&u[s * gates..][..gates], &mut state[s * states..][..states]);
                        cell::forward(recurrence.kind, kept, u, state, out, ahead);
                    }
                },
            );
        }
    }

    /// The time loop backwards: what was kept becomes the gradients of a and u.
    fn backward(&self, offsets: &[u32], dout: Rows<'_, T>, out: Rows<'_, T>, kept: &mut [T]) {
        let Self { engine, recurrence, sizes, factor } = *self;
        let Sizes { hidden, gates, kept: width, state: states, .. } = sizes;
        let (kind, length, n) = (recurrence.kind, recurrence.length, offsets.len() / recurrence.length);
        let (mut carry, mut du) = (engine.scratch::<T>(n * states), engine.scratch::<T>(n * gates));
        let mut zeros = engine.scratch::<T>(hidden);
        carry.fill(T::ZERO);
        zeros.fill(T::ZERO);
        let write = if kind == Kind::Gru { Write::Add } else { Write::Overwrite };
        for t in recurrence.rows().rev() {
            let before = |s: usize| recurrence.before(&offsets[s * length..][..length], t).map(|t| s * length + t);
            vectorised(
                #[inline(always)]
                || {
                    for s in 0..n {
                        let (row, before) = (s * length + t, before(s));
                        let next = recurrence.previous(t).map(|t| s * length + t);
                        let ahead = [Ahead::of(kept, next.map(|row| row * width)), dout.ahead(next)];
                        let (kept, kept_before) = two_rows(kept, width, row, before);
                        let (carry, du) = (&mut carry[s * states..][..states], &mut du[s * gates..][..gates]);
                        let tensors = Backward {
                            row: kept,
                            c_before: kept_before.filter(|_| kind == Kind::Lstm).map_or(&zeros, |row| &row[gates..]),
                            h: out.row(row),
                            h_before: before.map_or(&zeros, |before| out.row(before)),
                            dout: dout.row(row),
                            carry,
                            du,
                            ahead,
                        };
                        cell::backward(kind, tensors);
                    }
                },
            );
            if (0..n).any(|s| before(s).is_some()) {
                factor.multiply(&mut carry, states, Matrix::new(&du, n, gates), hidden, write, Threads::One);
            }
            for (s, carry) in carry.chunks_exact_mut(states).enumerate() {
                if before(s).is_none() {
                    carry.fill(T::ZERO);
                }
            }
        }
    }
}

/// Row `row` of rows of `width`, and another one.
fn two_rows<T>(rows: &mut [T], width: usize, row: usize, other: Option<usize>) -> (&mut [T], Option<&[T]>) {
    match other {
        None => (&mut rows[row * width..][..width], None),
        Some(other) if other < row => {
            let (first, second) = rows.split_at_mut(row * width);
            (&mut second[..width], Some(&first[other * width..][..width]))
        }
        Some(other) => {
            let (first, second) = rows.split_at_mut(other * width);
            (&mut first[row * width..][..width], Some(&second[..width]))
        }
    }
}

/// The states h before all rows, 0 where a document begins.
fn states_before<T: Float>(
    engine: &Engine,
    recurrence: Recurrence,
    offsets: &[u32],
    out: Rows<'_, T>,
    before: &mut [T],
) {
    let length = recurrence.length;
    let sequences = before.chunks_mut(length * out.width).zip(offsets.chunks(length)).enumerate();
    engine.for_each(sequences, |(s, (before, offsets))| {
        for (row, h) in before.chunks_exact_mut(out.width).enumerate() {
            match recurrence.before(offsets, row) {
                Some(other) => h.copy_from_slice(out.row(s * length + other)),
                None => h.fill(T::ZERO),
            }
        }
    });
}

/// Columns of what is kept that become the gradient of u, in the order of the rows of w_hh.
fn columns_of_u(kind: Kind, sizes: Sizes) -> Vec<Range<usize>> {
    let Sizes { hidden, gates, .. } = sizes;
    match kind {
        Kind::Gru => vec![0..2 * hidden, 3 * hidden..4 * hidden],
        _ => vec![0..gates; 1],
    }
}

/// Each bias += Σ over rows of its columns of `kept`.
fn add_biases(
    engine: &Engine,
    sizes: Sizes,
    kept: &Tensor,
    biases: &[(Option<&Tensor>, Vec<Range<usize>>)],
) -> Result<()> {
    if biases.iter().all(|(bias, _)| bias.is_none()) {
        return Ok(());
    }
    let width = sizes.kept;
    with_type!(kept, T => {
        let mut sums = engine.scratch::<T>(width);
        sums.fill(T::ZERO);
        with_slices::<T, 1, 0>([kept], [], |[kept], []| {
            sum_in_order(engine, [&mut sums], kept.chunks(rows_per_task(width) * width), |rows, sums| {
                vectorised(#[inline(always)] || {
                    for row in rows.chunks_exact(width) {
                        for (sum, &value) in sums.iter_mut().zip(row) {
                            *sum += value;
                        }
                    }
                });
            });
            Ok(())
        })?;
        for (bias, columns) in biases {
            let Some(bias) = bias else { continue };
            with_slices::<T, 0, 1>([], [bias], |[], [bias]| {
                let sums = columns.iter().flat_map(|columns| &sums[columns.clone()]);
                bias.iter_mut().zip(sums).for_each(|(bias, &sum)| *bias += sum);
                Ok(())
            })?;
        }
        Ok(())
    })
}

/// Columns as a factor.
fn matrix<'a, T>(values: &'a [T], view: View<'_>) -> Matrix<'a, T> {
    Matrix::strided(&values[view.first..], view.rows(), view.width, view.stride())
}

/// How a product writes a gradient.
fn write<T>(gradient: Gradient<'_>) -> Write<'static, T> {
    if gradient.adds { Write::Add } else { Write::Overwrite }
}
