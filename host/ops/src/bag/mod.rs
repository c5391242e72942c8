//! Bags of words: how often each token is in a range of rows, each counted with a weight. Nothing that is trained
//! comes before it, so it has no backward.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::{Column, Engine, OpGroup, Tensor};
use crate::{Error, Result};

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a> {
    /// `[rows]`: each below the columns of the bags. Who makes the batch checks.
    pub index: &'a Column<'a, u32>,
    /// `[rows]`: what each counts for; none is 1.
    pub weights: Option<&'a Column<'a, f32>>,
}

/// `out` `[n, columns]`: in column `index[i]` of vector k the sum of `weights[i]` over the rows i of range k, in their
/// order. `ranges` `[2 · n]` as for [`pooling`](super::pooling).
///
/// # Errors
/// Ranges that overlap or lie outside of the rows, other numbers of weights or vectors, a tensor of another device, or
/// a GPU that fails.
pub fn forward(engine: &Engine, tokens: Tokens<'_>, ranges: &Column<'_, u32>, out: &Tensor) -> Result<()> {
    let _timer = engine.time(OpGroup::Embedding);
    let (rows, (n, _)) = (tokens.index.host().len(), out.dims2()?);
    let weights = tokens.weights.map_or(rows, |weights| weights.host().len());
    if weights != rows || 2 * n != ranges.host().len() {
        let got = format!("{weights} weights and {} vectors", n);
        let expected = format!("{rows} weights and {} vectors", ranges.host().len() / 2);
        return Err(Error::run(format!("bag: expected {expected}, got {got}")));
    }
    super::pooling::check_ranges("bag", rows, ranges)?;
    super::add::zero(engine, out)?;
    on_device!(engine, add(tokens, ranges, out))
}
