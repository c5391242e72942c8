//! Each row of a range becomes the vector of the range: the opposite of a pool. Rows in no range become 0.

use super::pooling::{Pool, check, gather, spread};
use super::{Column, Engine, Gradient, View};
use crate::Result;

/// `out` `[rows, C]` from `x` `[n, C]`. `ranges` `[2 · n]` as for [`pooling`](super::pooling).
///
/// # Errors
/// Ranges that overlap or lie outside of the rows, a tensor of another device, type or size, or a GPU that fails.
pub fn forward<'a>(
    engine: &Engine,
    x: impl Into<View<'a>>,
    ranges: &Column<'_, u32>,
    out: impl Into<View<'a>>,
) -> Result<()> {
    let (x, out) = (x.into(), Gradient::overwrite(out));
    check("expand", out.view, ranges, x)?;
    spread(engine, Pool::Sum, x, ranges, out)
}

/// The gradient of x from `dout` `[rows, C]`: `dx` `[n, C]` is overwritten or added to, as it says.
///
/// # Errors
/// As [`forward`].
pub fn backward<'a>(
    engine: &Engine,
    dout: impl Into<View<'a>>,
    ranges: &Column<'_, u32>,
    dx: Gradient<'_>,
) -> Result<()> {
    let dout = dout.into();
    check("expand", dout, ranges, dx.view)?;
    gather(engine, Pool::Sum, dout, ranges, dx)
}
