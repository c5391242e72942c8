//! Rows of tables on the CPU.

use super::Lookup;
use crate::Result;
use crate::cpu::{with_slices, with_type};
use crate::{Engine, Float, Tensor};

/// Rows of a task.
const ROWS: usize = 64;

/// Pieces of a table whose gradient is summed.
const TASKS: usize = 16;

pub(super) fn forward(engine: &Engine, lookups: &[Lookup<'_>], out: &Tensor) -> Result<()> {
    let width = out.row_width();
    for (number, &Lookup { index, table, offset }) in lookups.iter().enumerate() {
        let index = index.host();
        with_type!(out, T => with_slices::<T, 1, 1>([table], [out], |[table], [out]| {
            engine.for_each(out.chunks_mut(ROWS * width).zip(index.chunks(ROWS)), |(out, index)| {
                for (out, &index) in out.chunks_mut(width).zip(index) {
                    let row = &table[(index as usize + offset) * width..][..width];
                    match number {
                        0 => out.copy_from_slice(row),
                        _ => out.iter_mut().zip(row).for_each(|(out, &value)| *out += value),
                    }
                }
            });
            Ok(())
        }))?;
    }
    Ok(())
}

/// `table[index[i] + offset]` += `dx[i]`, always in the order of i.
pub(super) fn add_rows(engine: &Engine, gradient: &Lookup<'_>, dx: &Tensor, _in_order: bool) -> Result<()> {
    let &Lookup { index, table, offset } = gradient;
    let (width, index) = (dx.row_width(), index.host());
    with_type!(dx, T => with_slices::<T, 1, 1>([dx], [table], |[dx], [table]| {
        scatter_add(engine, index, dx, &mut table[offset * width..], width);
        Ok(())
    }))
}

/// Each task owns some rows of the table and looks through all indices: those that share one are added in their order.
fn scatter_add<T: Float>(engine: &Engine, rows: &[u32], dx: &[T], table: &mut [T], width: usize) {
    let part = (table.len() / width).div_ceil(TASKS);
    engine.for_each(table.chunks_mut(part * width).enumerate(), |(task, table)| {
        for (&row, dx) in rows.iter().zip(dx.chunks_exact(width)) {
            let Some(row) = (row as usize).checked_sub(task * part).filter(|&row| row < part) else { continue };
            table[row * width..][..width].iter_mut().zip(dx).for_each(|(sum, &value)| *sum += value);
        }
    });
}
