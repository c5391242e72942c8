//! Causal depthwise convolution on a GPU.

use super::Rows;
use crate::Result;
use crate::cuda::{Gpu, Grid, arguments};
use crate::{Gradient, Tensor, View, check_gpu};

const OP: &str = "conv";

pub(super) fn forward(
    gpu: &Gpu,
    x: View<'_>,
    weight: &Tensor,
    bias: Option<&Tensor>,
    rows: Rows<'_>,
    out: View<'_>,
) -> Result<()> {
    let (dtype, n) = (x.tensor.dtype(), x.rows());
    check(&[x, out], weight, bias)?;
    let (from, to, kernel) = (x.pointer(), out.pointer(), weight.row_width());
    let (stride, offsets, bias) = (x.stride(), rows.offsets.pointer(), bias.map_or(0, Tensor::pointer));
    let words = arguments![from, stride, weight, bias, offsets, n, rows.length, x.width, kernel, to, out.stride()];
    gpu.launch_flat("conv_forward", dtype, n * x.width, words)
}

pub(super) fn backward(gpu: &Gpu, dout: View<'_>, weight: &Tensor, rows: Rows<'_>, dx: Gradient<'_>) -> Result<()> {
    let (to, n) = (dx.view, dout.rows());
    check(&[dout, to], weight, None)?;
    let (from, out, kernel, offsets) = (dout.pointer(), to.pointer(), weight.row_width(), rows.offsets.pointer());
    let (stride, out_stride) = (dout.stride(), to.stride());
    let words = arguments![from, stride, weight, offsets, n, rows.length, dout.width, kernel, out, out_stride, dx.adds];
    gpu.launch_flat("conv_backward", weight.dtype(), n * dout.width, words)
}

pub(super) fn add_weights(
    gpu: &Gpu,
    dout: View<'_>,
    x: View<'_>,
    kernel: usize,
    rows: Rows<'_>,
    dweight: Option<&Tensor>,
    dbias: Option<&Tensor>,
) -> Result<()> {
    let Some(wide) = dweight.or(dbias).map(Tensor::dtype) else { return Ok(()) };
    let (dtype, n, width) = (x.tensor.dtype(), x.rows(), x.width);
    check_gpu(OP, &[(x.tensor, dtype, n * x.stride()), (dout.tensor, dtype, n * dout.stride())])?;
    let across = width.div_ceil(256);
    let parts = (4 * gpu.multiprocessors()).div_ceil(across).min(n.div_ceil(32)).max(1);
    let (numbers, offsets) = ((kernel + 1) * width, rows.offsets.pointer());
    let partial = gpu.scratch(parts * numbers * wide.size_in_bytes())?;
    let (of_dout, of_x, sums) = (dout.pointer(), x.pointer(), partial.pointer());
    let (dout_stride, stride) = (dout.stride(), x.stride());
    let words = arguments![of_dout, dout_stride, of_x, stride, offsets, n, rows.length, width, kernel, sums];
    let grid = Grid { blocks: [across as u32, parts as u32, 1], threads: 256, shared: 0 };
    gpu.launch("conv_weights", dtype, grid, words)?;
    for (sum, first, n) in [(dweight, 0, kernel * width), (dbias, kernel * width, width)] {
        let Some(sum) = sum else { continue };
        check_gpu(OP, &[(sum, wide, n)])?;
        let first = sums + (first * wide.size_in_bytes()) as u64;
        let words = arguments![first, parts, numbers, n, sum];
        gpu.launch("add_partials", wide, Grid::new(n.div_ceil(32), 1024), words)?;
    }
    Ok(())
}

pub(super) fn step(
    gpu: &Gpu,
    x: View<'_>,
    weight: &Tensor,
    bias: Option<&Tensor>,
    state: &Tensor,
    out: View<'_>,
) -> Result<()> {
    let (dtype, n, kernel) = (weight.dtype(), x.rows(), weight.row_width());
    check(&[x, out], weight, bias)?;
    check_gpu(OP, &[(state, dtype, state.elem_count())])?;
    let (from, to, bias) = (x.pointer(), out.pointer(), bias.map_or(0, Tensor::pointer));
    let words = arguments![from, x.stride(), weight, bias, state, n, x.width, kernel, to, out.stride()];
    gpu.launch_flat("conv_step", dtype, n * x.width, words)
}

/// All of one type.
fn check(views: &[View<'_>], weight: &Tensor, bias: Option<&Tensor>) -> Result<()> {
    let dtype = weight.dtype();
    for tensor in views.iter().map(|view| view.tensor).chain([weight]).chain(bias) {
        check_gpu(OP, &[(tensor, dtype, tensor.elem_count())])?;
    }
    Ok(())
}
