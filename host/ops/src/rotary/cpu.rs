//! Rotary positions on the CPU.

use super::Table;
use crate::Result;
use crate::cpu::{rows_per_task, vectorised, with_slices, with_type};
use crate::{Column, Engine, Float, View};

pub(super) fn rotate(
    engine: &Engine,
    x: View<'_>,
    positions: &Column<'_, u32>,
    table: &Table,
    direction: f64,
) -> Result<()> {
    let positions = positions.host();
    let Table { cosines, sines, head_width, interleaved } = table;
    let (half, row) = (cosines.row_width(), x.stride());
    with_type!(x.tensor, T => with_slices::<T, 2, 1>([cosines, sines], [x.tensor], |[cosines, sines], [elements]| {
        let direction = <T as Float>::of(direction);
        let rows = rows_per_task(row);
        let tasks = elements.chunks_mut(rows * row).zip(positions.chunks(rows));
        engine.for_each(tasks, |(elements, positions)| vectorised(#[inline(always)] || {
            for (row, &position) in elements.chunks_exact_mut(row).zip(positions) {
                let start = position as usize * half;
                let (cosines, sines) = (&cosines[start..][..half], &sines[start..][..half]);
                for head in row[x.first..][..x.width].chunks_exact_mut(*head_width) {
                    match interleaved {
                        false => halves(head, cosines, sines, direction),
                        true => neighbours(head, cosines, sines, direction),
                    }
                }
            }
        }));
        Ok(())
    }))
}

#[inline(always)]
fn halves<T: Float>(head: &mut [T], cosines: &[T], sines: &[T], direction: T) {
    let half = cosines.len();
    let (first, rest) = head.split_at_mut(half);
    let second = &mut rest[..half];
    for i in 0..half {
        let (a, b) = (first[i], second[i]);
        let (cosine, sine) = (cosines[i], sines[i] * direction);
        first[i] = a * cosine - b * sine;
        second[i] = b * cosine + a * sine;
    }
}

#[inline(always)]
fn neighbours<T: Float>(head: &mut [T], cosines: &[T], sines: &[T], direction: T) {
    for ((pair, &cosine), &sine) in head.chunks_exact_mut(2).zip(cosines).zip(sines) {
        let (a, b, sine) = (pair[0], pair[1], sine * direction);
        pair[0] = a * cosine - b * sine;
        pair[1] = b * cosine + a * sine;
    }
}
