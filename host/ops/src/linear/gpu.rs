//! Linear layers on a GPU.

use super::Layout;
use crate::Result;
use crate::cuda::{Argument, Gpu, Operand, Product};
use crate::reduce::gpu::add_column_sums;
use crate::view::check_gpu_views;
use crate::{Assign, Tensor, View, Weight, check_gpu};

pub(super) fn forward(
    gpu: &Gpu,
    x: View<'_>,
    (weight, layout): (Weight<'_>, Layout),
    bias: Option<&Tensor>,
    residual: Option<View<'_>>,
    out: View<'_>,
) -> Result<()> {
    let ((n_in, n_out), weight) = (layout.sizes(weight)?, weight.dense()?);
    let dtype = out.dtype();
    check_gpu_views("linear", &[(x, x.dtype()), (weight.into(), x.dtype()), (out, dtype)])?;
    bias.map_or(Ok(()), |bias| check_gpu("linear", &[(bias, dtype, n_out)]))?;
    residual.map_or(Ok(()), |residual| check_gpu_views("linear", &[(residual, dtype)]))?;
    let (residual, bias) = (residual.map(|residual| residual.word()), bias.map(Tensor::pointer));
    let product = product((out.rows(), n_out, n_in), operand(x), factor(weight, layout), out);
    gpu.matmul(&Product { residual, bias, ..product })
}

pub(super) fn input_gradient(
    gpu: &Gpu,
    dy: View<'_>,
    (weight, layout): (Weight<'_>, Layout),
    dx: View<'_>,
    assign: Assign,
) -> Result<()> {
    let ((n_in, n_out), weight) = (layout.sizes(weight)?, weight.dense()?);
    check_gpu_views("linear", &[(dy, dy.dtype()), (weight.into(), dy.dtype()), (dx, dx.dtype())])?;
    let product = product((dy.rows(), n_in, n_out), operand(dy), factor(weight, layout).t(), dx);
    gpu.matmul(&Product { add: assign == Assign::Add, ..product })
}

/// `dweight` += xᵀ `dy` in its layout.
pub(super) fn weight_gradient(gpu: &Gpu, dy: View<'_>, x: View<'_>, layout: Layout, dweight: &Tensor) -> Result<()> {
    let (m, n_in, n_out) = (dy.rows(), x.width, dy.width);
    check_gpu_views("linear", &[(dy, x.dtype()), (x, x.dtype())])?;
    check_gpu("linear", &[(dweight, dweight.dtype(), n_in * n_out)])?;
    let product = match layout {
        Layout::InOut => product((n_in, n_out, m), operand(x).t(), operand(dy), dweight.into()),
        Layout::OutIn => product((n_out, n_in, m), operand(dy).t(), operand(x), dweight.into()),
    };
    gpu.matmul(&Product { add: true, ..product })
}

/// `dbias[j]` += Σ over rows of `dy[i, j]`.
pub(super) fn bias_gradient(gpu: &Gpu, dy: View<'_>, dbias: &Tensor) -> Result<()> {
    check_gpu("linear", &[(dbias, dbias.dtype(), dy.width)])?;
    check_gpu_views("linear", &[(dy, dy.dtype())])?;
    add_column_sums(gpu, (dy.word(), dy.dtype(), dy.stride()), dy.rows(), dbias)
}

/// W as an `[in, out]` factor.
fn factor(weight: &Tensor, layout: Layout) -> Operand {
    let stored = operand(weight.into());
    if layout == Layout::InOut { stored } else { stored.t() }
}

/// A row-major matrix.
fn operand(x: View<'_>) -> Operand {
    Operand { pointer: x.word(), dtype: x.dtype(), stride: x.stride(), transposed: false }
}

/// `out` = a b, of sizes (m, n, k).
fn product((m, n, k): (usize, usize, usize), a: Operand, b: Operand, out: View<'_>) -> Product {
    let (out, out_dtype, out_stride) = (out.word(), out.dtype(), out.stride());
    Product { m, n, k, a, b, out, out_dtype, out_stride, add: false, residual: None, bias: None }
}
