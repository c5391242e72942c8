//! Sums over rows: partial sums of some rows each, then one launch that adds them.

use crate::Result;
use crate::Tensor;
use crate::cuda::{Gpu, Grid, arguments};
use candle_core::DType;

/// A launch over rows: a warp takes a row, or a block one that is long.
pub(crate) fn row_grid(rows: usize, width: usize) -> Grid {
    Grid::new(if width > 1024 { rows } else { rows.div_ceil(8) }, 256)
}

/// Blocks that share `rows` rows whose sums over rows are wanted: as many as run at a time.
pub(crate) fn sum_blocks(gpu: &Gpu, rows: usize) -> usize {
    rows.div_ceil(8).clamp(1, 2 * gpu.multiprocessors())
}

/// `sum` += Σ over parts of row `i` of `partial` `[parts, n, width]`, in their order.
pub(crate) fn add_partial(gpu: &Gpu, partial: u64, parts: usize, (i, n): (usize, usize), sum: &Tensor) -> Result<()> {
    let (width, dtype) = (sum.elem_count(), sum.dtype());
    let first = partial + (i * width * dtype.size_in_bytes()) as u64;
    let words = arguments![first, parts, n * width, width, sum];
    gpu.launch("add_partials", dtype, Grid::new(width.div_ceil(32), 1024), words)
}

/// `sums[j]` += Σ over rows of `x[i, j]`, in an order that depends on the numbers of rows and columns only. `x` is an
/// address, the type of the numbers there, and the elements from row to row.
///
/// # Errors
/// A GPU that fails.
pub fn add_column_sums(gpu: &Gpu, (x, dtype, stride): (u64, DType, usize), rows: usize, sums: &Tensor) -> Result<()> {
    let columns = sums.elem_count();
    // Each lane of a block sums as many neighbouring columns as 16 bytes hold.
    let across = columns.div_ceil(512 / dtype.size_in_bytes());
    let parts = (4 * gpu.multiprocessors()).div_ceil(across).min(rows.div_ceil(32)).max(1);
    let partial = gpu.scratch(parts * columns * sums.dtype().size_in_bytes())?;
    let grid = Grid { blocks: [across as u32, parts as u32, 1], threads: 256, shared: 0 };
    gpu.launch("column_sums", dtype, grid, arguments![x, stride, partial.pointer(), rows, columns])?;
    add_partial(gpu, partial.pointer(), parts, (0, 1), sums)
}
