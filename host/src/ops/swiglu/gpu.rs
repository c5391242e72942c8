//! SwiGLU on a GPU.

use crate::Result;
use crate::ops::cuda::{Gpu, arguments};
use crate::ops::{Tensor, check_gpu};

pub(super) fn forward(gpu: &Gpu, x: &Tensor, out: &Tensor) -> Result<()> {
    let (dtype, n, hidden) = (x.dtype(), out.elem_count(), out.row_width());
    check_gpu("swiglu", &[(x, dtype, 2 * n), (out, dtype, n)])?;
    gpu.launch_flat("swiglu_forward", dtype, n, arguments![x, out, n / hidden.max(1), hidden])
}

pub(super) fn backward(gpu: &Gpu, x: &Tensor, dy: &Tensor, dx: &Tensor) -> Result<()> {
    let (dtype, n, hidden) = (x.dtype(), dy.elem_count(), dy.row_width());
    check_gpu("swiglu", &[(x, dtype, 2 * n), (dy, dtype, n), (dx, dtype, 2 * n)])?;
    gpu.launch_flat("swiglu_backward", dtype, n, arguments![x, dy, dx, n / hidden.max(1), hidden])
}
