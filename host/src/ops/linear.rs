//! y = x W + b, with W stored as GPT-2 stores it, `[in, out]`, or as Llama does, `[out, in]`.

use super::cpu::{rows_per_task, vectorised, with_slices, with_type};
use super::cuda::{Gpu, Grid, Operand, Product, arguments};
use super::reduce::{add_partials, sum_in_order};
use super::{Engine, Float, Matrix, OpGroup, Tensor, Threads, Write, check_gpu, matmul};
use crate::Result;
use rayon::prelude::*;

/// How a weight lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `[in, out]`: GPT-2's Conv1D.
    InOut,
    /// `[out, in]`: PyTorch's Linear.
    OutIn,
}

impl Layout {
    /// W as an `[in, out]` matrix.
    fn matrix<T>(self, weight: &[T], n_in: usize, n_out: usize) -> Matrix<'_, T> {
        match self {
            Self::InOut => Matrix::new(weight, n_in, n_out),
            Self::OutIn => Matrix::new(weight, n_out, n_in).t(),
        }
    }

    /// W as an `[in, out]` factor on a GPU.
    fn operand(self, weight: &Tensor) -> Operand {
        let stored = operand(weight, weight.row_width());
        if self == Self::InOut { stored } else { stored.t() }
    }

    /// (in, out) of a weight.
    fn sizes(self, weight: &Tensor) -> Result<(usize, usize)> {
        let (rows, columns) = weight.dims2()?;
        Ok(match self {
            Self::InOut => (rows, columns),
            Self::OutIn => (columns, rows),
        })
    }
}

/// A row-major matrix on a GPU.
fn operand(x: &Tensor, width: usize) -> Operand {
    Operand { pointer: x.pointer(), dtype: x.dtype(), stride: width, transposed: false }
}

/// `out` = `x` W + `bias` + `residual`. x `[rows, in]`, bias `[out]`, residual and out `[rows, out]`. On a GPU x and W
/// have one type, and bias, residual and out have one.
pub fn forward(
    engine: &Engine,
    x: &Tensor,
    (weight, layout): (&Tensor, Layout),
    bias: Option<&Tensor>,
    residual: Option<&Tensor>,
    out: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Linear);
    let (n_in, n_out) = layout.sizes(weight)?;
    if let Some(gpu) = engine.gpu() {
        let (m, dtype) = (x.elem_count() / n_in.max(1), out.dtype());
        check_gpu("linear", &[(x, x.dtype(), m * n_in), (weight, x.dtype(), n_in * n_out), (out, dtype, m * n_out)])?;
        bias.map_or(Ok(()), |bias| check_gpu("linear", &[(bias, dtype, n_out)]))?;
        residual.map_or(Ok(()), |residual| check_gpu("linear", &[(residual, dtype, m * n_out)]))?;
        let (residual, bias) = (residual.map(Tensor::pointer), bias.map(Tensor::pointer));
        let product = product((m, n_out, n_in), operand(x, n_in), layout.operand(weight), out);
        return gpu.matmul(&Product { residual, bias, ..product });
    }
    // An absent summand: something to open that nobody reads.
    let reads = [x, weight, bias.unwrap_or(weight), residual.unwrap_or(weight)];
    with_type!(x, T => with_slices::<T, 4, 1>(reads, [out], |[x, weight, bias_values, residual_values], [out]| {
        let rows = x.len() / n_in;
        let write = Write::Sum { residual: residual.map(|_| residual_values), bias: bias.map(|_| bias_values) };
        matmul(engine, out, n_out, Matrix::new(x, rows, n_in), layout.matrix(weight, n_in, n_out), write, Threads::All);
        Ok(())
    }))
}

/// `out` `[rows, vocab]` = `hidden` `[rows, width]` · `head` `[vocab, width]`ᵀ: for sampling. Training never makes
/// logits.
pub fn logits(engine: &Engine, hidden: &Tensor, head: &Tensor, out: &Tensor) -> Result<()> {
    let _timer = engine.time(OpGroup::Loss);
    let (vocab, width) = head.dims2()?;
    if let Some(gpu) = engine.gpu() {
        let rows = hidden.elem_count() / width.max(1);
        check_gpu("logits", &[(hidden, head.dtype(), rows * width), (head, head.dtype(), vocab * width)])?;
        check_gpu("logits", &[(out, out.dtype(), rows * vocab)])?;
        return gpu.matmul(&product((rows, vocab, width), operand(hidden, width), operand(head, width).t(), out));
    }
    with_type!(hidden, T => with_slices::<T, 2, 1>([hidden, head], [out], |[hidden, head], [out]| {
        let hidden = Matrix::new(hidden, hidden.len() / width, width);
        matmul(engine, out, vocab, hidden, Matrix::new(head, vocab, width).t(), Write::Overwrite, Threads::All);
        Ok(())
    }))
}

/// The gradients: `dx` = `dy` Wᵀ (overwritten), `dweight` += xᵀ `dy` in the layout of W, `dbias` += Σ rows `dy`.
pub fn backward(
    engine: &Engine,
    dy: &Tensor,
    x: &Tensor,
    (weight, layout): (&Tensor, Layout),
    dx: &Tensor,
    dweight: &Tensor,
    dbias: Option<&Tensor>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Linear);
    let (n_in, n_out) = layout.sizes(weight)?;
    if let Some(gpu) = engine.gpu() {
        let (m, dtype) = (x.elem_count() / n_in.max(1), x.dtype());
        check_gpu("linear", &[(x, dtype, m * n_in), (dy, dtype, m * n_out), (weight, dtype, n_in * n_out)])?;
        check_gpu("linear", &[(dx, dx.dtype(), m * n_in), (dweight, dweight.dtype(), n_in * n_out)])?;
        let (of_x, of_dy) = (operand(x, n_in), operand(dy, n_out));
        gpu.matmul(&product((m, n_in, n_out), of_dy, layout.operand(weight).t(), dx))?;
        let product = match layout {
            Layout::InOut => product((n_in, n_out, m), of_x.t(), of_dy, dweight),
            Layout::OutIn => product((n_out, n_in, m), of_dy.t(), of_x, dweight),
        };
        gpu.matmul(&Product { add: true, ..product })?;
        return dbias.map_or(Ok(()), |dbias| add_column_sums_on_gpu(gpu, dy, dbias));
    }
    with_type!(x, T => with_slices::<T, 3, 2>([dy, x, weight], [dx, dweight], |[dy, x, weight], [dx, dweight]| {
        let rows = x.len() / n_in;
        let (x, dy) = (Matrix::new(x, rows, n_in), Matrix::new(dy, rows, n_out));
        matmul(engine, dx, n_in, dy, layout.matrix(weight, n_in, n_out).t(), Write::Overwrite, Threads::All);
        match layout {
            Layout::InOut => matmul(engine, dweight, n_out, x.t(), dy, Write::Add, Threads::All),
            Layout::OutIn => matmul(engine, dweight, n_in, dy.t(), x, Write::Add, Threads::All),
        }
        Ok(())
    }))?;
    let Some(dbias) = dbias else { return Ok(()) };
    with_type!(dy, T => with_slices::<T, 1, 1>([dy], [dbias], |[dy], [dbias]| {
        add_column_sums(engine, dy, dbias);
        Ok(())
    }))
}

/// `out` = a b, of sizes (m, n, k).
fn product((m, n, k): (usize, usize, usize), a: Operand, b: Operand, out: &Tensor) -> Product {
    let (out, out_dtype) = (out.pointer(), out.dtype());
    Product { m, n, k, a, b, out, out_dtype, out_stride: n, add: false, residual: None, bias: None }
}

/// `sums[j]` += Σ over rows of `x[i, j]`, in an order that depends on the numbers of rows and columns only.
fn add_column_sums_on_gpu(gpu: &Gpu, x: &Tensor, sums: &Tensor) -> Result<()> {
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

/// `sums[j]` += Σ over rows of `x[i, j]`, in an order that does not depend on the number of threads.
fn add_column_sums<T: Float>(engine: &Engine, x: &[T], sums: &mut [T]) {
    let width = sums.len();
    sum_in_order(engine, [sums], x.par_chunks(rows_per_task(width) * width), |rows, sums| {
        vectorised(
            #[inline(always)]
            || {
                for row in rows.chunks_exact(width) {
                    for (sum, &value) in sums.iter_mut().zip(row) {
                        *sum += value;
                    }
                }
            },
        );
    });
}
