//! Layer normalisation on a GPU.

use super::OP;
use crate::Result;
use crate::cuda::{Gpu, Grid, arguments, suffix};
use crate::norm::Lines;
use crate::reduce::gpu::{add_partial, row_grid, sum_blocks};
use crate::view::check_gpu_views;
use crate::{Assign, Tensor, View, check_gpu};

#[expect(clippy::too_many_arguments, reason = "sizes, inputs and results")]
pub(super) fn forward(
    gpu: &Gpu,
    Lines { n, chunks, width }: Lines,
    x: View<'_>,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    epsilon: f64,
    out: View<'_>,
    stats: &Tensor,
) -> Result<()> {
    let wide = stats.dtype();
    check_gpu_views(OP, &[(x, x.dtype()), (out, out.dtype())])?;
    check_gpu(OP, &[(stats, wide, 2 * n)])?;
    [weight, bias].into_iter().flatten().try_for_each(|tensor| check_gpu(OP, &[(tensor, wide, width)]))?;
    let [weight, bias] = [weight, bias].map(|tensor| tensor.map_or(0, Tensor::pointer));
    let words = arguments![x, x.stride(), weight, bias, epsilon, out, out.stride(), stats, n, chunks, width];
    gpu.launch(&format!("layer_norm_forward_{}", suffix(x.dtype())?), out.dtype(), row_grid(n, width), words)
}

#[expect(clippy::too_many_arguments, reason = "sizes, inputs, what the forward kept, and results")]
pub(super) fn backward(
    gpu: &Gpu,
    Lines { n, chunks, width }: Lines,
    dy: View<'_>,
    x: View<'_>,
    weight: Option<&Tensor>,
    stats: &Tensor,
    dx: Option<(View<'_>, Assign)>,
    parameters: [Option<&Tensor>; 2],
) -> Result<()> {
    let wide = stats.dtype();
    check_gpu_views(OP, &[(dy, dy.dtype()), (x, x.dtype())])?;
    dx.map_or(Ok(()), |(dx, _)| check_gpu_views(OP, &[(dx, x.dtype())]))?;
    let (at, stride) = dx.map_or((0, 0), |(dx, _)| (dx.pointer(), dx.stride()));
    check_gpu(OP, &[(stats, wide, 2 * n)])?;
    let tensors = parameters.into_iter().chain([weight]).flatten();
    tensors.into_iter().try_for_each(|tensor| check_gpu(OP, &[(tensor, wide, width)]))?;
    let blocks = sum_blocks(gpu, n);
    let partial = gpu.scratch(blocks * 2 * width * wide.size_in_bytes())?;
    let (weight, adds) = (weight.map_or(0, Tensor::pointer), dx.is_some_and(|(_, assign)| assign == Assign::Add));
    let before = arguments![dy, dy.stride(), x, x.stride(), weight, 0.0, stats, at, stride, adds];
    let words = [before.as_slice(), arguments![partial.pointer(), n, chunks, width]].concat();
    let name = format!("layer_norm_backward_{}", suffix(x.dtype())?);
    gpu.launch(&name, dy.dtype(), Grid::new(blocks, 256), &words)?;
    for (i, gradient) in parameters.into_iter().enumerate() {
        gradient.map_or(Ok(()), |gradient| add_partial(gpu, partial.pointer(), blocks, (i, 2), gradient))?;
    }
    Ok(())
}
