//! Rows of tables on the CPU.

use super::Lookup;
use crate::Result;
use crate::cpu::{with_slices, with_type};
use crate::{Engine, Float, Tensor, Weight};

/// Rows of a task.
const ROWS: usize = 64;

/// Pieces of a table whose gradient is summed.
const TASKS: usize = 16;

pub(super) fn forward(engine: &Engine, lookups: &[Lookup<'_>], out: &Tensor) -> Result<()> {
    for (number, &Lookup { index, table, offset }) in lookups.iter().enumerate() {
        let to = Rows { index: index.host(), offset, adds: number > 0, width: out.row_width() };
        with_type!(out, T => match table {
            Weight::Dense(table) => with_slices::<T, 1, 1>([table], [out], |[table], [out]| {
                to.fill(engine, out, |row, out| out.copy_from_slice(&table[row * to.width..][..to.width]));
                Ok(())
            }),
            Weight::Blocks(blocks) => with_slices::<T, 0, 1>([], [out], |[], [out]| {
                blocks.open(|blocks| to.fill(engine, out, |row, out| blocks.decode(row, out)));
                Ok(())
            }),
        })?;
    }
    Ok(())
}

/// The rows that are looked up in a table.
struct Rows<'a> {
    index: &'a [u32],
    offset: usize,
    /// Whether they are added to what other tables gave.
    adds: bool,
    width: usize,
}

impl Rows<'_> {
    /// `out` = or += the rows; `get` writes one.
    fn fill<T: Float>(&self, engine: &Engine, out: &mut [T], get: impl Fn(usize, &mut [T]) + Sync) {
        let tasks = out.chunks_mut(ROWS * self.width).zip(self.index.chunks(ROWS));
        engine.for_each_with(
            tasks,
            || vec![T::ZERO; self.width],
            |scratch, (out, index)| {
                for (out, &index) in out.chunks_mut(self.width).zip(index) {
                    let row = index as usize + self.offset;
                    if self.adds {
                        get(row, scratch);
                        out.iter_mut().zip(&*scratch).for_each(|(out, &value)| *out += value);
                    } else {
                        get(row, out);
                    }
                }
            },
        );
    }
}

/// `table[index[i] + offset]` += `dx[i]`, always in the order of i.
pub(super) fn add_rows(engine: &Engine, gradient: &Lookup<'_>, dx: &Tensor, _in_order: bool) -> Result<()> {
    let (&Lookup { index, offset, .. }, table) = (gradient, gradient.table.dense()?);
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
