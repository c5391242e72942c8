//! The nonlinearity of a block's network.

use super::config::Gelu;
use crate::Result;
use crate::ops::{Engine, Tensor, activation, gated};

/// From the expanded columns E of a row to the activated ones H.
#[derive(Debug, Clone, Copy)]
pub(super) enum Activation {
    /// E = H.
    Gelu(Gelu),
    /// E = 2 H: gate, then up.
    SwiGlu,
}

impl Activation {
    /// x `[rows, E]`, out `[rows, H]`.
    ///
    /// # Errors
    /// Tensors of other sizes, a GPU that fails.
    pub fn forward(self, engine: &Engine, x: &Tensor, out: &Tensor) -> Result<()> {
        match self {
            Self::Gelu(form) => activation::forward(engine, form.into(), x, out),
            Self::SwiGlu => gated::forward(engine, activation::Activation::Silu, x, out),
        }
    }

    /// `dx` `[rows, E]` from `dy` `[rows, H]`; for GELU they are one tensor.
    ///
    /// # Errors
    /// As [`Activation::forward`].
    pub fn backward(self, engine: &Engine, x: &Tensor, dy: &Tensor, dx: &Tensor) -> Result<()> {
        match self {
            Self::Gelu(form) => activation::backward(engine, form.into(), x, dy, dx),
            Self::SwiGlu => gated::backward(engine, activation::Activation::Silu, x, dy, dx),
        }
    }
}
