//! GELU on a GPU.

use super::Gelu;
use crate::Result;
use crate::ops::cuda::{Gpu, arguments};
use crate::ops::{Tensor, check_gpu};

pub(super) fn forward(gpu: &Gpu, form: Gelu, x: &Tensor, out: &Tensor) -> Result<()> {
    let (dtype, n) = (x.dtype(), x.elem_count());
    check_gpu("gelu", &[(x, dtype, n), (out, dtype, n)])?;
    gpu.launch_flat("gelu_forward", dtype, n, arguments![form as usize, x, out, n])
}

pub(super) fn backward(gpu: &Gpu, form: Gelu, x: &Tensor, dy: &Tensor) -> Result<()> {
    let (dtype, n) = (x.dtype(), x.elem_count());
    check_gpu("gelu", &[(x, dtype, n), (dy, dtype, n)])?;
    gpu.launch_flat("gelu_backward", dtype, n, arguments![form as usize, x, dy, n])
}
