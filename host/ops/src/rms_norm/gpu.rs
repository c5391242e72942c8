//! Root-mean-square normalisation on a GPU.

use super::OP;
use crate::Result;
use crate::cuda::{Gpu, Grid, arguments, suffix};
use crate::norm::Lines;
use crate::reduce::gpu::{add_partial, row_grid, sum_blocks};
use crate::view::check_gpu_views;
use crate::{Assign, Gain, Tensor, View, check_gpu};

pub(super) fn forward(
    gpu: &Gpu,
    Lines { n, chunks, width }: Lines,
    x: View<'_>,
    gain: Option<Gain<'_>>,
    epsilon: f64,
    out: View<'_>,
    scale: &Tensor,
) -> Result<()> {
    check_gpu_views(OP, &[(x, x.dtype()), (out, out.dtype())])?;
    check_gpu(OP, &[(scale, scale.dtype(), n)])?;
    let (weight, offset) = opened(gain, scale, width)?;
    let words = arguments![x, x.stride(), weight, offset, epsilon, out, out.stride(), scale, n, chunks, width];
    gpu.launch(&format!("rms_norm_forward_{}", suffix(x.dtype())?), out.dtype(), row_grid(n, width), words)
}

/// Address and offset of a weight in the format of the statistics; 0 without one.
fn opened(gain: Option<Gain<'_>>, scale: &Tensor, width: usize) -> Result<(u64, f64)> {
    let Some(Gain { weight, offset }) = gain else { return Ok((0, 0.0)) };
    check_gpu(OP, &[(weight, scale.dtype(), width)])?;
    Ok((weight.pointer(), offset))
}

#[expect(clippy::too_many_arguments, reason = "sizes, inputs, what the forward kept, and results")]
pub(super) fn backward(
    gpu: &Gpu,
    Lines { n, chunks, width }: Lines,
    dy: View<'_>,
    x: View<'_>,
    gain: Option<Gain<'_>>,
    scale: &Tensor,
    dx: Option<(View<'_>, Assign)>,
    dweight: Option<&Tensor>,
) -> Result<()> {
    let wide = scale.dtype();
    check_gpu_views(OP, &[(dy, dy.dtype()), (x, x.dtype())])?;
    dx.map_or(Ok(()), |(dx, _)| check_gpu_views(OP, &[(dx, x.dtype())]))?;
    let (at, stride) = dx.map_or((0, 0), |(dx, _)| (dx.pointer(), dx.stride()));
    check_gpu(OP, &[(scale, wide, n)])?;
    dweight.map_or(Ok(()), |dweight| check_gpu(OP, &[(dweight, wide, width)]))?;
    let blocks = sum_blocks(gpu, n);
    let partial = gpu.scratch(blocks * width * wide.size_in_bytes())?;
    let ((weight, offset), adds) = (opened(gain, scale, width)?, dx.is_some_and(|(_, assign)| assign == Assign::Add));
    let before = arguments![dy, dy.stride(), x, x.stride(), weight, offset, scale, at, stride, adds];
    let words = [before.as_slice(), arguments![partial.pointer(), n, chunks, width]].concat();
    let name = format!("rms_norm_backward_{}", suffix(x.dtype())?);
    gpu.launch(&name, dy.dtype(), Grid::new(blocks, 256), &words)?;
    dweight.map_or(Ok(()), |dweight| add_partial(gpu, partial.pointer(), blocks, (0, 1), dweight))
}
