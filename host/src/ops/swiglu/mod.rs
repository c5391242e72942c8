//! The gated activation of Llama's network (Shazeer, arXiv 2002.05202): y = silu(gate) · up, silu(x) = x σ(x).
//!
//! One projection makes both factors: a row of `x` `[rows, 2 · hidden]` holds gate, then up.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::{Engine, OpGroup, Tensor};
use crate::Result;

/// `out` `[rows, hidden]` from `x` `[rows, 2 · hidden]`.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn forward(engine: &Engine, x: &Tensor, out: &Tensor) -> Result<()> {
    let _timer = engine.time(OpGroup::Activation);
    on_device!(engine, forward(x, out))
}

/// `dx` `[rows, 2 · hidden]` (overwritten) from the gradient `dy` `[rows, hidden]`:
/// dgate = dy · up · σ(gate) (1 + gate (1 - σ(gate))), dup = dy · silu(gate).
///
/// # Errors
/// As [`forward`].
pub fn backward(engine: &Engine, x: &Tensor, dy: &Tensor, dx: &Tensor) -> Result<()> {
    let _timer = engine.time(OpGroup::Activation);
    on_device!(engine, backward(x, dy, dx))
}
