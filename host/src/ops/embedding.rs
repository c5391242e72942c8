//! x = token vector, plus a position vector in models that learn those.

use super::cpu::{with_slices, with_type};
use super::{Engine, Float, OpGroup};
use crate::Result;
use candle_core::Tensor;
use rayon::prelude::*;

/// Pieces of a table whose gradient is summed.
const TASKS: usize = 16;

/// `out` `[rows, width]`: `tokens[ids[i]]` + `table[at[i]]` for `positions` = (at, table). tokens `[vocab, width]`, table
/// `[context, width]`. Every id must be below vocab and every position below context: the loader and the sampler check.
pub fn forward(
    engine: &Engine,
    ids: &[u32],
    tokens: &Tensor,
    positions: Option<(&[u32], &Tensor)>,
    out: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Embedding);
    let width = tokens.dim(1)?;
    with_type!(out, T => with_slices::<T, 1, 1>([tokens], [out], |[tokens], [out]| {
        out.par_chunks_mut(width).zip(ids).with_min_len(64).for_each(|(out, &id)| {
            out.copy_from_slice(row(tokens, id, width));
        });
        Ok(())
    }))?;
    let Some((at, table)) = positions else { return Ok(()) };
    with_type!(out, T => with_slices::<T, 1, 1>([table], [out], |[table], [out]| {
        out.par_chunks_mut(width).zip(at).with_min_len(64).for_each(|(out, &at)| {
            out.iter_mut().zip(row(table, at, width)).for_each(|(out, &position)| *out += position);
        });
        Ok(())
    }))
}

/// `dtokens[ids[i]]` += `dx[i]`, and `dtable[at[i]]` += `dx[i]` for `dpositions` = (at, dtable).
pub fn backward(
    engine: &Engine,
    ids: &[u32],
    dx: &Tensor,
    dtokens: &Tensor,
    dpositions: Option<(&[u32], &Tensor)>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Embedding);
    for (rows, gradients) in [(ids, dtokens)].into_iter().chain(dpositions) {
        let width = gradients.dim(1)?;
        with_type!(dx, T => with_slices::<T, 1, 1>([dx], [gradients], |[dx], [gradients]| {
            scatter_add(rows, dx, gradients, width);
            Ok(())
        }))?;
    }
    Ok(())
}

fn row<T>(table: &[T], index: u32, width: usize) -> &[T] {
    &table[index as usize * width..][..width]
}

/// Each task owns some rows of the table and looks through all indices: those that share one are added in their order.
fn scatter_add<T: Float>(rows: &[u32], dx: &[T], table: &mut [T], width: usize) {
    let part = (table.len() / width).div_ceil(TASKS);
    table.par_chunks_mut(part * width).enumerate().for_each(|(task, table)| {
        for (&row, dx) in rows.iter().zip(dx.chunks_exact(width)) {
            let Some(row) = (row as usize).checked_sub(task * part).filter(|&row| row < part) else { continue };
            table[row * width..][..width].iter_mut().zip(dx).for_each(|(sum, &value)| *sum += value);
        }
    });
}
