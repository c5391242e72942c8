//! Gated activations (Shazeer, arXiv 2002.05202): y = f(gate) · up. With SiLU it is Llama's SwiGLU, with GELU Gemma's
//! GeGLU.
//!
//! One projection makes both factors: a row of `x` `[rows, 2 · hidden]` holds gate, then up.

mod cpu;
mod gpu;

use super::activation::Activation;
use super::on_device::on_device;
use super::view::check_views;
use super::{Engine, OpGroup, View};
use crate::Result;

/// `out` `[rows, hidden]` from `x` `[rows, 2 · hidden]`.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn forward<'a>(
    engine: &Engine,
    activation: Activation,
    x: impl Into<View<'a>>,
    out: impl Into<View<'a>>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Activation);
    let (x, out) = (x.into(), out.into());
    check_views("gated activation", out.rows(), 2 * out.width, &[x])?;
    on_device!(engine, forward(activation, x, out))
}

/// `dx` `[rows, 2 · hidden]` (overwritten) from the gradient `dy` `[rows, hidden]`: dgate = dy · up · f'(gate),
/// dup = dy · f(gate).
///
/// # Errors
/// As [`forward`].
pub fn backward<'a>(
    engine: &Engine,
    activation: Activation,
    x: impl Into<View<'a>>,
    dy: impl Into<View<'a>>,
    dx: impl Into<View<'a>>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Activation);
    let (x, dy, dx) = (x.into(), dy.into(), dx.into());
    check_views("gated activation", dy.rows(), 2 * dy.width, &[x, dx])?;
    on_device!(engine, backward(activation, x, dy, dx))
}
