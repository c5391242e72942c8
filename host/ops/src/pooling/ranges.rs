//! Ranges of rows.

use crate::{Column, View};
use crate::{Error, Result};

/// Checks `ranges` of the rows of `rows`, with a vector of `vectors` for each: kernels index rows with them.
pub(crate) fn check(op: &str, rows: View<'_>, ranges: &Column<'_, u32>, vectors: View<'_>) -> Result<()> {
    let (n, width) = (rows.rows(), rows.width);
    if vectors.width != width || 2 * vectors.rows() != ranges.host().len() {
        let got = format!("{} of {}", vectors.rows(), vectors.width);
        let expected = format!("{} vectors of {width}", ranges.host().len() / 2);
        return Err(Error::run(format!("{op}: expected {expected}, got {got}")));
    }
    check_ranges(op, n, ranges)
}

/// The same of ranges of `n` rows alone.
pub(crate) fn check_ranges(op: &str, n: usize, ranges: &Column<'_, u32>) -> Result<()> {
    let mut end = 0;
    for range in ranges.host().chunks_exact(2) {
        let (first, length) = (range[0] as usize, range[1] as usize);
        if first < end || first + length > n {
            let message = format!("rows {first}..{first} + {length} after row {end} of {n}");
            return Err(Error::run(format!("{op}: expected ranges in order within the rows, got {message}")));
        }
        end = first + length;
    }
    Ok(())
}

/// Index of the first of `ranges` that ends after row `row`.
pub(super) fn first_beyond(ranges: &[u32], row: usize) -> usize {
    let (mut low, mut high) = (0, ranges.len() / 2);
    while low < high {
        let middle = (low + high) / 2;
        match (ranges[2 * middle] + ranges[2 * middle + 1]) as usize > row {
            true => high = middle,
            false => low = middle + 1,
        }
    }
    low
}
