//! Linear layers on the CPU.

use super::Layout;
use crate::Result;
use crate::ops::cpu::{rows_per_task, vectorised, with_slices, with_type};
use crate::ops::reduce::cpu::sum_in_order;
use crate::ops::{Engine, Float, Matrix, Tensor, Threads, Write, matmul};

pub(super) fn forward(
    engine: &Engine,
    x: &Tensor,
    (weight, layout): (&Tensor, Layout),
    bias: Option<&Tensor>,
    residual: Option<&Tensor>,
    out: &Tensor,
) -> Result<()> {
    let (n_in, n_out) = layout.sizes(weight)?;
    // An absent summand: something to open that is not read.
    let reads = [x, weight, bias.unwrap_or(weight), residual.unwrap_or(weight)];
    with_type!(x, T => with_slices::<T, 4, 1>(reads, [out], |[x, weight, bias_values, residual_values], [out]| {
        let rows = x.len() / n_in;
        let write = Write::Sum { residual: residual.map(|_| residual_values), bias: bias.map(|_| bias_values) };
        let (x, weight) = (Matrix::new(x, rows, n_in), matrix(weight, layout, n_in, n_out));
        matmul(engine, out, n_out, x, weight, write, Threads::All);
        Ok(())
    }))
}

pub(super) fn logits(engine: &Engine, hidden: &Tensor, head: &Tensor, out: &Tensor) -> Result<()> {
    let (vocab, width) = head.dims2()?;
    with_type!(hidden, T => with_slices::<T, 2, 1>([hidden, head], [out], |[hidden, head], [out]| {
        let hidden = Matrix::new(hidden, hidden.len() / width, width);
        matmul(engine, out, vocab, hidden, Matrix::new(head, vocab, width).t(), Write::Overwrite, Threads::All);
        Ok(())
    }))
}

pub(super) fn backward(
    engine: &Engine,
    dy: &Tensor,
    x: &Tensor,
    (weight, layout): (&Tensor, Layout),
    dx: &Tensor,
    dweight: &Tensor,
    dbias: Option<&Tensor>,
) -> Result<()> {
    let (n_in, n_out) = layout.sizes(weight)?;
    with_type!(x, T => with_slices::<T, 3, 2>([dy, x, weight], [dx, dweight], |[dy, x, weight], [dx, dweight]| {
        let rows = x.len() / n_in;
        let (x, dy) = (Matrix::new(x, rows, n_in), Matrix::new(dy, rows, n_out));
        matmul(engine, dx, n_in, dy, matrix(weight, layout, n_in, n_out).t(), Write::Overwrite, Threads::All);
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

/// W as an `[in, out]` matrix.
fn matrix<T>(weight: &[T], layout: Layout, n_in: usize, n_out: usize) -> Matrix<'_, T> {
    match layout {
        Layout::InOut => Matrix::new(weight, n_in, n_out),
        Layout::OutIn => Matrix::new(weight, n_out, n_in).t(),
    }
}

/// `sums[j]` += Σ over rows of `x[i, j]`, in an order that does not depend on the number of threads.
fn add_column_sums<T: Float>(engine: &Engine, x: &[T], sums: &mut [T]) {
    let width = sums.len();
    sum_in_order(engine, [sums], x.chunks(rows_per_task(width) * width), |rows, sums| {
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
