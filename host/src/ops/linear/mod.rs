//! y = x W + b, with W stored as GPT-2 stores it, `[in, out]`, or as Llama does, `[out, in]`.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::{Engine, OpGroup, Tensor};
use crate::Result;

/// How a weight lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `[in, out]`: GPT-2's Conv1D.
    InOut,
    /// `[out, in]`: PyTorch's Linear.
    OutIn,
}

impl Layout {
    /// (in, out) of a weight.
    fn sizes(self, weight: &Tensor) -> Result<(usize, usize)> {
        let (rows, columns) = weight.dims2()?;
        Ok(match self {
            Self::InOut => (rows, columns),
            Self::OutIn => (columns, rows),
        })
    }
}

/// `out` = `x` W + `bias` + `residual`. x `[rows, in]`, bias `[out]`, residual and out `[rows, out]`. On a GPU x and W
/// have one type, and bias, residual and out have one.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn forward(
    engine: &Engine,
    x: &Tensor,
    weight: (&Tensor, Layout),
    bias: Option<&Tensor>,
    residual: Option<&Tensor>,
    out: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Linear);
    on_device!(engine, forward(x, weight, bias, residual, out))
}

/// `out` `[rows, vocab]` = `hidden` `[rows, width]` · `head` `[vocab, width]`ᵀ: for sampling. Training never makes
/// logits.
///
/// # Errors
/// As [`forward`].
pub fn logits(engine: &Engine, hidden: &Tensor, head: &Tensor, out: &Tensor) -> Result<()> {
    let _timer = engine.time(OpGroup::Loss);
    on_device!(engine, logits(hidden, head, out))
}

/// The gradients: `dx` = `dy` Wᵀ (overwritten), `dweight` += xᵀ `dy` in the layout of W, `dbias` += Σ rows `dy`.
///
/// # Errors
/// As [`forward`].
pub fn backward(
    engine: &Engine,
    dy: &Tensor,
    x: &Tensor,
    weight: (&Tensor, Layout),
    dx: &Tensor,
    dweight: &Tensor,
    dbias: Option<&Tensor>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Linear);
    on_device!(engine, backward(dy, x, weight, dx, dweight, dbias))
}
