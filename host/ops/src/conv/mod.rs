//! Causal depthwise convolution, as in `torch.nn.Conv1d` with a group for each column and zeros before each document:
//! y[i, c] = bias[c] + Σ over j below K of weight[c, K - 1 - j] x[i - j, c], over rows of the document of row i.
//!
//! `offsets` `[rows]` count from 0 in each document; the first row of a sequence begins one in any case.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::{Column, Engine, Gradient, OpGroup, Tensor, View};
use crate::{Error, Result};

/// `out` `[rows, C]` from `x` `[rows, C]`, in sequences of `length` rows. weight `[C, K]`, bias `[C]`; on a GPU of the
/// type of x.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn forward<'a>(
    engine: &Engine,
    x: impl Into<View<'a>>,
    weight: &Tensor,
    bias: Option<&Tensor>,
    offsets: &Column<'_, u32>,
    length: usize,
    out: impl Into<View<'a>>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Linear);
    let (x, out) = (x.into(), out.into());
    let rows = Rows { length, offsets };
    check(x, weight, bias, Some(rows), out)?;
    on_device!(engine, forward(x, weight, bias, rows, out))
}

/// The gradients from `dout` `[rows, C]`: `dx` is overwritten or added to, as it says; `dweight` and `dbias` are added
/// to. Each may be absent.
///
/// # Errors
/// As [`forward`].
#[expect(clippy::too_many_arguments, reason = "inputs and results")]
pub fn backward<'a>(
    engine: &Engine,
    dout: impl Into<View<'a>>,
    x: impl Into<View<'a>>,
    weight: &Tensor,
    offsets: &Column<'_, u32>,
    length: usize,
    dx: Option<Gradient<'_>>,
    dweight: Option<&Tensor>,
    dbias: Option<&Tensor>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Linear);
    let (dout, x, rows) = (dout.into(), x.into(), Rows { length, offsets });
    check(x, weight, dbias, Some(rows), dout)?;
    if let Some(dx) = dx {
        check(dx.view, dweight.unwrap_or(weight), None, Some(rows), dout)?;
        on_device!(engine, backward(dout, weight, rows, dx))?;
    }
    if dweight.is_none() && dbias.is_none() {
        return Ok(());
    }
    let kernel = weight.row_width();
    on_device!(engine, add_weights(dout, x, kernel, rows, dweight, dbias))
}

/// One row of each of some sequences: `out` `[n, C]` from `x` `[n, C]` and `state` `[n, (K - 1) · C]`, the rows of x
/// before it, the oldest first. At the beginning of a document it is 0.
///
/// # Errors
/// As [`forward`].
pub fn step<'a>(
    engine: &Engine,
    x: impl Into<View<'a>>,
    weight: &Tensor,
    bias: Option<&Tensor>,
    state: &Tensor,
    out: impl Into<View<'a>>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Linear);
    let (x, out) = (x.into(), out.into());
    check(x, weight, bias, None, out)?;
    let expected = x.rows() * (weight.row_width() - 1) * x.width;
    if state.elem_count() < expected {
        return Err(Error::run(format!("conv: expected a state of {expected} numbers, got {}", state.elem_count())));
    }
    on_device!(engine, step(x, weight, bias, state, out))
}

/// Sequences and their documents.
#[derive(Clone, Copy)]
struct Rows<'a> {
    length: usize,
    offsets: &'a Column<'a, u32>,
}

fn check(x: View<'_>, weight: &Tensor, bias: Option<&Tensor>, rows: Option<Rows<'_>>, out: View<'_>) -> Result<()> {
    let (columns, kernel) = weight.dims2()?;
    if columns != x.width || kernel == 0 || bias.is_some_and(|bias| bias.elem_count() != columns) {
        let message = format!("conv: expected a weight [{}, K] and a bias [{0}]", x.width);
        return Err(Error::run(format!("{message}, got a weight {:?}", weight.dims())));
    }
    let n = x.rows();
    let is_whole = |rows: Rows<'_>| rows.offsets.host().len() == n && rows.length > 0 && n.is_multiple_of(rows.length);
    if out.width != x.width || out.rows() != n || !rows.is_none_or(is_whole) {
        let got = format!("{n} rows of {} and {} rows of {}", x.width, out.rows(), out.width);
        return Err(Error::run(format!("conv: expected equal shapes of whole sequences, got {got}")));
    }
    Ok(())
}
