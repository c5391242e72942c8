//! Nonlinear functions of single numbers, and their slopes.
//!
//! GELU: Hendrycks & Gimpel, arXiv 1606.08415: x Φ(x), Φ the distribution function of the normal distribution. SiLU:
//! Elfwing et al., arXiv 1702.03118.

mod cpu;
pub(super) mod function;
mod gpu;

pub(super) use function::{Function, with_function};

use super::on_device::on_device;
use super::view::check_views;
use super::{Engine, OpGroup, View};
use crate::Result;

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x Φ(x) with Φ(x) ≈ (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2: GPT-2's, PyTorch's `approximate="tanh"`.
    GeluTanh,
    /// x Φ(x) with Φ(x) = (1 + erf(x/√2)) / 2.
    GeluErf,
    /// max(x, 0); its slope at 0 is 0.
    Relu,
    /// x σ(x).
    Silu,
    /// tanh(x).
    Tanh,
    /// σ(x) = 1 / (1 + e⁻ˣ).
    Sigmoid,
}

impl Activation {
    /// All functions.
    pub const ALL: [Self; 6] = [Self::GeluTanh, Self::GeluErf, Self::Relu, Self::Silu, Self::Tanh, Self::Sigmoid];

    /// Its name, by which kernels on a GPU are found.
    pub fn name(self) -> &'static str {
        match self {
            Self::GeluTanh => "gelu_tanh",
            Self::GeluErf => "gelu_erf",
            Self::Relu => "relu",
            Self::Silu => "silu",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
        }
    }
}

/// `out` = f(`x`), elementwise; both of one size.
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
    check_views("activation", out.rows(), out.width, &[x])?;
    on_device!(engine, forward(activation, x, out))
}

/// `dx` = `dy` · f'(`x`), overwritten; `dx` may be `dy`. All of one size.
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
    check_views("activation", dx.rows(), dx.width, &[x, dy])?;
    on_device!(engine, backward(activation, x, dy, dx))
}
