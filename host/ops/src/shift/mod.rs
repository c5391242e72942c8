//! x moved by some rows: row i of the result is row i - n of x where both are of one document, else 0.
//!
//! `offsets` `[rows]` count from 0 in each document; the first row of a sequence begins one in any case.

mod cpu;
pub(super) mod gpu;

use super::on_device::on_device;
use super::{Column, Engine, Gradient, OpGroup, Tensor, View};
use crate::{Error, Result};

/// `out` `[rows, C]` from `x` `[rows, C]`, in sequences of `length` rows, moved by `by` rows.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn forward<'a>(
    engine: &Engine,
    by: usize,
    x: impl Into<View<'a>>,
    offsets: &Column<'_, u32>,
    length: usize,
    out: impl Into<View<'a>>,
) -> Result<()> {
    let (x, out) = (x.into(), Gradient::overwrite(out));
    rows(engine, by as i64, x, offsets, length, out)
}

/// The gradient of x from `dout` `[rows, C]`: `dx` is overwritten or added to, as it says.
///
/// # Errors
/// As [`forward`].
pub fn backward<'a>(
    engine: &Engine,
    by: usize,
    dout: impl Into<View<'a>>,
    offsets: &Column<'_, u32>,
    length: usize,
    dx: Gradient<'_>,
) -> Result<()> {
    rows(engine, -(by as i64), dout.into(), offsets, length, dx)
}

/// One row of each of some sequences: `out` `[n, C]` from `x` `[n, C]` and `state` `[n, by · C]`, the rows that have
/// not come out yet, the oldest first. At the beginning of a document it is 0.
///
/// # Errors
/// As [`forward`].
pub fn step<'a>(
    engine: &Engine,
    by: usize,
    x: impl Into<View<'a>>,
    state: &Tensor,
    out: impl Into<View<'a>>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Residual);
    let (x, out) = (x.into(), out.into());
    if out.width != x.width || out.rows() != x.rows() || state.elem_count() < by * x.width * x.rows() {
        return Err(Error::run(format!("shift: a state {:?} for {} rows of {}", state.dims(), x.rows(), x.width)));
    }
    on_device!(engine, step(by, x, state, out))
}

/// Row i of `out` from row i - `by` of `x`.
fn rows(
    engine: &Engine,
    by: i64,
    x: View<'_>,
    offsets: &Column<'_, u32>,
    length: usize,
    out: Gradient<'_>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Residual);
    let (n, to) = (x.rows(), out.view);
    if to.width != x.width || to.rows() != n || offsets.host().len() != n || length == 0 || !n.is_multiple_of(length) {
        let got = format!("{n} rows of {} into {} rows of {}", x.width, to.rows(), to.width);
        return Err(Error::run(format!("shift: expected equal shapes in sequences of {length} rows, got {got}")));
    }
    on_device!(engine, shift(by, x, offsets, length, out))
}

/// The row from which row `row` of a sequence with these offsets `[length]` is taken; none where it is 0.
fn source(by: i64, offsets: &[u32], row: usize) -> Option<usize> {
    let source = usize::try_from(row as i64 - by).ok().filter(|&source| source < offsets.len())?;
    // Of both rows, the later one says how far back its document goes.
    (u64::from(offsets[row.max(source)]) >= by.unsigned_abs()).then_some(source)
}
