//! y = x W + b, with W stored as GPT-2 stores it, `[in, out]`, or as Llama does, `[out, in]`.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::view::check_views;
use super::{Assign, Engine, OpGroup, Tensor, View, Weight, scale, soft_cap};
use crate::{Error, Result};

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
    fn sizes(self, weight: Weight<'_>) -> Result<(usize, usize)> {
        let (rows, columns) = weight.dims2()?;
        Ok(match self {
            Self::InOut => (rows, columns),
            Self::OutIn => (columns, rows),
        })
    }
}

/// `out` = `x` W + `bias` + `residual`. x `[rows, in]`, bias `[out]`, residual and out `[rows, out]`, with rows equally
/// far apart. On a GPU x and W have one type, and bias, residual and out have one.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn forward<'a>(
    engine: &Engine,
    x: impl Into<View<'a>>,
    (weight, layout): (impl Into<Weight<'a>>, Layout),
    bias: Option<&Tensor>,
    residual: Option<View<'_>>,
    out: impl Into<View<'a>>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Linear);
    let (x, out, weight) = (x.into(), out.into(), (weight.into(), layout));
    check(x, weight, out)?;
    if let Some(residual) = residual {
        check_views("linear", out.rows(), out.width, &[residual])?;
        if residual.stride() != out.stride() {
            let message =
                format!("linear: rows {} and {} elements apart are not added", residual.stride(), out.stride());
            return Err(Error::run(message));
        }
    }
    on_device!(engine, forward(x, weight, bias, residual, out))
}

/// What happens to logits after the product: soft_cap(scale · logits).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transform {
    /// Factor; 1 changes nothing.
    pub scale: f64,
    /// Then the logits are kept within this limit: cap · tanh(logits / cap).
    pub soft_cap: Option<f64>,
}

impl Transform {
    /// Logits as they are.
    pub const NONE: Self = Self { scale: 1.0, soft_cap: None };

    /// Tells if it changes nothing.
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }
}

/// `out` `[rows, vocab]` = `transform`(`hidden` `[rows, width]` · `weight` `[vocab, width]`ᵀ + `bias` `[vocab]`): for
/// sampling. Training never makes logits.
///
/// # Errors
/// As [`forward`].
pub fn logits<'a>(
    engine: &Engine,
    hidden: &Tensor,
    weight: impl Into<Weight<'a>>,
    bias: Option<&Tensor>,
    transform: Transform,
    out: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Loss);
    let weight = (weight.into(), Layout::OutIn);
    check(hidden.into(), weight, out.into())?;
    on_device!(engine, forward(hidden.into(), weight, bias, None, out.into()))?;
    if transform.scale != 1.0 {
        scale::forward(engine, out, transform.scale, out, Assign::Set)?;
    }
    transform.soft_cap.map_or(Ok(()), |cap| soft_cap::forward(engine, out, cap, out))
}

/// The gradients: `dx` = or += `dy` Wᵀ, `dweight` += xᵀ `dy` in the layout of W, `dbias` += Σ rows `dy`. What is not
/// asked for is not computed.
///
/// # Errors
/// As [`forward`].
pub fn backward<'a>(
    engine: &Engine,
    dy: impl Into<View<'a>>,
    x: impl Into<View<'a>>,
    (weight, layout): (impl Into<Weight<'a>>, Layout),
    dx: Option<(View<'_>, Assign)>,
    dweight: Option<&Tensor>,
    dbias: Option<&Tensor>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Linear);
    let (dy, x, weight) = (dy.into(), x.into(), (weight.into(), layout));
    check(x, weight, dy)?;
    if let Some((dx, assign)) = dx {
        check(dx, weight, dy)?;
        on_device!(engine, input_gradient(dy, weight, dx, assign))?;
    }
    if let Some(dweight) = dweight {
        on_device!(engine, weight_gradient(dy, x, layout, dweight))?;
    }
    dbias.map_or(Ok(()), |dbias| on_device!(engine, bias_gradient(dy, dbias)))
}

/// Checks the sizes of x `[rows, in]` and y `[rows, out]`.
fn check(x: View<'_>, (weight, layout): (Weight<'_>, Layout), y: View<'_>) -> Result<()> {
    let (n_in, n_out) = layout.sizes(weight)?;
    check_views("linear", x.rows(), n_in, &[x])?;
    check_views("linear", x.rows(), n_out, &[y])
}
