//! Matrix products on the CPU through the `gemm` crate.

use super::{Engine, Float};
use gemm::Parallelism;

/// A matrix inside a slice: element (i, j) is `data[i * row_stride + j * column_stride]`.
#[derive(Clone, Copy)]
pub struct Matrix<'a, T> {
    data: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// A row-major `[rows, columns]` matrix.
    pub fn new(data: &'a [T], rows: usize, columns: usize) -> Self {
        Self::strided(data, rows, columns, columns)
    }

    /// `[rows, columns]`, rows `row_stride` elements apart.
    pub fn strided(data: &'a [T], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(
            rows == 0 || columns == 0 || (rows - 1) * row_stride + columns <= data.len(),
            "matrix outside its slice"
        );
        Self { data, rows, columns, row_stride, column_stride: 1 }
    }

    /// The transposed matrix.
    pub fn t(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// What happens to the old contents of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// out = a b
    Overwrite,
    /// out += a b
    Add,
}

/// How many threads a product may use. Results do not depend on it: the inner dimension is never split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// The calling one.
    One,
    /// All of the current rayon pool.
    All,
}

/// out = a b or out += a b. `out` is row-major `[a.rows, b.columns]` with rows `row_stride` elements apart.
pub fn matmul<T: Float>(
    engine: &Engine,
    out: &mut [T],
    row_stride: usize,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    write: Write,
    threads: Threads,
) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert_eq!(k, b.rows, "inner dimensions differ");
    if m == 0 || n == 0 {
        return;
    }
    assert!((m - 1) * row_stride + n <= out.len(), "result outside its slice");
    let parallelism = match threads {
        Threads::One => Parallelism::None,
        Threads::All => Parallelism::Rayon(0),
    };
    // SAFETY: the three matrices lie inside their slices: checked above for `out`, in `Matrix::strided` for the others;
    // `out` is borrowed exclusively, so it overlaps neither.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            row_stride as isize,
            write == Write::Add,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            parallelism,
        );
    }
}
