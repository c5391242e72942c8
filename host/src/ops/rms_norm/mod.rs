//! Root-mean-square normalisation (Zhang & Sennrich, arXiv 1910.07467): y = x / √(mean(x²) + ε) · weight, per row.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::{Engine, OpGroup, Tensor};
use crate::Result;

/// `out` `[rows, width]` = the normalised rows of `x`, times `weight` `[width]`; `scale` `[rows, 1]` keeps
/// 1/√(mean(x²) + ε) for the backward.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn forward(engine: &Engine, x: &Tensor, weight: &Tensor, epsilon: f64, out: &Tensor, scale: &Tensor) -> Result<()> {
    let _timer = engine.time(OpGroup::Norm);
    on_device!(engine, forward(x, weight, epsilon, out, scale))
}

/// The gradients: `dx` += …, `dweight` += Σ rows dy x̂, with x̂ the normalised row.
/// dx = (ŵ - x̂ mean(ŵ x̂)) / √(mean(x²) + ε), with ŵ = dy · weight. dy, x and dx `[rows, width]`, scale `[rows, 1]`.
///
/// # Errors
/// As [`forward`].
pub fn backward(
    engine: &Engine,
    dy: &Tensor,
    x: &Tensor,
    weight: &Tensor,
    scale: &Tensor,
    dx: &Tensor,
    dweight: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Norm);
    on_device!(engine, backward(dy, x, weight, scale, dx, dweight))
}
