//! GELU (Hendrycks & Gimpel, arXiv 1606.08415): y = x Φ(x), Φ the distribution function of the normal distribution.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::{Engine, OpGroup, Tensor};
use crate::Result;
use schemars::JsonSchema;
use serde::Serialize;

/// How Φ is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Gelu {
    /// Φ(x) ≈ (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2: GPT-2's, PyTorch's `approximate="tanh"`.
    Tanh,
    /// Φ(x) = (1 + erf(x/√2)) / 2.
    Erf,
}

/// `out` = gelu(`x`), elementwise; both of any one shape.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn forward(engine: &Engine, form: Gelu, x: &Tensor, out: &Tensor) -> Result<()> {
    let _timer = engine.time(OpGroup::Activation);
    on_device!(engine, forward(form, x, out))
}

/// `dy` becomes the gradient with respect to `x`, in place; both of any one shape.
///
/// # Errors
/// As [`forward`].
pub fn backward(engine: &Engine, form: Gelu, x: &Tensor, dy: &Tensor) -> Result<()> {
    let _timer = engine.time(OpGroup::Activation);
    on_device!(engine, backward(form, x, dy))
}
