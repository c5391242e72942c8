//! Copies between columns on a GPU.

use crate::Result;
use crate::cuda::{Gpu, arguments, suffix};
use crate::view::check_gpu_views;
use crate::{Assign, Tensor, View};

pub(super) fn assign(gpu: &Gpu, x: View<'_>, out: View<'_>, assign: Assign) -> Result<()> {
    let (from, to, rows, width) = (x.dtype(), out.dtype(), out.rows(), out.width);
    check_gpu_views("columns", &[(x, from), (out, to)])?;
    if from == to && x.is_whole() && out.is_whole() && assign == Assign::Set {
        return gpu.copy(x.pointer(), out.pointer(), rows * width * to.size_in_bytes());
    }
    let is_added = assign == Assign::Add;
    let words = arguments![x, x.stride(), out, out.stride(), rows, width, is_added];
    gpu.launch_flat(&format!("columns_{}", suffix(from)?), to, rows * width, words)
}

pub(super) fn copy_rows(gpu: &Gpu, x: &Tensor, from: usize, to: usize, n: usize) -> Result<()> {
    let bytes = x.row_width() * x.dtype().size_in_bytes();
    let address = |row: usize| x.pointer() + (row * bytes) as u64;
    gpu.copy(address(from), address(to), n * bytes)
}
