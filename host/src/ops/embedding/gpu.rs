//! Rows of tables on a GPU.

use crate::Result;
use crate::ops::cuda::{Gpu, Grid, arguments};
use crate::ops::{Column, Tensor, check_gpu};

pub(super) fn forward(
    gpu: &Gpu,
    ids: &Column<'_, u32>,
    tokens: &Tensor,
    positions: Option<(&Column<'_, u32>, &Tensor)>,
    out: &Tensor,
) -> Result<()> {
    let (stream, rows, width) = (tokens.dtype(), ids.host().len(), tokens.dim(1)?);
    check_gpu("embedding", &[(tokens, stream, tokens.elem_count()), (out, stream, rows * width)])?;
    let (at, table) = positions.map_or((0, 0), |(at, table)| (at.pointer(), table.pointer()));
    let words = arguments![ids.pointer(), tokens, at, table, out, rows, width];
    gpu.launch_flat("embedding_forward", stream, rows * width, words)
}

/// `gradient[rows[i]]` += `dx[i]`; in the order of i, or faster.
pub(super) fn add_rows(
    gpu: &Gpu,
    rows: &Column<'_, u32>,
    dx: &Tensor,
    gradient: &Tensor,
    in_order: bool,
) -> Result<()> {
    let (stream, n, width) = (dx.dtype(), rows.host().len(), gradient.dim(1)?);
    check_gpu("embedding", &[(dx, stream, n * width), (gradient, stream, gradient.elem_count())])?;
    let words = arguments![rows.pointer(), dx, gradient, n, width];
    match in_order {
        true => gpu.launch("embedding_backward_ordered", stream, Grid::new(n, 256), words),
        false => gpu.launch_flat("embedding_backward", stream, n * width, words),
    }
}
