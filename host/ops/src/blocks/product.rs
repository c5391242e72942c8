//! Products with a matrix in blocks: some rows of it get their numbers back, are multiplied, and make room for the
//! next.

use super::Opened;
use crate::{Engine, Float, Matrix, Threads, Write, matmul};

/// Numbers that exist at a time, unless a row is longer: 4 MiB of them stay in a shared cache.
const NUMBERS: usize = 1 << 20;

/// Rows that are decoded by one task.
const TASK_ROWS: usize = 16;

/// Rows that are multiplied at a time, a constant of the shape: sums over rows are cut there.
fn rows_at_a_time(columns: usize) -> usize {
    (NUMBERS / columns.max(1) / TASK_ROWS * TASK_ROWS).max(TASK_ROWS)
}

/// Calls `body` with the first row and the numbers of each part of `blocks`.
fn each_part<T: Float>(engine: &Engine, blocks: Opened<'_>, threads: Threads, mut body: impl FnMut(usize, &[T])) {
    let (rows, columns) = blocks.dims2();
    let most = rows_at_a_time(columns).min(rows);
    let mut scratch = engine.scratch::<T>(most * columns);
    for first in (0..rows).step_by(most.max(1)) {
        let numbers = &mut scratch[..most.min(rows - first) * columns];
        let tasks = numbers.chunks_mut(TASK_ROWS * columns.max(1)).enumerate();
        let decode = |(task, out): (usize, &mut [T])| blocks.decode(first + task * TASK_ROWS, out);
        match threads {
            Threads::One => tasks.for_each(decode),
            Threads::All => engine.for_each(tasks, decode),
        }
        body(first, numbers);
    }
}

/// `out` `[a.rows, rows]` = a · blocksᵀ, begun from `write`: a linear layer's forward, where its weight is `[out, in]`.
pub fn times_transposed<T: Float>(
    engine: &Engine,
    (out, out_row): (&mut [T], usize),
    a: Matrix<'_, T>,
    blocks: Opened<'_>,
    write: Write<'_, T>,
    threads: Threads,
) {
    let columns = blocks.dims2().1;
    each_part(engine, blocks, threads, |first, numbers: &[T]| {
        let part = Matrix::new(numbers, numbers.len() / columns.max(1), columns);
        let write = match write {
            Write::Sum { residual, bias } => Write::Sum {
                residual: residual.map(|residual| residual.get(first..).unwrap_or_default()),
                bias: bias.map(|bias| &bias[first..]),
            },
            other => other,
        };
        matmul(engine, out.get_mut(first..).unwrap_or_default(), out_row, a, part.t(), write, threads);
    });
}

/// `out` `[a.rows, columns]` = a · blocks, begun from `write`: the gradient of what that layer reads.
pub fn times<T: Float>(
    engine: &Engine,
    (out, out_row): (&mut [T], usize),
    a: Matrix<'_, T>,
    blocks: Opened<'_>,
    write: Write<'_, T>,
    threads: Threads,
) {
    let columns = blocks.dims2().1;
    each_part(engine, blocks, threads, |first, numbers: &[T]| {
        let n = numbers.len() / columns.max(1);
        let part = Matrix::new(numbers, n, columns);
        let write = if first == 0 { write } else { Write::Add };
        matmul(engine, &mut *out, out_row, a.narrow(first, n), part, write, threads);
    });
}
