//! y = x W + b, with W stored `[in, out]` as GPT-2 stores it.

use super::cpu::{rows_per_task, vectorised, with_slices, with_type};
use super::{Float, Matrix, Threads, Write, matmul};
use crate::Result;
use candle_core::Tensor;
use rayon::prelude::*;

/// `out` = `x` `weight` + `bias`. x `[rows, in]`, weight `[in, out]`, bias `[out]`, out `[rows, out]`.
pub fn forward(x: &Tensor, weight: &Tensor, bias: &Tensor, out: &Tensor) -> Result<()> {
    let (n_in, n_out) = weight.dims2()?;
    with_type!(x, T => with_slices::<T, 3, 1>([x, weight, bias], [out], |[x, weight, bias], [out]| {
        let rows = x.len() / n_in;
        out.par_chunks_mut(n_out).with_min_len(64).for_each(|row| row.copy_from_slice(bias));
        matmul(out, n_out, Matrix::new(x, rows, n_in), Matrix::new(weight, n_in, n_out), Write::Add, Threads::All);
        Ok(())
    }))
}

/// `out` `[rows, vocab]` = `hidden` `[rows, width]` · `head` `[vocab, width]`ᵀ: for sampling. Training never makes
/// logits.
pub fn logits(hidden: &Tensor, head: &Tensor, out: &Tensor) -> Result<()> {
    let (vocab, width) = head.dims2()?;
    with_type!(hidden, T => with_slices::<T, 2, 1>([hidden, head], [out], |[hidden, head], [out]| {
        let hidden = Matrix::new(hidden, hidden.len() / width, width);
        matmul(out, vocab, hidden, Matrix::new(head, vocab, width).t(), Write::Overwrite, Threads::All);
        Ok(())
    }))
}

/// The gradients: `dx` = `dy` weightᵀ (overwritten), `dweight` += xᵀ `dy`, `dbias` += Σ rows `dy`.
pub fn backward(dy: &Tensor, x: &Tensor, weight: &Tensor, dx: &Tensor, dweight: &Tensor, dbias: &Tensor) -> Result<()> {
    let (n_in, n_out) = weight.dims2()?;
    let (reads, writes) = ([dy, x, weight], [dx, dweight, dbias]);
    with_type!(x, T => with_slices::<T, 3, 3>(reads, writes, |[dy, x, weight], [dx, dweight, dbias]| {
        let rows = x.len() / n_in;
        let dy_matrix = Matrix::new(dy, rows, n_out);
        matmul(dx, n_in, dy_matrix, Matrix::new(weight, n_in, n_out).t(), Write::Overwrite, Threads::All);
        matmul(dweight, n_out, Matrix::new(x, rows, n_in).t(), dy_matrix, Write::Add, Threads::All);
        add_column_sums(dy, dbias);
        Ok(())
    }))
}

/// `sums[j]` += Σ over rows of `x[i, j]`, in an order that does not depend on the number of threads.
pub(super) fn add_column_sums<T: Float>(x: &[T], sums: &mut [T]) {
    let width = sums.len();
    let partial: Vec<Vec<T>> = x
        .par_chunks(rows_per_task(width) * width)
        .map(|rows| {
            let mut sum = vec![T::ZERO; width];
            vectorised(
                #[inline(always)]
                || {
                    for row in rows.chunks_exact(width) {
                        for (sum, &value) in sum.iter_mut().zip(row) {
                            *sum += value;
                        }
                    }
                },
            );
            sum
        })
        .collect();
    for part in partial {
        for (sum, value) in sums.iter_mut().zip(part) {
            *sum += value;
        }
    }
}
