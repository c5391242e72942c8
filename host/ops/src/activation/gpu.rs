//! Activations on a GPU.

use super::Activation;
use crate::Result;
use crate::View;
use crate::cuda::{Gpu, arguments};
use crate::view::check_gpu_views;

pub(super) fn forward(gpu: &Gpu, activation: Activation, x: View<'_>, out: View<'_>) -> Result<()> {
    let (dtype, rows, width) = (x.dtype(), out.rows(), out.width);
    check_gpu_views("activation", &[(x, dtype), (out, dtype)])?;
    let words = arguments![x, x.stride(), out, out.stride(), rows, width];
    gpu.launch_flat(&format!("activation_forward_{}", activation.name()), dtype, rows * width, words)
}

pub(super) fn backward(gpu: &Gpu, activation: Activation, x: View<'_>, dy: View<'_>, dx: View<'_>) -> Result<()> {
    let (dtype, rows, width) = (x.dtype(), dx.rows(), dx.width);
    check_gpu_views("activation", &[(x, dtype), (dy, dtype), (dx, dtype)])?;
    let words = arguments![x, x.stride(), dy, dy.stride(), dx, dx.stride(), rows, width];
    gpu.launch_flat(&format!("activation_backward_{}", activation.name()), dtype, rows * width, words)
}
