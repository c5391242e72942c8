//! Linear layers on a GPU.

use super::Layout;
use crate::Result;
use crate::ops::cuda::{Gpu, Grid, Operand, Product, arguments};
use crate::ops::reduce::gpu::add_partials;
use crate::ops::{Tensor, check_gpu};

pub(super) fn forward(
    gpu: &Gpu,
    x: &Tensor,
    (weight, layout): (&Tensor, Layout),
    bias: Option<&Tensor>,
    residual: Option<&Tensor>,
    out: &Tensor,
) -> Result<()> {
    let (n_in, n_out) = layout.sizes(weight)?;
    let (m, dtype) = (x.elem_count() / n_in.max(1), out.dtype());
    check_gpu("linear", &[(x, x.dtype(), m * n_in), (weight, x.dtype(), n_in * n_out), (out, dtype, m * n_out)])?;
    bias.map_or(Ok(()), |bias| check_gpu("linear", &[(bias, dtype, n_out)]))?;
    residual.map_or(Ok(()), |residual| check_gpu("linear", &[(residual, dtype, m * n_out)]))?;
    let (residual, bias) = (residual.map(Tensor::pointer), bias.map(Tensor::pointer));
    let product = product((m, n_out, n_in), operand(x, n_in), factor(weight, layout), out);
    gpu.matmul(&Product { residual, bias, ..product })
}

pub(super) fn logits(gpu: &Gpu, hidden: &Tensor, head: &Tensor, out: &Tensor) -> Result<()> {
    let (vocab, width) = head.dims2()?;
    let rows = hidden.elem_count() / width.max(1);
    check_gpu("logits", &[(hidden, head.dtype(), rows * width), (head, head.dtype(), vocab * width)])?;
    check_gpu("logits", &[(out, out.dtype(), rows * vocab)])?;
    gpu.matmul(&product((rows, vocab, width), operand(hidden, width), operand(head, width).t(), out))
}

pub(super) fn backward(
    gpu: &Gpu,
    dy: &Tensor,
    x: &Tensor,
    (weight, layout): (&Tensor, Layout),
    dx: &Tensor,
    dweight: &Tensor,
    dbias: Option<&Tensor>,
) -> Result<()> {
    let (n_in, n_out) = layout.sizes(weight)?;
    let (m, dtype) = (x.elem_count() / n_in.max(1), x.dtype());
    check_gpu("linear", &[(x, dtype, m * n_in), (dy, dtype, m * n_out), (weight, dtype, n_in * n_out)])?;
    check_gpu("linear", &[(dx, dx.dtype(), m * n_in), (dweight, dweight.dtype(), n_in * n_out)])?;
    let (of_x, of_dy) = (operand(x, n_in), operand(dy, n_out));
    gpu.matmul(&product((m, n_in, n_out), of_dy, factor(weight, layout).t(), dx))?;
    let product = match layout {
        Layout::InOut => product((n_in, n_out, m), of_x.t(), of_dy, dweight),
        Layout::OutIn => product((n_out, n_in, m), of_dy.t(), of_x, dweight),
    };
    gpu.matmul(&Product { add: true, ..product })?;
    dbias.map_or(Ok(()), |dbias| add_column_sums(gpu, dy, dbias))
}

/// W as an `[in, out]` factor.
fn factor(weight: &Tensor, layout: Layout) -> Operand {
    let stored = operand(weight, weight.row_width());
    if layout == Layout::InOut { stored } else { stored.t() }
}

/// A row-major matrix.
fn operand(x: &Tensor, width: usize) -> Operand {
    Operand { pointer: x.pointer(), dtype: x.dtype(), stride: width, transposed: false }
}

/// `out` = a b, of sizes (m, n, k).
fn product((m, n, k): (usize, usize, usize), a: Operand, b: Operand, out: &Tensor) -> Product {
    let (out, out_dtype) = (out.pointer(), out.dtype());
    Product { m, n, k, a, b, out, out_dtype, out_stride: n, add: false, residual: None, bias: None }
}

/// `sums[j]` += Σ over rows of `x[i, j]`, in an order that depends on the numbers of rows and columns only.
fn add_column_sums(gpu: &Gpu, x: &Tensor, sums: &Tensor) -> Result<()> {
    let columns = sums.elem_count();
    let rows = x.elem_count() / columns.max(1);
    check_gpu("linear", &[(x, x.dtype(), rows * columns), (sums, sums.dtype(), columns)])?;
    // Each lane of a block sums as many neighbouring columns as 16 bytes hold.
    let across = columns.div_ceil(512 / x.dtype().size_in_bytes());
    let parts = (4 * gpu.multiprocessors()).div_ceil(across).min(rows.div_ceil(32)).max(1);
    let partial = gpu.scratch(parts * columns * sums.dtype().size_in_bytes())?;
    let grid = Grid { blocks: [across as u32, parts as u32, 1], threads: 256, shared: 0 };
    gpu.launch("column_sums", x.dtype(), grid, arguments![x, partial.pointer(), rows, columns])?;
    add_partials(gpu, partial.pointer(), parts, &[sums])
}
