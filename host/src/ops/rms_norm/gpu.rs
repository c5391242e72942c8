//! Root-mean-square normalisation on a GPU.

use crate::Result;
use crate::ops::cuda::{Gpu, Grid, arguments};
use crate::ops::reduce::gpu::{add_partials, row_grid, sum_blocks};
use crate::ops::{Tensor, check_gpu};

pub(super) fn forward(
    gpu: &Gpu,
    x: &Tensor,
    weight: &Tensor,
    epsilon: f64,
    out: &Tensor,
    scale: &Tensor,
) -> Result<()> {
    let (stream, n, width) = (x.dtype(), x.elem_count(), weight.elem_count());
    let rows = n / width.max(1);
    check_gpu("rms norm", &[(x, stream, rows * width), (weight, stream, width)])?;
    check_gpu("rms norm", &[(out, out.dtype(), n), (scale, stream, rows)])?;
    let words = arguments![x, weight, epsilon, out, scale, rows, width];
    gpu.launch("rms_norm_forward", out.dtype(), row_grid(rows, width), words)
}

pub(super) fn backward(
    gpu: &Gpu,
    dy: &Tensor,
    x: &Tensor,
    weight: &Tensor,
    scale: &Tensor,
    dx: &Tensor,
    dweight: &Tensor,
) -> Result<()> {
    let (stream, n, width) = (x.dtype(), x.elem_count(), weight.elem_count());
    let rows = n / width.max(1);
    check_gpu("rms norm", &[(dy, dy.dtype(), rows * width), (x, stream, n), (weight, stream, width)])?;
    check_gpu("rms norm", &[(scale, stream, rows), (dx, stream, n), (dweight, stream, width)])?;
    let blocks = sum_blocks(gpu, rows);
    let partial = gpu.scratch(blocks * width * stream.size_in_bytes())?;
    let words = arguments![dy, x, weight, scale, dx, partial.pointer(), rows, width];
    gpu.launch("rms_norm_backward", dy.dtype(), Grid::new(blocks, 256), words)?;
    add_partials(gpu, partial.pointer(), blocks, &[dweight])
}
