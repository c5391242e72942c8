//! Multiplication by a number.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::view::check_views;
use super::{Assign, Engine, OpGroup, View};
use crate::Result;

/// `out` = (or +=) `factor` · `x`; both of one size, and they may be one tensor. It is its own backward. On a GPU the
/// types may be f32 and bfloat16.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn forward<'a>(
    engine: &Engine,
    x: impl Into<View<'a>>,
    factor: f64,
    out: impl Into<View<'a>>,
    assign: Assign,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Activation);
    let (x, out) = (x.into(), out.into());
    check_views("scale", out.rows(), out.width, &[x])?;
    on_device!(engine, forward(x, factor, out, assign))
}
