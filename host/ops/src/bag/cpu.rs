//! Bags of words on the CPU.

use super::Tokens;
use crate::Result;
use crate::cpu::{with_slices, with_type};
use crate::{Column, Engine, Float, Tensor};

/// `out[k, index[i]]` += `weights[i]`, in the order of i.
pub(super) fn add(engine: &Engine, tokens: Tokens<'_>, ranges: &Column<'_, u32>, out: &Tensor) -> Result<()> {
    let (index, weights, width) = (tokens.index.host(), tokens.weights.map(Column::host), out.row_width());
    with_type!(out, T => with_slices::<T, 0, 1>([], [out], |[], [out]| {
        engine.for_each(out.chunks_mut(width).zip(ranges.host().chunks_exact(2)), |(out, range)| {
            for row in (range[0]..range[0] + range[1]).map(|row| row as usize) {
                let weight = weights.map_or(T::ONE, |weights| T::of(weights[row].into()));
                out[index[row] as usize] += weight;
            }
        });
        Ok(())
    }))
}
