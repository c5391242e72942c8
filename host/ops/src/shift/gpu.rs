//! Moved rows on a GPU.

use crate::Result;
use crate::cuda::{Gpu, arguments};
use crate::{Column, Gradient, Tensor, View, check_gpu};

const OP: &str = "shift";

pub(super) fn shift(
    gpu: &Gpu,
    by: i64,
    x: View<'_>,
    offsets: &Column<'_, u32>,
    length: usize,
    out: Gradient<'_>,
) -> Result<()> {
    let (to, dtype) = (out.view, x.tensor.dtype());
    check_gpu(OP, &[(to.tensor, dtype, x.rows() * to.stride())])?;
    rows(gpu, by, x, offsets, length, (to.pointer(), to.stride()), out.adds)
}

/// The same into `out`, an address and the elements from one row to the next.
pub(crate) fn rows(
    gpu: &Gpu,
    by: i64,
    x: View<'_>,
    offsets: &Column<'_, u32>,
    length: usize,
    (out, out_stride): (u64, usize),
    adds: bool,
) -> Result<()> {
    let (dtype, n) = (x.tensor.dtype(), x.rows());
    check_gpu(OP, &[(x.tensor, dtype, n * x.stride())])?;
    let (from, back, distance) = (x.pointer(), by < 0, by.unsigned_abs());
    let words =
        arguments![from, x.stride(), offsets.pointer(), n, length, x.width, distance, back, out, out_stride, adds];
    gpu.launch_flat("shift_rows", dtype, n * x.width, words)
}

pub(super) fn step(gpu: &Gpu, by: usize, x: View<'_>, state: &Tensor, out: View<'_>) -> Result<()> {
    let (dtype, rows) = (state.dtype(), x.rows());
    check_gpu(OP, &[(x.tensor, dtype, rows * x.stride()), (out.tensor, dtype, rows * out.stride())])?;
    check_gpu(OP, &[(state, dtype, state.elem_count())])?;
    let (from, to) = (x.pointer(), out.pointer());
    let words = arguments![from, x.stride(), state, rows, x.width, by, to, out.stride()];
    gpu.launch_flat("shift_step", dtype, rows * x.width, words)
}
