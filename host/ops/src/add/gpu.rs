//! Sums and copies on a GPU.

use crate::Result;
use crate::cuda::{Gpu, arguments};
use crate::view::check_gpu_views;
use crate::{Tensor, View, check_gpu};
use candle_core::DType;

pub(super) fn forward(gpu: &Gpu, x: View<'_>, y: View<'_>, out: View<'_>) -> Result<()> {
    let (rows, width) = (out.rows(), out.width);
    check_gpu_views("add", &[(x, out.dtype()), (y, y.dtype()), (out, out.dtype())])?;
    let words = arguments![x, x.stride(), y, y.stride(), out, out.stride(), rows, width];
    gpu.launch_flat("add", y.dtype(), rows * width, words)
}

pub(super) fn copy(gpu: &Gpu, x: &Tensor, out: &Tensor) -> Result<()> {
    let n = out.elem_count();
    check_gpu("copy", &[(x, x.dtype(), n), (out, out.dtype(), n)])?;
    match (x.dtype(), out.dtype()) {
        (from, to) if from == to => gpu.copy(x.pointer(), out.pointer(), n * to.size_in_bytes()),
        (DType::F32, to) => gpu.launch_flat("cast_f32", to, n, arguments![x, out, n]),
        (_, to) => gpu.launch_flat("cast_bf16", to, n, arguments![x, out, n]),
    }
}

pub(super) fn zero(gpu: &Gpu, x: &Tensor) -> Result<()> {
    check_gpu("zero", &[(x, x.dtype(), x.elem_count())])?;
    gpu.zero(x.pointer(), x.elem_count() * x.dtype().size_in_bytes())
}
