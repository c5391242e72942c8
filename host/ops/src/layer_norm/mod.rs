//! Layer normalisation (Ba et al., arXiv 1607.06450): y = (x - mean) / √(variance + ε) · weight + bias, per row.

mod cpu;
mod gpu;

use super::norm::{Lines, check_parameters};
use super::on_device::on_device;
use super::{Assign, Engine, OpGroup, Tensor, View};
use crate::Result;

const OP: &str = "layer norm";

/// `out` `[rows, width]` = the normalised rows of `x`, times `weight` and plus `bias` where there are such. A weight
/// that is narrower than x normalises each chunk of its width. `stats` keeps mean and 1/√(variance + ε) of each row or
/// chunk for the backward: `[rows, 2 · chunks]`.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn forward<'a>(
    engine: &Engine,
    x: impl Into<View<'a>>,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    epsilon: f64,
    out: impl Into<View<'a>>,
    stats: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Norm);
    let (x, out) = (x.into(), out.into());
    let lines = Lines::of(OP, x, weight, &[out], (stats, 2))?;
    check_parameters(OP, lines.width, &[weight, bias])?;
    on_device!(engine, forward(lines, x, weight, bias, epsilon, out, stats))
}

/// The gradients: `dx` = or += …, `dweight` += Σ rows dy x̂, `dbias` += Σ rows dy, with x̂ the normalised row.
/// dx = (ŵ - mean(ŵ) - x̂ mean(ŵ x̂)) / √(variance + ε), with ŵ = dy · weight. What is not asked for is left out.
///
/// # Errors
/// As [`forward`].
pub fn backward<'a>(
    engine: &Engine,
    dy: impl Into<View<'a>>,
    x: impl Into<View<'a>>,
    weight: Option<&Tensor>,
    stats: &Tensor,
    dx: Option<(View<'_>, Assign)>,
    [dweight, dbias]: [Option<&Tensor>; 2],
) -> Result<()> {
    let _timer = engine.time(OpGroup::Norm);
    let (dy, x) = (dy.into(), x.into());
    let dx_view = dx.map_or(x, |(dx, _)| dx);
    let lines = Lines::of(OP, x, weight, &[dy, dx_view], (stats, 2))?;
    check_parameters(OP, lines.width, &[weight, dweight, dbias])?;
    on_device!(engine, backward(lines, dy, x, weight, stats, dx, [dweight, dbias]))
}
