//! Soft caps on a GPU.

use crate::Result;
use crate::View;
use crate::cuda::{Gpu, arguments};
use crate::view::check_gpu_views;

pub(super) fn forward(gpu: &Gpu, x: View<'_>, cap: f64, out: View<'_>) -> Result<()> {
    let (dtype, rows, width) = (x.dtype(), out.rows(), out.width);
    check_gpu_views("soft cap", &[(x, dtype), (out, dtype)])?;
    let words = arguments![x, x.stride(), cap, out, out.stride(), rows, width];
    gpu.launch_flat("soft_cap_forward", dtype, rows * width, words)
}

pub(super) fn backward(gpu: &Gpu, out: View<'_>, cap: f64, dy: View<'_>, dx: View<'_>) -> Result<()> {
    let (dtype, rows, width) = (out.dtype(), dx.rows(), dx.width);
    check_gpu_views("soft cap", &[(out, dtype), (dy, dtype), (dx, dtype)])?;
    let words = arguments![out, out.stride(), cap, dy, dy.stride(), dx, dx.stride(), rows, width];
    gpu.launch_flat("soft_cap_backward", dtype, rows * width, words)
}
