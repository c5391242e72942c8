//! A linear recurrence with a diagonal matrix, as of state space models and minimal gated units (Martin & Cundy, arXiv
//! 1709.04057; Feng et al., arXiv 2410.01201): h[i] = a[i] ∘ h[i - 1] + b[i], with h = 0 before each document.
//!
//! `offsets` `[rows]` count from 0 in each document; the first row of a sequence begins one in any case.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::{Column, Engine, Gradient, OpGroup, Tensor, View};
use crate::{Error, Result};

/// `out` `[rows, C]`, the states h, from `a` and `b` `[rows, C]` in sequences of `length` rows.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn forward<'a>(
    engine: &Engine,
    a: impl Into<View<'a>>,
    b: impl Into<View<'a>>,
    offsets: &Column<'_, u32>,
    length: usize,
    out: impl Into<View<'a>>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Linear);
    let (a, b, out) = (a.into(), b.into(), out.into());
    check(a, &[b, out], Some((offsets, length)))?;
    on_device!(engine, forward(a, b, offsets, length, out))
}

/// The gradients from `dout` `[rows, C]`, that of `out`, which is as [`forward`] left it: `da` and `db` `[rows, C]` are
/// overwritten or added to, as they say.
///
/// # Errors
/// As [`forward`].
#[expect(clippy::too_many_arguments, reason = "inputs and results")]
pub fn backward<'a>(
    engine: &Engine,
    dout: impl Into<View<'a>>,
    a: impl Into<View<'a>>,
    offsets: &Column<'_, u32>,
    length: usize,
    out: impl Into<View<'a>>,
    da: Gradient<'_>,
    db: Gradient<'_>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Linear);
    let (dout, a, out) = (dout.into(), a.into(), out.into());
    check(a, &[dout, out, da.view, db.view], Some((offsets, length)))?;
    on_device!(engine, backward(dout, a, offsets, length, out, da, db))
}

/// One row of each of some sequences: `out` `[n, C]` from `a` and `b` `[n, C]` and `state` `[n, C]`, h of the row
/// before, which becomes that of this one. At the beginning of a document it is 0.
///
/// # Errors
/// As [`forward`].
pub fn step<'a>(
    engine: &Engine,
    a: impl Into<View<'a>>,
    b: impl Into<View<'a>>,
    state: &Tensor,
    out: impl Into<View<'a>>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Linear);
    let (a, b, out) = (a.into(), b.into(), out.into());
    check(a, &[b, out, View { tensor: state, first: 0, width: state.row_width() }], None)?;
    on_device!(engine, step(a, b, state, out))
}

fn check(a: View<'_>, others: &[View<'_>], sequences: Option<(&Column<'_, u32>, usize)>) -> Result<()> {
    let rows = a.rows();
    if let Some(other) = others.iter().find(|other| (other.rows(), other.width) != (rows, a.width)) {
        let got = format!("{} rows of {}", other.rows(), other.width);
        return Err(Error::run(format!("scan: expected {rows} rows of {}, got {got}", a.width)));
    }
    match sequences {
        Some((offsets, length)) if length == 0 || !rows.is_multiple_of(length) || offsets.host().len() != rows => {
            Err(Error::run(format!("scan: {rows} rows are no sequences of {length} rows with their offsets")))
        }
        _ => Ok(()),
    }
}
