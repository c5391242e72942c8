//! Rows of tables on the CPU.

use crate::Result;
use crate::ops::cpu::{with_slices, with_type};
use crate::ops::{Column, Engine, Float, Tensor};

/// Rows of a task.
const ROWS: usize = 64;

/// Pieces of a table whose gradient is summed.
const TASKS: usize = 16;

pub(super) fn forward(
    engine: &Engine,
    ids: &Column<'_, u32>,
    tokens: &Tensor,
    positions: Option<(&Column<'_, u32>, &Tensor)>,
    out: &Tensor,
) -> Result<()> {
    let (width, ids) = (tokens.dim(1)?, ids.host());
    with_type!(out, T => with_slices::<T, 1, 1>([tokens], [out], |[tokens], [out]| {
        engine.for_each(out.chunks_mut(ROWS * width).zip(ids.chunks(ROWS)), |(out, ids)| {
            for (out, &id) in out.chunks_mut(width).zip(ids) {
                out.copy_from_slice(row(tokens, id, width));
            }
        });
        Ok(())
    }))?;
    let Some((at, table)) = positions.map(|(at, table)| (at.host(), table)) else { return Ok(()) };
    with_type!(out, T => with_slices::<T, 1, 1>([table], [out], |[table], [out]| {
        engine.for_each(out.chunks_mut(ROWS * width).zip(at.chunks(ROWS)), |(out, at)| {
            for (out, &at) in out.chunks_mut(width).zip(at) {
                out.iter_mut().zip(row(table, at, width)).for_each(|(out, &position)| *out += position);
            }
        });
        Ok(())
    }))
}

/// `gradient[rows[i]]` += `dx[i]`, always in the order of i.
pub(super) fn add_rows(
    engine: &Engine,
    rows: &Column<'_, u32>,
    dx: &Tensor,
    gradient: &Tensor,
    _in_order: bool,
) -> Result<()> {
    let (width, rows) = (gradient.dim(1)?, rows.host());
    with_type!(dx, T => with_slices::<T, 1, 1>([dx], [gradient], |[dx], [gradient]| {
        scatter_add(engine, rows, dx, gradient, width);
        Ok(())
    }))
}

fn row<T>(table: &[T], index: u32, width: usize) -> &[T] {
    &table[index as usize * width..][..width]
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
