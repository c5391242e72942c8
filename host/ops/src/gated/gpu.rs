//! Gated activations on a GPU.

use crate::Result;
use crate::View;
use crate::activation::Activation;
use crate::cuda::{Gpu, arguments};
use crate::view::check_gpu_views;

pub(super) fn forward(gpu: &Gpu, activation: Activation, x: View<'_>, out: View<'_>) -> Result<()> {
    let (dtype, rows, hidden) = (x.dtype(), out.rows(), out.width);
    check_gpu_views("gated activation", &[(x, dtype), (out, dtype)])?;
    let words = arguments![x, x.stride(), out, out.stride(), rows, hidden];
    gpu.launch_flat(&format!("gated_forward_{}", activation.name()), dtype, rows * hidden, words)
}

pub(super) fn backward(gpu: &Gpu, activation: Activation, x: View<'_>, dy: View<'_>, dx: View<'_>) -> Result<()> {
    let (dtype, rows, hidden) = (x.dtype(), dy.rows(), dy.width);
    check_gpu_views("gated activation", &[(x, dtype), (dy, dtype), (dx, dtype)])?;
    let words = arguments![x, x.stride(), dy, dy.stride(), dx, dx.stride(), rows, hidden];
    gpu.launch_flat(&format!("gated_backward_{}", activation.name()), dtype, rows * hidden, words)
}
