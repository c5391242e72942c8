//! Ranges of rows on the CPU.

use super::Pool;
use super::ranges::first_beyond;
use crate::Result;
use crate::cpu::{rows_per_task, vectorised, with_slices, with_type};
use crate::{Column, Engine, Float, Gradient, View};
use std::ops::Range;

impl Pool {
    /// The rows of a range that count, and their factor.
    fn taken<T: Float>(self, range: &[u32]) -> (Range<usize>, T) {
        let (first, length) = (range[0] as usize, range[1] as usize);
        let all = first..first + length;
        match self {
            _ if length == 0 => (0..0, T::ZERO),
            Self::First => (first..first + 1, T::ONE),
            Self::Last => (all.end - 1..all.end, T::ONE),
            Self::Mean => (all, T::of(1.0 / length as f64)),
            Self::Sum => (all, T::ONE),
        }
    }
}

pub(super) fn gather(
    engine: &Engine,
    pool: Pool,
    x: View<'_>,
    ranges: &Column<'_, u32>,
    out: Gradient<'_>,
) -> Result<()> {
    let (ranges, width, to) = (ranges.host(), x.width, out.view);
    with_type!(x.tensor, T => with_slices::<T, 1, 1>([x.tensor], [to.tensor], |[x_values], [values]| {
        engine.for_each(values.chunks_mut(to.stride()).zip(ranges.chunks_exact(2)), |(values, range)| {
            let (rows, factor) = pool.taken::<T>(range);
            let mut sums = engine.scratch::<T>(width);
            sums.fill(T::ZERO);
            for row in rows {
                add(&mut sums, &x_values[row * x.stride() + x.first..][..width], T::ONE);
            }
            let out_values = &mut values[to.first..][..width];
            if !out.adds {
                out_values.fill(T::ZERO);
            }
            add(out_values, &sums, factor);
        });
        Ok(())
    }))
}

pub(super) fn spread(
    engine: &Engine,
    pool: Pool,
    x: View<'_>,
    ranges: &Column<'_, u32>,
    out: Gradient<'_>,
) -> Result<()> {
    let (ranges, width, to) = (ranges.host(), x.width, out.view);
    with_type!(x.tensor, T => with_slices::<T, 1, 1>([x.tensor], [to.tensor], |[x_values], [values]| {
        let n = rows_per_task(width);
        engine.for_each(values.chunks_mut(n * to.stride()).enumerate(), |(task, values)| {
            let mut index = first_beyond(ranges, task * n);
            for (i, values) in values.chunks_mut(to.stride()).enumerate() {
                let (row, out_values) = (task * n + i, &mut values[to.first..][..width]);
                if !out.adds {
                    out_values.fill(T::ZERO);
                }
                let ends = |range: &[u32]| (range[0] + range[1]) as usize <= row;
                while ranges.get(2 * index..).is_some_and(|rest| rest.len() >= 2 && ends(rest)) {
                    index += 1;
                }
                let Some(range) = ranges.get(2 * index..2 * index + 2) else { continue };
                let (rows, factor) = pool.taken::<T>(range);
                if rows.contains(&row) {
                    add(out_values, &x_values[index * x.stride() + x.first..][..width], factor);
                }
            }
        });
        Ok(())
    }))
}

/// `sums` += factor · x
fn add<T: Float>(sums: &mut [T], x: &[T], factor: T) {
    vectorised(
        #[inline(always)]
        || sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += factor * x),
    );
}
