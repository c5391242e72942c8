//! Moved rows on the CPU.

use super::source;
use crate::Result;
use crate::cpu::{rows_per_task, with_slices, with_type};
use crate::{Column, Engine, Float, Gradient, Tensor, View};

pub(super) fn shift(
    engine: &Engine,
    by: i64,
    x: View<'_>,
    offsets: &Column<'_, u32>,
    length: usize,
    out: Gradient<'_>,
) -> Result<()> {
    let (offsets, width, to) = (offsets.host(), x.width, out.view);
    with_type!(x.tensor, T => with_slices::<T, 1, 1>([x.tensor], [to.tensor], |[x_values], [values]| {
        let rows = rows_per_task(width);
        engine.for_each(values.chunks_mut(rows * to.stride()).enumerate(), |(task, values)| {
            for (i, values) in values.chunks_mut(to.stride()).enumerate() {
                let (sequence, row) = ((task * rows + i) / length, (task * rows + i) % length);
                let found = source(by, &offsets[sequence * length..][..length], row);
                let x = found.map(|row| &x_values[(sequence * length + row) * x.stride() + x.first..][..width]);
                write(&mut values[to.first..][..width], x, out.adds);
            }
        });
        Ok(())
    }))
}

fn write<T: Float>(out: &mut [T], x: Option<&[T]>, adds: bool) {
    match (x, adds) {
        (Some(x), false) => out.copy_from_slice(x),
        (Some(x), true) => out.iter_mut().zip(x).for_each(|(out, &x)| *out += x),
        (None, false) => out.fill(T::ZERO),
        (None, true) => {}
    }
}

pub(super) fn step(_: &Engine, by: usize, x: View<'_>, state: &Tensor, out: View<'_>) -> Result<()> {
    let width = x.width;
    with_type!(state, T => with_slices::<T, 1, 2>([x.tensor], [state, out.tensor], |[x_values], [state, values]| {
        for row in 0..x.rows() {
            let state = &mut state[row * by * width..][..by * width];
            let x = &x_values[row * x.stride() + x.first..][..width];
            let out = &mut values[row * out.stride() + out.first..][..width];
            let (oldest, rest) = state.split_at_mut(width.min(state.len()));
            if by == 0 {
                out.copy_from_slice(x);
                continue;
            }
            out.copy_from_slice(oldest);
            let n = rest.len();
            state.copy_within(width.., 0);
            state[n..].copy_from_slice(x);
        }
        Ok(())
    }))
}
