//! Products by the `gemm` crate, which knows the instructions of many CPUs.
//!
//! Threads share the blocks of a result. The crate adds the products of an element in the order of the inner dimension.
//! It cuts that by its length alone unless both other sizes are small, and thin products take another way; so blocks
//! are so large that each is computed as the whole would be, and no result depends on the number of threads.

use super::{Matrix, Threads, Write};
use crate::{Engine, Float};
use gemm::Parallelism;
use std::ops::Range;

/// Fewest rows or columns of a block: more than the 64 up to which the crate cuts small products otherwise.
const LEAST: usize = 96;

/// The size across below which a result is not cut: a block of fewer would be small where the whole was not.
const ACROSS: usize = 8;

/// Products and sums below which one thread is faster.
const WORK: usize = 48 * 48 * 256;

/// Blocks per thread, at least: when one thread is held up, others take its share.
const BLOCKS_PER_THREAD: usize = 4;

/// out = a b, begun from `write`; rows of `out` are `row_stride` elements apart.
pub(super) fn portable<T: Float>(
    engine: &Engine,
    out: &mut [T],
    row_stride: usize,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    write: Write<'_, T>,
    threads: Threads,
) {
    let (m, n) = (a.rows, b.columns);
    assert!(m == 0 || n == 0 || (m - 1) * row_stride + n <= out.len(), "result outside its slice");
    let product = Product { out: out.as_mut_ptr(), row_stride, a, b, write };
    let is_small = m.saturating_mul(n).saturating_mul(a.columns) < WORK;
    if threads == Threads::One || is_small {
        return product.block(0..m, 0..n);
    }
    let n_most = BLOCKS_PER_THREAD * rayon::current_num_threads();
    let cut = |size: usize| {
        let n_blocks = (size / LEAST).clamp(1, n_most);
        (0..n_blocks).map(move |i| i * size / n_blocks..(i + 1) * size / n_blocks)
    };
    match (m / LEAST > 1 && n >= ACROSS, m >= ACROSS) {
        (true, _) => engine.for_each(cut(m), |rows| product.block(rows, 0..n)),
        (false, true) => engine.for_each(cut(n), |columns| product.block(0..m, columns)),
        (false, false) => product.block(0..m, 0..n),
    }
}

/// A product whose blocks are computed one by one.
struct Product<'a, T> {
    out: *mut T,
    row_stride: usize,
    a: Matrix<'a, T>,
    b: Matrix<'a, T>,
    write: Write<'a, T>,
}

// SAFETY: threads write different blocks of `out`, which is borrowed exclusively as long as there is a product.
unsafe impl<T: Float> Sync for Product<'_, T> {}

impl<T: Float> Product<'_, T> {
    /// Computes these rows and columns of the result.
    fn block(&self, rows: Range<usize>, columns: Range<usize>) {
        let Self { out, row_stride, a, b, write } = *self;
        let (m, n, k) = (rows.len(), columns.len(), a.columns);
        // SAFETY: `portable` checked that the result lies inside its slice.
        let out = unsafe { out.add(rows.start * row_stride + columns.start) };
        if let Write::Sum { residual, bias } = write {
            for (i, row) in rows.clone().enumerate() {
                for (j, column) in columns.clone().enumerate() {
                    let residual = residual.map_or(T::ZERO, |residual| residual[row * row_stride + column]);
                    let sum = residual + bias.map_or(T::ZERO, |bias| bias[column]);
                    // SAFETY: as above; no other thread has this element.
                    unsafe { *out.add(i * row_stride + j) = sum };
                }
            }
        }
        // SAFETY: the three matrices lie inside their slices: `portable` checked `out`, `Matrix::strided` the others;
        // `out` is borrowed exclusively, so it overlaps neither, and no other thread has this block.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                out,
                1,
                row_stride as isize,
                !matches!(write, Write::Overwrite),
                a.data.as_ptr().add(rows.start * a.row_stride),
                a.column_stride as isize,
                a.row_stride as isize,
                b.data.as_ptr().add(columns.start * b.column_stride),
                b.column_stride as isize,
                b.row_stride as isize,
                T::ONE,
                T::ONE,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}
