//! A linear layer.

use super::params::Param;
use crate::Result;
use crate::ops::{Engine, Tensor, linear, linear::Layout};

/// y = x W + b.
pub(super) struct Linear {
    /// W `[in, out]` or `[out, in]`, as `layout` says.
    pub weight: Param,
    pub layout: Layout,
    /// `[out]`
    pub bias: Option<Param>,
}

impl Linear {
    /// `out` `[rows, out]` = `x` `[rows, in]` W + b + `residual` `[rows, out]`.
    ///
    /// # Errors
    /// Tensors of other sizes, a GPU that fails.
    pub fn forward(&self, engine: &Engine, x: &Tensor, residual: Option<&Tensor>, out: &Tensor) -> Result<()> {
        let bias = self.bias.as_ref().map(|bias| bias.as_type(out.dtype()));
        linear::forward(engine, x, (self.weight.as_type(x.dtype()), self.layout), bias, residual, out)
    }

    /// `dx` is overwritten; the gradients of W and b are added to.
    ///
    /// # Errors
    /// As [`Linear::forward`].
    pub fn backward(&self, engine: &Engine, dy: &Tensor, x: &Tensor, dx: &Tensor) -> Result<()> {
        let dbias = self.bias.as_ref().map(|bias| &bias.grad);
        let weight = (self.weight.as_type(x.dtype()), self.layout);
        linear::backward(engine, dy, x, weight, dx, &self.weight.grad, dbias)
    }

    /// Weights that every row is multiplied by.
    pub fn n_multiplied(&self) -> usize {
        self.weight.value.elem_count()
    }
}
