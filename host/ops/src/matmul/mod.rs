//! Matrix products on the CPU: with AVX-512 by kernels of our own (`blocked`, `pack`, `kernel`), in `f32` or with
//! factors rounded to bfloat16; else, and in `f64`, by the `gemm` crate.

#[cfg(target_arch = "x86_64")]
mod blocked;
#[cfg(target_arch = "x86_64")]
mod kernel;
#[cfg(target_arch = "x86_64")]
mod pack;
mod portable;

#[cfg(test)]
mod tests;

use super::{Engine, Float, Precision};
use bytemuck::cast_slice;
use portable::portable;

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

    /// `n` columns from `first` on.
    pub fn narrow(self, first: usize, n: usize) -> Self {
        assert!(first + n <= self.columns, "columns outside their matrix");
        Self { data: self.data.get(first * self.column_stride..).unwrap_or_default(), columns: n, ..self }
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

/// What a product begins with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Write<'a, T> {
    /// out = a b
    Overwrite,
    /// out += a b
    Add,
    /// out = residual + bias + a b
    Sum {
        /// Laid out as `out`.
        residual: Option<&'a [T]>,
        /// `[columns]`, the same for all rows.
        bias: Option<&'a [T]>,
    },
}

/// How many threads a product may use. Results do not depend on it: the inner dimension is cut at fixed places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// The calling one.
    One,
    /// All of the current rayon pool.
    All,
}

/// Fewer rows than this are a matter of memory bandwidth: packing or rounding would cost more than it saves.
const FEW_ROWS: usize = 8;

/// out = a b, out += a b or out = residual + bias + a b. `out` is row-major `[a.rows, b.columns]` with rows
/// `row_stride` elements apart. With `Precision::Bf16` factors are rounded to bfloat16 and summed in `f32`; products of
/// few rows stay in `f32`.
pub fn matmul<T: Float>(
    engine: &Engine,
    out: &mut [T],
    row_stride: usize,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    write: Write<'_, T>,
    threads: Threads,
) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert_eq!(k, b.rows, "inner dimensions differ");
    if m == 0 || n == 0 {
        return;
    }
    check(m, n, out, row_stride, write);
    #[cfg(target_arch = "x86_64")]
    if let (Some(format), Some(a), Some(b), Some(write)) = (format::<T>(engine), a.f32(), b.f32(), write.f32())
        && m >= FEW_ROWS
        && k > 0
    {
        let out = bytemuck::cast_slice_mut(out);
        return blocked::multiply(engine, format, out, row_stride, a, b, write, threads);
    }
    if engine.precision() == Precision::Bf16 && m >= FEW_ROWS {
        let (mut of_a, mut of_b) = (engine.scratch(m * k), engine.scratch(k * n));
        let (a, b) = (rounded(a, &mut of_a), rounded(b, &mut of_b));
        return portable(engine, out, row_stride, a, b, write, threads);
    }
    portable(engine, out, row_stride, a, b, write, threads);
}

/// The kernels rely on these sizes.
fn check<T>(m: usize, n: usize, out: &[T], row_stride: usize, write: Write<'_, T>) {
    let needed = m.saturating_sub(1) * row_stride + n;
    assert!(needed <= out.len(), "result outside its slice");
    if let Write::Sum { residual, bias } = write {
        assert!(residual.is_none_or(|residual| residual.len() >= needed), "residual smaller than the result");
        assert!(bias.is_none_or(|bias| bias.len() >= n), "bias smaller than a row of the result");
    }
}

/// Whether products with bfloat16 factors are faster than in `f32` on this CPU. Where they are not they are emulated.
pub fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return kernel::Format::Bf16.is_supported();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// What computes products on this CPU: machines where it differs may differ in the last bits of a result.
pub fn arithmetic() -> String {
    #[cfg(target_arch = "x86_64")]
    {
        let formats = [(kernel::Format::F32, "avx512"), (kernel::Format::Bf16, "avx512-bf16")];
        let ours: Vec<_> = formats.iter().filter(|(format, _)| format.is_supported()).map(|(_, name)| *name).collect();
        let fma = if is_x86_feature_detected!("fma") { "fma" } else { "sse2" };
        if ours.is_empty() { fma.to_owned() } else { ours.join(" ") }
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::env::consts::ARCH.to_owned()
}

/// A copy with every element rounded to the nearest bfloat16, ties to even.
fn rounded<'a, T: Float>(matrix: Matrix<'_, T>, copy: &'a mut [T]) -> Matrix<'a, T> {
    for (i, row) in copy.chunks_exact_mut(matrix.columns).enumerate() {
        for (j, out) in row.iter_mut().enumerate() {
            let value = matrix.data[i * matrix.row_stride + j * matrix.column_stride];
            *out = T::of(half::bf16::from_f32(value.f64() as f32).to_f64());
        }
    }
    Matrix::new(copy, matrix.rows, matrix.columns)
}

/// How the kernels here multiply numbers of type `T`, if they do on this CPU.
#[cfg(target_arch = "x86_64")]
fn format<T: Float>(engine: &Engine) -> Option<kernel::Format> {
    let format = match engine.precision() {
        Precision::Bf16 => kernel::Format::Bf16,
        Precision::F32 | Precision::F64 => kernel::Format::F32,
    };
    (is_f32::<T>() && format.is_supported()).then_some(format)
}

/// A right factor `[k, n]` that is multiplied several times: what a product does with it first is done once.
pub struct Factor<'a, T> {
    engine: &'a Engine,
    matrix: Matrix<'a, T>,
    #[cfg(target_arch = "x86_64")]
    prepared: Option<blocked::Prepared<'a>>,
}

impl<'a, T: Float> Factor<'a, T> {
    /// Prepares `matrix`.
    pub fn new(engine: &'a Engine, matrix: Matrix<'a, T>, threads: Threads) -> Self {
        #[cfg(not(target_arch = "x86_64"))]
        let _ = threads;
        Self {
            engine,
            matrix,
            #[cfg(target_arch = "x86_64")]
            prepared: format::<T>(engine)
                .zip(matrix.f32())
                .map(|(format, matrix)| blocked::Prepared::new(engine, format, matrix, threads)),
        }
    }

    /// Whether each row of a product has the same bits whatever the other rows are.
    pub fn rows_are_independent(&self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self.prepared.is_some();
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// As [`matmul`] with the upper left corner of this as `b`: as many rows as `a` has columns, and `columns` columns.
    pub fn multiply(
        &self,
        out: &mut [T],
        row_stride: usize,
        a: Matrix<'_, T>,
        columns: usize,
        write: Write<'_, T>,
        threads: Threads,
    ) {
        assert!(a.columns <= self.matrix.rows && columns <= self.matrix.columns, "a corner larger than its matrix");
        #[cfg(target_arch = "x86_64")]
        if let (Some(prepared), Some(a), Some(write)) = (&self.prepared, a.f32(), write.f32()) {
            let out = bytemuck::cast_slice_mut(out);
            check(a.rows, columns, out, row_stride, write);
            return prepared.multiply(self.engine, out, row_stride, a, columns, write, threads);
        }
        let corner = Matrix { rows: a.columns, columns, ..self.matrix };
        matmul(self.engine, out, row_stride, a, corner, write, threads);
    }
}

impl<'a, T: Float> Matrix<'a, T> {
    /// The same matrix, if its elements are `f32`.
    fn f32(self) -> Option<Matrix<'a, f32>> {
        let Self { data, rows, columns, row_stride, column_stride } = self;
        is_f32::<T>().then(|| Matrix { data: cast_slice(data), rows, columns, row_stride, column_stride })
    }
}

impl<'a, T: Float> Write<'a, T> {
    /// The same, if elements are `f32`.
    fn f32(self) -> Option<Write<'a, f32>> {
        is_f32::<T>().then(|| match self {
            Self::Overwrite => Write::Overwrite,
            Self::Add => Write::Add,
            Self::Sum { residual, bias } => {
                Write::Sum { residual: residual.map(cast_slice), bias: bias.map(cast_slice) }
            }
        })
    }
}

fn is_f32<T: 'static>() -> bool {
    std::any::TypeId::of::<T>() == std::any::TypeId::of::<f32>()
}
