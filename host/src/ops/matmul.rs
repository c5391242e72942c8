//! Matrix product of dense slices: the one place that calls the `gemm` crate.

use super::Float;
use gemm::Parallelism;

/// A dense row-major matrix that a product reads, as it lies in memory or turned around.
#[derive(Debug, Clone, Copy)]
pub struct Operand<'a, T> {
    /// The numbers, row by row.
    pub data: &'a [T],
    /// Whether `data` holds the transpose of the matrix that is meant.
    pub transposed: bool,
}

impl<'a, T> Operand<'a, T> {
    /// The matrix as it lies in memory.
    pub fn new(data: &'a [T]) -> Self {
        Self { data, transposed: false }
    }

    /// The transpose of what lies in memory.
    pub fn transposed(data: &'a [T]) -> Self {
        Self { data, transposed: true }
    }

    /// (row stride, column stride) of the meant `[rows, columns]` matrix.
    fn strides(&self, rows: usize, columns: usize) -> (isize, isize) {
        if self.transposed { (1, rows as isize) } else { (columns as isize, 1) }
    }
}

/// Who computes a product. The result is the same, bit for bit: threads share out tiles of the result, never a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// The calling thread alone.
    One,
    /// Every thread of the current rayon pool.
    All,
}

/// `out` [m, n] = a [m, k] · b [k, n], or `out` += a · b if `accumulate`. All row-major; a transposed operand holds
/// [k, m] or [n, k].
///
/// # Panics
/// If a slice has another length than its shape says.
#[allow(clippy::too_many_arguments)]
pub fn matmul<T: Float>(
    out: &mut [T],
    m: usize,
    n: usize,
    k: usize,
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    accumulate: bool,
    threads: Threads,
) {
    assert_eq!(Some(out.len()), m.checked_mul(n), "matmul: length of the result, expected {m} x {n}");
    assert_eq!(Some(a.data.len()), m.checked_mul(k), "matmul: length of the left operand, expected {m} x {k}");
    assert_eq!(Some(b.data.len()), k.checked_mul(n), "matmul: length of the right operand, expected {k} x {n}");
    let (a_row, a_column) = a.strides(m, k);
    let (b_row, b_column) = b.strides(k, n);
    let parallelism = match threads {
        Threads::All if rayon::current_num_threads() > 1 => Parallelism::Rayon(rayon::current_num_threads()),
        _ => Parallelism::None,
    };
    // SAFETY: the lengths are checked above, so every index row * row stride + column * column stride of the three shapes
    // lies inside its slice; `out` is borrowed mutably, so it overlaps neither operand; `T` is f32 or f64 (Float), for
    // which gemm has kernels, chosen by the instructions that this processor has.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            accumulate,
            a.data.as_ptr(),
            a_column,
            a_row,
            b.data.as_ptr(),
            b_column,
            b_row,
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            parallelism,
        );
    }
}
