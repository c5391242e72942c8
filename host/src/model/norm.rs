//! The norm before each branch and after the last block.

use super::params::Param;
use crate::Result;
use crate::ops::{Assign, Engine, Tensor, layer_norm, rms_norm};

/// Normalises each row.
pub(super) enum Norm {
    /// Layer norm; weight and bias are `[C]`.
    Layer { weight: Param, bias: Param, epsilon: f64 },
    /// Root-mean-square norm; weight is `[C]`.
    Rms { weight: Param, epsilon: f64 },
}

impl Norm {
    /// `out` and `x` are `[rows, C]`. `stats` keeps what the backward needs of each row: `[rows, 2]` of a layer norm,
    /// `[rows, 1]` of an RMS norm.
    ///
    /// # Errors
    /// Tensors of other sizes, a GPU that fails.
    pub fn forward(&self, engine: &Engine, x: &Tensor, out: &Tensor, stats: &Tensor) -> Result<()> {
        match self {
            Self::Layer { weight, bias, epsilon } => {
                layer_norm::forward(engine, x, Some(&weight.value), Some(&bias.value), *epsilon, out, stats)
            }
            Self::Rms { weight, epsilon } => {
                let gain = Some((&weight.value).into());
                rms_norm::forward(engine, x, gain, *epsilon, out, stats)
            }
        }
    }

    /// Adds to `dx` and to the gradients of weight and bias.
    ///
    /// # Errors
    /// As [`Norm::forward`].
    pub fn backward(&self, engine: &Engine, dy: &Tensor, x: &Tensor, stats: &Tensor, dx: &Tensor) -> Result<()> {
        let dx = (dx.into(), Assign::Add);
        match self {
            Self::Layer { weight, bias, .. } => {
                let parameters = [weight, bias].map(|param| param.grad.as_ref());
                layer_norm::backward(engine, dy, x, Some(&weight.value), stats, dx, parameters)
            }
            Self::Rms { weight, .. } => {
                let gain = Some((&weight.value).into());
                rms_norm::backward(engine, dy, x, gain, stats, dx, weight.grad.as_ref())
            }
        }
    }
}
