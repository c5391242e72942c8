//! Sums over rows: partial sums of some rows each, then one launch that adds them.

use crate::Result;
use crate::ops::Tensor;
use crate::ops::cuda::{Gpu, Grid, arguments};

/// A launch over rows: a warp takes a row, or a block one that is long.
pub(in crate::ops) fn row_grid(rows: usize, width: usize) -> Grid {
    Grid::new(if width > 1024 { rows } else { rows.div_ceil(8) }, 256)
}

/// Blocks that share `rows` rows whose sums over rows are wanted: as many as run at a time.
pub(in crate::ops) fn sum_blocks(gpu: &Gpu, rows: usize) -> usize {
    rows.div_ceil(8).clamp(1, 2 * gpu.multiprocessors())
}

/// `sums[i]` += Σ over parts of the i-th row of `partial` `[parts, sums, width]`, in their order.
pub(in crate::ops) fn add_partials(gpu: &Gpu, partial: u64, parts: usize, sums: &[&Tensor]) -> Result<()> {
    for (i, sum) in sums.iter().enumerate() {
        let (width, dtype) = (sum.elem_count(), sum.dtype());
        let first = partial + (i * width * dtype.size_in_bytes()) as u64;
        let words = arguments![first, parts, sums.len() * width, width, *sum];
        gpu.launch("add_partials", dtype, Grid::new(width.div_ceil(32), 1024), words)?;
    }
    Ok(())
}
