//! Layer normalisation on a GPU.

use crate::Result;
use crate::ops::cuda::{Gpu, Grid, arguments};
use crate::ops::reduce::gpu::{add_partials, row_grid, sum_blocks};
use crate::ops::{Tensor, check_gpu};

pub(super) fn forward(
    gpu: &Gpu,
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    epsilon: f64,
    out: &Tensor,
    stats: &Tensor,
) -> Result<()> {
    let (stream, n, width) = (x.dtype(), x.elem_count(), weight.elem_count());
    let rows = n / width.max(1);
    check_gpu("layer norm", &[(x, stream, rows * width), (weight, stream, width), (bias, stream, width)])?;
    check_gpu("layer norm", &[(out, out.dtype(), n), (stats, stream, 2 * rows)])?;
    let words = arguments![x, weight, bias, epsilon, out, stats, rows, width];
    gpu.launch("layer_norm_forward", out.dtype(), row_grid(rows, width), words)
}

#[expect(clippy::too_many_arguments, reason = "inputs, what the forward kept, and results")]
pub(super) fn backward(
    gpu: &Gpu,
    dy: &Tensor,
    x: &Tensor,
    weight: &Tensor,
    stats: &Tensor,
    dx: &Tensor,
    dweight: &Tensor,
    dbias: &Tensor,
) -> Result<()> {
    let (stream, n, width) = (x.dtype(), x.elem_count(), weight.elem_count());
    let rows = n / width.max(1);
    check_gpu("layer norm", &[(dy, dy.dtype(), rows * width), (x, stream, n), (weight, stream, width)])?;
    check_gpu("layer norm", &[(stats, stream, 2 * rows), (dx, stream, n)])?;
    check_gpu("layer norm", &[(dweight, stream, width), (dbias, stream, width)])?;
    let blocks = sum_blocks(gpu, rows);
    let partial = gpu.scratch(blocks * 2 * width * stream.size_in_bytes())?;
    let words = arguments![dy, x, weight, stats, dx, partial.pointer(), rows, width];
    gpu.launch("layer_norm_backward", dy.dtype(), Grid::new(blocks, 256), words)?;
    add_partials(gpu, partial.pointer(), blocks, &[dweight, dbias])
}
