//! One vector for each range of rows: its first row, its last one, or the mean of all. A range is a sequence without
//! its padding, or a document.

mod cpu;
mod gpu;
mod ranges;

use super::on_device::on_device;
use super::{Column, Engine, Gradient, OpGroup, View};
use crate::Result;
pub(super) use ranges::{check, check_ranges};

/// What becomes of the rows of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// The first.
    First,
    /// The last.
    Last,
    /// The mean.
    Mean,
    /// The sum: the gradient of an expansion.
    Sum,
}

/// `out` `[n, C]` from `x` `[rows, C]`. `ranges` `[2 · n]` holds the first row and the number of rows of each range;
/// they are in order and share no row. An empty one gives 0.
///
/// # Errors
/// Ranges that overlap or lie outside of the rows, a tensor of another device, type or size, or a GPU that fails.
pub fn forward<'a>(
    engine: &Engine,
    pool: Pool,
    x: impl Into<View<'a>>,
    ranges: &Column<'_, u32>,
    out: impl Into<View<'a>>,
) -> Result<()> {
    let (x, out) = (x.into(), Gradient::overwrite(out));
    check("pool", x, ranges, out.view)?;
    gather(engine, pool, x, ranges, out)
}

/// The gradient of x from `dout` `[n, C]`: `dx` `[rows, C]` is overwritten or added to, as it says. That of rows in no
/// range is 0.
///
/// # Errors
/// As [`forward`].
pub fn backward<'a>(
    engine: &Engine,
    pool: Pool,
    dout: impl Into<View<'a>>,
    ranges: &Column<'_, u32>,
    dx: Gradient<'_>,
) -> Result<()> {
    let dout = dout.into();
    check("pool", dx.view, ranges, dout)?;
    spread(engine, pool, dout, ranges, dx)
}

/// One vector of each range of rows.
pub(super) fn gather(
    engine: &Engine,
    pool: Pool,
    x: View<'_>,
    ranges: &Column<'_, u32>,
    out: Gradient<'_>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Residual);
    on_device!(engine, gather(pool, x, ranges, out))
}

/// The transpose of [`gather`]: each vector goes to the rows of its range.
pub(super) fn spread(
    engine: &Engine,
    pool: Pool,
    x: View<'_>,
    ranges: &Column<'_, u32>,
    out: Gradient<'_>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Residual);
    on_device!(engine, spread(pool, x, ranges, out))
}
