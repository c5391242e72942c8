//! Products of single numbers.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::view::check_views;
use super::{Assign, Engine, OpGroup, View};
use crate::Result;

/// `out` = (or +=) `x` · `y`, elementwise; all of one size. It is its own backward: dx is dy · y, dy is dy · x.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn forward<'a>(
    engine: &Engine,
    x: impl Into<View<'a>>,
    y: impl Into<View<'a>>,
    out: impl Into<View<'a>>,
    assign: Assign,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Activation);
    let (x, y, out) = (x.into(), y.into(), out.into());
    check_views("mul", out.rows(), out.width, &[x, y])?;
    on_device!(engine, forward(x, y, out, assign))
}
