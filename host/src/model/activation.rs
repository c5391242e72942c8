//! The nonlinearity of a block's network.

use crate::Result;
use crate::ops::{Engine, Tensor, gelu, gelu::Gelu, swiglu};

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
            Self::Gelu(form) => gelu::forward(engine, form, x, out),
            Self::SwiGlu => swiglu::forward(engine, x, out),
        }
    }

    /// `dx` `[rows, E]` from `dy` `[rows, H]`; for GELU they are one tensor.
    ///
    /// # Errors
    /// As [`Activation::forward`].
    pub fn backward(self, engine: &Engine, x: &Tensor, dy: &Tensor, dx: &Tensor) -> Result<()> {
        match self {
            Self::Gelu(form) => gelu::backward(engine, form, x, dy),
            Self::SwiGlu => swiglu::backward(engine, x, dy, dx),
        }
    }
}
