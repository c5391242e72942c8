//! Rotary positions on the CPU.

use super::Table;
use crate::Result;
use crate::ops::attention::Shape;
use crate::ops::cpu::{rows_per_task, vectorised, with_slices, with_type};
use crate::ops::{Column, Engine, Float, Tensor};

pub(super) fn rotate(
    engine: &Engine,
    qkv: &Tensor,
    positions: &Column<'_, u32>,
    shape: Shape,
    table: &Table,
    direction: f64,
) -> Result<()> {
    let (positions, half) = (positions.host(), table.cosines.row_width());
    let Shape { heads, kv_heads, head_width, .. } = shape;
    let (row, rotated) = (shape.qkv_width(), (heads + kv_heads) * head_width);
    let reads = [&table.cosines, &table.sines];
    with_type!(qkv, T => with_slices::<T, 2, 1>(reads, [qkv], |[cosines, sines], [qkv]| {
        let direction = <T as Float>::of(direction);
        let rows = rows_per_task(row);
        let tasks = qkv.chunks_mut(rows * row).zip(positions.chunks(rows));
        engine.for_each(tasks, |(qkv, positions)| vectorised(#[inline(always)] || {
            for (qkv, &position) in qkv.chunks_exact_mut(row).zip(positions) {
                let start = position as usize * half;
                let (cosines, sines) = (&cosines[start..][..half], &sines[start..][..half]);
                for head in qkv[..rotated].chunks_exact_mut(head_width) {
                    let (first, second) = head.split_at_mut(half);
                    for i in 0..half {
                        let (a, b) = (first[i], second[i]);
                        let (cosine, sine) = (cosines[i], sines[i] * direction);
                        first[i] = a * cosine - b * sine;
                        second[i] = b * cosine + a * sine;
                    }
                }
            }
        }));
        Ok(())
    }))
}
