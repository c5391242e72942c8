//! x = token vector, plus a position vector in models that learn those.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::{Column, Engine, OpGroup, Tensor};
use crate::Result;

/// `out` `[rows, width]`: `tokens[ids[i]]` + `table[at[i]]` for `positions` = (at, table). tokens `[vocab, width]`,
/// table `[context, width]`. Every id must be below vocab and every position below context: the loader and the sampler
/// check.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn forward(
    engine: &Engine,
    ids: &Column<'_, u32>,
    tokens: &Tensor,
    positions: Option<(&Column<'_, u32>, &Tensor)>,
    out: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Embedding);
    on_device!(engine, forward(ids, tokens, positions, out))
}

/// `dtokens[ids[i]]` += `dx[i]`, and `dtable[at[i]]` += `dx[i]` for `dpositions` = (at, dtable).
///
/// # Errors
/// As [`forward`].
pub fn backward(
    engine: &Engine,
    ids: &Column<'_, u32>,
    dx: &Tensor,
    dtokens: &Tensor,
    dpositions: Option<(&Column<'_, u32>, &Tensor)>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Embedding);
    let in_order = engine.is_deterministic();
    for (rows, gradient) in [(ids, dtokens)].into_iter().chain(dpositions) {
        on_device!(engine, add_rows(rows, dx, gradient, in_order))?;
    }
    Ok(())
}
