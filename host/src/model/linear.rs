//! A linear layer.

use super::params::Param;
use crate::Result;
use crate::ops::{Assign, Engine, Tensor, linear, linear::Layout};

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
        let weight = (self.weight.as_type(x.dtype()), self.layout);
        linear::forward(engine, x, weight, bias, residual.map(Into::into), out)
    }

    /// `dx` is overwritten; the gradients of W and b are added to.
    ///
    /// # Errors
    /// As [`Linear::forward`].
    pub fn backward(&self, engine: &Engine, dy: &Tensor, x: &Tensor, dx: &Tensor) -> Result<()> {
        let dbias = self.bias.as_ref().and_then(|bias| bias.grad.as_ref());
        let weight = (self.weight.as_type(x.dtype()), self.layout);
        linear::backward(engine, dy, x, weight, Some((dx.into(), Assign::Set)), self.weight.grad.as_ref(), dbias)
    }

    /// Weights that every row is multiplied by.
    pub fn n_multiplied(&self) -> usize {
        self.weight.value.elem_count()
    }
}
