//! Multiplication by a number on a GPU.

use crate::Result;
use crate::cuda::{Gpu, arguments, suffix};
use crate::view::check_gpu_views;
use crate::{Assign, View};

pub(super) fn forward(gpu: &Gpu, x: View<'_>, factor: f64, out: View<'_>, assign: Assign) -> Result<()> {
    let (from, to, rows, width) = (x.dtype(), out.dtype(), out.rows(), out.width);
    check_gpu_views("scale", &[(x, from), (out, to)])?;
    let is_added = assign == Assign::Add;
    let words = arguments![x, x.stride(), factor, out, out.stride(), rows, width, is_added];
    gpu.launch_flat(&format!("scale_{}", suffix(from)?), to, rows * width, words)
}
