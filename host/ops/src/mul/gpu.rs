//! Products on a GPU.

use crate::Result;
use crate::cuda::{Gpu, arguments};
use crate::view::check_gpu_views;
use crate::{Assign, View};

pub(super) fn forward(gpu: &Gpu, x: View<'_>, y: View<'_>, out: View<'_>, assign: Assign) -> Result<()> {
    let (dtype, rows, width) = (out.dtype(), out.rows(), out.width);
    check_gpu_views("mul", &[(x, dtype), (y, dtype), (out, dtype)])?;
    let is_added = assign == Assign::Add;
    let words = arguments![x, x.stride(), y, y.stride(), out, out.stride(), rows, width, is_added];
    gpu.launch_flat("mul", dtype, rows * width, words)
}
