//! A linear recurrence on the CPU: one task per sequence.

use crate::Result;
use crate::cpu::{rows_per_task, vectorised, with_slices, with_type};
use crate::{Column, Engine, Float, Gradient, Tensor, View};

pub(super) fn forward(
    engine: &Engine,
    a: View<'_>,
    b: View<'_>,
    offsets: &Column<'_, u32>,
    length: usize,
    out: View<'_>,
) -> Result<()> {
    let width = a.width;
    with_type!(out.tensor, T => with_slices::<T, 2, 1>([a.tensor, b.tensor], [out.tensor], |[of_a, of_b], [values]| {
        let sequences = values.chunks_mut(length * out.stride()).zip(offsets.host().chunks(length)).enumerate();
        engine.for_each(sequences, |(s, (values, offsets))| {
            let mut h = engine.scratch::<T>(width);
            for (row, &offset) in offsets.iter().enumerate() {
                if row == 0 || offset == 0 {
                    h.fill(T::ZERO);
                }
                let (a, b) = (columns(of_a, a, s * length + row), columns(of_b, b, s * length + row));
                advance(a, b, &mut h, &mut values[row * out.stride() + out.first..][..width]);
            }
        });
        Ok(())
    }))
}

#[expect(clippy::too_many_arguments, reason = "inputs, what the forward kept, and results")]
pub(super) fn backward(
    engine: &Engine,
    dout: View<'_>,
    a: View<'_>,
    offsets: &Column<'_, u32>,
    length: usize,
    out: View<'_>,
    da: Gradient<'_>,
    db: Gradient<'_>,
) -> Result<()> {
    let width = a.width;
    with_type!(out.tensor, T => {
        // The gradient of h. It is kept for a moment: da and db may be columns of one tensor.
        let mut dh = engine.scratch::<T>(a.rows() * width);
        with_slices::<T, 2, 0>([dout.tensor, a.tensor], [], |[gradient, of_a], []| {
            let sequences = dh.chunks_mut(length * width).zip(offsets.host().chunks(length)).enumerate();
            engine.for_each(sequences, |(s, (dh, offsets))| {
                for row in (0..length).rev() {
                    let (now, after) = dh[row * width..].split_at_mut(width);
                    now.copy_from_slice(columns(gradient, dout, s * length + row));
                    if row + 1 < length && offsets[row + 1] != 0 {
                        add_product(now, columns(of_a, a, s * length + row + 1), after);
                    }
                }
            });
            Ok(())
        })?;
        write::<T>(engine, db, |row, db| db.iter_mut().zip(&dh[row * width..]).for_each(|(db, &dh)| *db += dh))?;
        with_slices::<T, 1, 0>([out.tensor], [], |[states], []| {
            let begins = |row: usize| row.is_multiple_of(length) || offsets.host()[row] == 0;
            write::<T>(engine, da, |row, da| {
                if !begins(row) {
                    add_product(da, &dh[row * width..][..width], columns(states, out, row - 1));
                }
            })
        })
    })
}

pub(super) fn step(_: &Engine, a: View<'_>, b: View<'_>, state: &Tensor, out: View<'_>) -> Result<()> {
    let (width, reads) = (a.width, [a.tensor, b.tensor]);
    with_type!(state, T => with_slices::<T, 2, 2>(reads, [state, out.tensor], |[of_a, of_b], [state, values]| {
        for (row, state) in state.chunks_exact_mut(width).enumerate() {
            let out = &mut values[row * out.stride() + out.first..][..width];
            advance(columns(of_a, a, row), columns(of_b, b, row), state, out);
        }
        Ok(())
    }))
}

/// h = a ∘ h + b, which is also the result.
fn advance<T: Float>(a: &[T], b: &[T], h: &mut [T], out: &mut [T]) {
    vectorised(
        #[inline(always)]
        || {
            for ((h, &a), &b) in h.iter_mut().zip(a).zip(b) {
                *h = a * *h + b;
            }
        },
    );
    out.copy_from_slice(h);
}

/// Lets `add` add to each row of a gradient, which is 0 before unless the gradient is added to.
fn write<T: Float>(engine: &Engine, gradient: Gradient<'_>, add: impl Fn(usize, &mut [T]) + Sync) -> Result<()> {
    let Gradient { view, adds } = gradient;
    with_slices::<T, 0, 1>([], [view.tensor], |[], [values]| {
        let n = rows_per_task(view.width);
        engine.for_each(values.chunks_mut(n * view.stride()).enumerate(), |(task, values)| {
            for (i, values) in values.chunks_mut(view.stride()).enumerate() {
                let row = &mut values[view.first..][..view.width];
                if !adds {
                    row.fill(T::ZERO);
                }
                add(task * n + i, row);
            }
        });
        Ok(())
    })
}

/// `sums` += a ∘ b
fn add_product<T: Float>(sums: &mut [T], a: &[T], b: &[T]) {
    vectorised(
        #[inline(always)]
        || {
            for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
                *sum += a * b;
            }
        },
    );
}

fn columns<'a, T>(values: &'a [T], view: View<'_>, row: usize) -> &'a [T] {
    &values[row * view.stride() + view.first..][..view.width]
}
