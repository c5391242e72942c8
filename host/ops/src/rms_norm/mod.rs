//! Root-mean-square normalisation (Zhang & Sennrich, arXiv 1910.07467): y = x / √(mean(x²) + ε) · weight, per row.

mod cpu;
mod gpu;

use super::norm::{Lines, check_parameters};
use super::on_device::on_device;
use super::{Assign, Engine, Gain, OpGroup, Tensor, View};
use crate::Result;

const OP: &str = "rms norm";

/// `out` `[rows, width]` = the normalised rows of `x`, times `gain` where there is one. A weight that is narrower than
/// x normalises each chunk of its width. `scale` keeps 1/√(mean(x²) + ε) of each row or chunk for the backward:
/// `[rows, chunks]`.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn forward<'a>(
    engine: &Engine,
    x: impl Into<View<'a>>,
    gain: Option<Gain<'_>>,
    epsilon: f64,
    out: impl Into<View<'a>>,
    scale: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Norm);
    let (x, out) = (x.into(), out.into());
    let lines = Lines::of(OP, x, gain.map(|gain| gain.weight), &[out], (scale, 1))?;
    on_device!(engine, forward(lines, x, gain, epsilon, out, scale))
}

/// The gradients: `dx` = or += …, `dweight` += Σ rows dy x̂, with x̂ the normalised row.
/// dx = (ŵ - x̂ mean(ŵ x̂)) / √(mean(x²) + ε), with ŵ = dy · (weight + offset). What is not asked
/// for is left out.
///
/// # Errors
/// As [`forward`].
pub fn backward<'a>(
    engine: &Engine,
    dy: impl Into<View<'a>>,
    x: impl Into<View<'a>>,
    gain: Option<Gain<'_>>,
    scale: &Tensor,
    dx: Option<(View<'_>, Assign)>,
    dweight: Option<&Tensor>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Norm);
    let (dy, x) = (dy.into(), x.into());
    let dx_view = dx.map_or(x, |(dx, _)| dx);
    let lines = Lines::of(OP, x, gain.map(|gain| gain.weight), &[dy, dx_view], (scale, 1))?;
    check_parameters(OP, lines.width, &[dweight])?;
    on_device!(engine, backward(lines, dy, x, gain, scale, dx, dweight))
}
