//! x = token vector + position vector.

use super::cpu::{with_slices, with_type};
use super::{Engine, Float, OpGroup};
use crate::Result;
use candle_core::Tensor;
use rayon::prelude::*;

/// `out` `[rows, width]`: `tokens[ids[i]]` + `positions[at[i]]`. tokens `[vocab, width]`, positions `[context, width]`.
/// Every id must be below vocab and every position below context: the loader and the sampler check.
pub fn forward(
    engine: &Engine,
    ids: &[u32],
    at: &[u32],
    tokens: &Tensor,
    positions: &Tensor,
    out: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Embedding);
    let width = tokens.dim(1)?;
    with_type!(out, T => with_slices::<T, 2, 1>([tokens, positions], [out], |[tokens, positions], [out]| {
        out.par_chunks_mut(width).zip(ids).zip(at).with_min_len(64).for_each(|((out, &id), &at)| {
            let (token, position) = (row(tokens, id, width), row(positions, at, width));
            for i in 0..width {
                out[i] = token[i] + position[i];
            }
        });
        Ok(())
    }))
}

/// `dtokens[ids[i]]` += `dx[i]`, `dpositions[at[i]]` += `dx[i]`.
pub fn backward(
    engine: &Engine,
    ids: &[u32],
    at: &[u32],
    dx: &Tensor,
    dtokens: &Tensor,
    dpositions: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Embedding);
    let width = dtokens.dim(1)?;
    with_type!(dx, T => with_slices::<T, 1, 2>([dx], [dtokens, dpositions], |[dx], [dtokens, dpositions]| {
        // Rows that share an id must be added in a fixed order: one thread a table.
        rayon::join(|| scatter_add(ids, dx, dtokens, width), || scatter_add(at, dx, dpositions, width));
        Ok(())
    }))
}

fn row<T>(table: &[T], index: u32, width: usize) -> &[T] {
    &table[index as usize * width..][..width]
}

fn scatter_add<T: Float>(ids: &[u32], dx: &[T], table: &mut [T], width: usize) {
    for (&id, dx) in ids.iter().zip(dx.chunks_exact(width)) {
        for (sum, &value) in table[id as usize * width..][..width].iter_mut().zip(dx) {
            *sum += value;
        }
    }
}
