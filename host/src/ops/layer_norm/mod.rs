//! Layer normalisation (Ba et al., arXiv 1607.06450): y = (x - mean) / √(variance + ε) · weight + bias, per row.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::{Engine, OpGroup, Tensor};
use crate::Result;

/// `out` `[rows, width]` = the normalised rows of `x`; `stats` `[rows, 2]` keeps mean and 1/√(variance + ε) for the
/// backward.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn forward(
    engine: &Engine,
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    epsilon: f64,
    out: &Tensor,
    stats: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Norm);
    on_device!(engine, forward(x, weight, bias, epsilon, out, stats))
}

/// The gradients: `dx` += …, `dweight` += Σ rows dy x̂, `dbias` += Σ rows dy, with x̂ the normalised row.
/// dx = (ŵ - mean(ŵ) - x̂ mean(ŵ x̂)) / √(variance + ε), with ŵ = dy · weight.
///
/// # Errors
/// As [`forward`].
#[expect(clippy::too_many_arguments, reason = "inputs, what the forward kept, and results")]
pub fn backward(
    engine: &Engine,
    dy: &Tensor,
    x: &Tensor,
    weight: &Tensor,
    stats: &Tensor,
    dx: &Tensor,
    dweight: &Tensor,
    dbias: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Norm);
    on_device!(engine, backward(dy, x, weight, stats, dx, dweight, dbias))
}
