//! Linear layers on the CPU.

use super::Layout;
use crate::Result;
use crate::cpu::{rows_per_task, vectorised, with_slices, with_type};
use crate::reduce::cpu::sum_in_order;
use crate::view::Place;
use crate::{Assign, Engine, Float, Matrix, Tensor, Threads, View, Write, matmul};

pub(super) fn forward(
    engine: &Engine,
    x: View<'_>,
    (weight, layout): (&Tensor, Layout),
    bias: Option<&Tensor>,
    residual: Option<View<'_>>,
    out: View<'_>,
) -> Result<()> {
    let (n_in, n_out) = layout.sizes(weight)?;
    let (rows, of_x, of_out) = (out.rows(), x.place(), out.place());
    let first = residual.map_or(0, |residual| residual.first);
    // An absent summand: something to open that is not read.
    let reads = [x.tensor, weight, bias.unwrap_or(weight), residual.map_or(weight, |residual| residual.tensor)];
    with_type!(x, T => with_slices::<T, 4, 1>(reads, [out.tensor], |[x, weight, bias_values, residual_values], [out]| {
        let residual = residual.map(|_| from(residual_values, first));
        let write = Write::Sum { residual, bias: bias.map(|_| bias_values) };
        let (x, weight) = (columns(x, rows, of_x), matrix(weight, layout, n_in, n_out));
        matmul(engine, from_mut(out, of_out.first), of_out.stride, x, weight, write, Threads::All);
        Ok(())
    }))
}

pub(super) fn input_gradient(
    engine: &Engine,
    dy: View<'_>,
    (weight, layout): (&Tensor, Layout),
    dx: View<'_>,
    assign: Assign,
) -> Result<()> {
    let (n_in, n_out) = layout.sizes(weight)?;
    let (rows, of_dy, of_dx) = (dy.rows(), dy.place(), dx.place());
    with_type!(dy, T => with_slices::<T, 2, 1>([dy.tensor, weight], [dx.tensor], |[dy, weight], [dx]| {
        let (dy, weight) = (columns(dy, rows, of_dy), matrix(weight, layout, n_in, n_out));
        let write = if assign == Assign::Add { Write::Add } else { Write::Overwrite };
        matmul(engine, from_mut(dx, of_dx.first), of_dx.stride, dy, weight.t(), write, Threads::All);
        Ok(())
    }))
}

/// `dweight` += xᵀ `dy` in its layout.
pub(super) fn weight_gradient(
    engine: &Engine,
    dy: View<'_>,
    x: View<'_>,
    layout: Layout,
    dweight: &Tensor,
) -> Result<()> {
    let (rows, of_dy, of_x) = (dy.rows(), dy.place(), x.place());
    with_type!(x, T => with_slices::<T, 2, 1>([dy.tensor, x.tensor], [dweight], |[dy, x], [dweight]| {
        let (dy, x) = (columns(dy, rows, of_dy), columns(x, rows, of_x));
        match layout {
            Layout::InOut => matmul(engine, dweight, of_dy.width, x.t(), dy, Write::Add, Threads::All),
            Layout::OutIn => matmul(engine, dweight, of_x.width, dy.t(), x, Write::Add, Threads::All),
        }
        Ok(())
    }))
}

/// `dbias[j]` += Σ over rows of `dy[i, j]`, in an order that does not depend on the number of threads.
pub(super) fn bias_gradient(engine: &Engine, dy: View<'_>, dbias: &Tensor) -> Result<()> {
    let place = dy.place();
    with_type!(dy, T => with_slices::<T, 1, 1>([dy.tensor], [dbias], |[dy], [dbias]| {
        add_column_sums(engine, dy, place, dbias);
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

/// Columns of a matrix of `rows` rows.
fn columns<T>(values: &[T], rows: usize, place: Place) -> Matrix<'_, T> {
    Matrix::strided(from(values, place.first), rows, place.width, place.stride)
}

/// The values behind the first `first`; none where there are no rows.
fn from<T>(values: &[T], first: usize) -> &[T] {
    &values[first.min(values.len())..]
}

fn from_mut<T>(values: &mut [T], first: usize) -> &mut [T] {
    let first = first.min(values.len());
    &mut values[first..]
}

fn add_column_sums<T: Float>(engine: &Engine, x: &[T], place: Place, sums: &mut [T]) {
    let (width, stride) = (sums.len(), place.stride.max(1));
    sum_in_order(engine, [sums], x.chunks(rows_per_task(width) * stride), |rows, sums| {
        vectorised(
            #[inline(always)]
            || {
                for row in rows.chunks_exact(stride) {
                    for (sum, &value) in sums.iter_mut().zip(place.row(row, 0)) {
                        *sum += value;
                    }
                }
            },
        );
    });
}
