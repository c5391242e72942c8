//! Linear layers on the CPU.

use super::Layout;
use crate::Result;
use crate::cpu::{rows_per_task, vectorised, with_slices, with_type};
use crate::reduce::cpu::sum_in_order;
use crate::view::Place;
use crate::{Assign, Engine, Float, Matrix, Tensor, Threads, View, Weight, Write, matmul, times, times_transposed};

pub(super) fn forward(
    engine: &Engine,
    x: View<'_>,
    weight: (Weight<'_>, Layout),
    bias: Option<&Tensor>,
    residual: Option<View<'_>>,
    out: View<'_>,
) -> Result<()> {
    let (rows, of_x, of_out) = (out.rows(), x.place(), out.place());
    let first = residual.map_or(0, |residual| residual.first);
    // An absent summand: something to open that is not read.
    let reads = [x.tensor, opened(weight, x), bias.unwrap_or(x.tensor), residual.map_or(x.tensor, |one| one.tensor)];
    with_type!(x, T => with_slices::<T, 4, 1>(reads, [out.tensor], |[x, numbers, bias_values, residual_values], [out]| {
        let residual = residual.map(|_| from(residual_values, first));
        let write = Write::Sum { residual, bias: bias.map(|_| bias_values) };
        let out = (from_mut(out, of_out.first), of_out.stride);
        multiply(engine, out, columns(x, rows, of_x), (weight, numbers), false, write)
    }))
}

pub(super) fn input_gradient(
    engine: &Engine,
    dy: View<'_>,
    weight: (Weight<'_>, Layout),
    dx: View<'_>,
    assign: Assign,
) -> Result<()> {
    let (rows, of_dy, of_dx) = (dy.rows(), dy.place(), dx.place());
    with_type!(dy, T => with_slices::<T, 2, 1>([dy.tensor, opened(weight, dy)], [dx.tensor], |[dy, numbers], [dx]| {
        let write = if assign == Assign::Add { Write::Add } else { Write::Overwrite };
        let dx = (from_mut(dx, of_dx.first), of_dx.stride);
        multiply(engine, dx, columns(dy, rows, of_dy), (weight, numbers), true, write)
    }))
}

/// The tensor of a weight; in place of blocks, which are opened by themselves, something that is not read.
fn opened<'a>((weight, _): (Weight<'a>, Layout), x: View<'a>) -> &'a Tensor {
    match weight {
        Weight::Dense(tensor) => tensor,
        Weight::Blocks(_) => x.tensor,
    }
}

/// `out` = a W, or a Wᵀ if `transposed`, begun from `write`. `numbers` are those of a weight that is not in blocks.
fn multiply<T: Float>(
    engine: &Engine,
    out: (&mut [T], usize),
    a: Matrix<'_, T>,
    ((weight, layout), numbers): ((Weight<'_>, Layout), &[T]),
    transposed: bool,
    write: Write<'_, T>,
) -> Result<()> {
    let (rows, columns) = weight.dims2()?;
    let as_stored = (layout == Layout::InOut) != transposed;
    match weight {
        Weight::Dense(_) => {
            let stored = Matrix::new(numbers, rows, columns);
            let w = if as_stored { stored } else { stored.t() };
            matmul(engine, out.0, out.1, a, w, write, Threads::All);
        }
        Weight::Blocks(blocks) => blocks.open(|blocks| match as_stored {
            true => times(engine, out, a, blocks, write, Threads::All),
            false => times_transposed(engine, out, a, blocks, write, Threads::All),
        }),
    }
    Ok(())
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
