//! x = token vector, plus a position vector in models that learn those.

use super::cpu::{with_slices, with_type};
use super::cuda::{Grid, arguments};
use super::{Column, Engine, Float, OpGroup, Tensor, check_gpu};
use crate::Result;
use rayon::prelude::*;

/// Pieces of a table whose gradient is summed.
const TASKS: usize = 16;

/// `out` `[rows, width]`: `tokens[ids[i]]` + `table[at[i]]` for `positions` = (at, table). tokens `[vocab, width]`,
/// table `[context, width]`. Every id must be below vocab and every position below context: the loader and the sampler
/// check.
pub fn forward(
    engine: &Engine,
    ids: &Column<'_, u32>,
    tokens: &Tensor,
    positions: Option<(&Column<'_, u32>, &Tensor)>,
    out: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Embedding);
    let width = tokens.dim(1)?;
    if let Some(gpu) = engine.gpu() {
        let (stream, rows) = (tokens.dtype(), ids.host().len());
        check_gpu("embedding", &[(tokens, stream, tokens.elem_count()), (out, stream, rows * width)])?;
        let (at, table) = positions.map_or((0, 0), |(at, table)| (at.pointer(), table.pointer()));
        let words = arguments![ids.pointer(), tokens, at, table, out, rows, width];
        return gpu.launch_flat("embedding_forward", stream, rows * width, words);
    }
    let ids = ids.host();
    with_type!(out, T => with_slices::<T, 1, 1>([tokens], [out], |[tokens], [out]| {
        out.par_chunks_mut(width).zip(ids).with_min_len(64).for_each(|(out, &id)| {
            out.copy_from_slice(row(tokens, id, width));
        });
        Ok(())
    }))?;
    let Some((at, table)) = positions.map(|(at, table)| (at.host(), table)) else { return Ok(()) };
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
    ids: &Column<'_, u32>,
    dx: &Tensor,
    dtokens: &Tensor,
    dpositions: Option<(&Column<'_, u32>, &Tensor)>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Embedding);
    for (rows, gradients) in [(ids, dtokens)].into_iter().chain(dpositions) {
        let width = gradients.dim(1)?;
        if let Some(gpu) = engine.gpu() {
            let (stream, n) = (dx.dtype(), rows.host().len());
            check_gpu("embedding", &[(dx, stream, n * width), (gradients, stream, gradients.elem_count())])?;
            let words = arguments![rows.pointer(), dx, gradients, n, width];
            match engine.is_deterministic() {
                true => gpu.launch("embedding_backward_ordered", stream, Grid::new(n, 256), words)?,
                false => gpu.launch_flat("embedding_backward", stream, n * width, words)?,
            }
            continue;
        }
        let rows = rows.host();
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
