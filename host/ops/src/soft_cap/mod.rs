//! Numbers kept within a limit: y = cap · tanh(x / cap), as Gemma 2 does with scores and logits.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::view::check_views;
use super::{Engine, OpGroup, View};
use crate::Result;

/// `out` = `cap` · tanh(`x` / `cap`); both of one size, and they may be one tensor.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn forward<'a>(engine: &Engine, x: impl Into<View<'a>>, cap: f64, out: impl Into<View<'a>>) -> Result<()> {
    let _timer = engine.time(OpGroup::Activation);
    let (x, out) = (x.into(), out.into());
    check_views("soft cap", out.rows(), out.width, &[x])?;
    on_device!(engine, forward(x, cap, out))
}

/// `dx` = `dy` · (1 - (`out` / `cap`)²), overwritten; `dx` may be `dy`. `out` is the forward's result.
///
/// # Errors
/// As [`forward`].
pub fn backward<'a>(
    engine: &Engine,
    out: impl Into<View<'a>>,
    cap: f64,
    dy: impl Into<View<'a>>,
    dx: impl Into<View<'a>>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Activation);
    let (out, dy, dx) = (out.into(), dy.into(), dx.into());
    check_views("soft cap", dx.rows(), dx.width, &[out, dy])?;
    on_device!(engine, backward(out, cap, dy, dx))
}
