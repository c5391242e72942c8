//! Columns of a matrix.

use super::{Tensor, check_gpu};
use crate::{Error, Result};
use candle_core::DType;

/// Neighbouring columns of a matrix `[rows, stride]`: one of several values that lie side by side in one tensor.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The whole matrix.
    pub tensor: &'a Tensor,
    /// First column.
    pub first: usize,
    /// Number of columns.
    pub width: usize,
}

impl<'a> View<'a> {
    /// `width` columns of `tensor` from `first` on.
    ///
    /// # Errors
    /// Columns that the tensor does not have.
    pub fn new(tensor: &'a Tensor, first: usize, width: usize) -> Result<Self> {
        let stride = tensor.row_width();
        match first.checked_add(width) {
            Some(end) if end <= stride => Ok(Self { tensor, first, width }),
            _ => Err(Error::run(format!("columns {first}..{first} + {width} of a tensor with {stride} columns"))),
        }
    }

    /// Elements between the starts of two rows.
    pub fn stride(&self) -> usize {
        self.tensor.row_width()
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.tensor.elem_count() / self.stride().max(1)
    }

    /// Type of its numbers.
    pub fn dtype(&self) -> DType {
        self.tensor.dtype()
    }

    /// Where its elements are in the slice of its tensor.
    pub(super) fn place(&self) -> Place {
        Place { first: self.first, width: self.width, stride: self.stride() }
    }

    /// Address of the first element on a GPU.
    pub fn pointer(&self) -> u64 {
        self.tensor.pointer() + (self.first * self.dtype().size_in_bytes()) as u64
    }

    /// Whether both are the same numbers in memory.
    pub(super) fn is_same(&self, other: &View<'_>) -> bool {
        self.place() == other.place() && self.tensor.is_same(other.tensor)
    }

    /// Whether the columns are all of the tensor's, and so contiguous.
    pub fn is_whole(&self) -> bool {
        self.first == 0 && self.width == self.stride()
    }
}

impl<'a> From<&'a Tensor> for View<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Self { tensor, first: 0, width: tensor.row_width() }
    }
}

/// Columns of a matrix that lies in a slice: element (i, j) is at `i * stride + first + j`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub first: usize,
    pub width: usize,
    pub stride: usize,
}

impl Place {
    /// Whether the elements are the whole slice, one behind the other.
    pub fn is_whole(self) -> bool {
        self.first == 0 && self.width == self.stride
    }

    /// The elements of row `row`.
    #[inline(always)]
    pub fn row<T>(self, values: &[T], row: usize) -> &[T] {
        &values[row * self.stride + self.first..][..self.width]
    }

    /// The elements of row `row`.
    #[inline(always)]
    pub fn row_mut<T>(self, values: &mut [T], row: usize) -> &mut [T] {
        &mut values[row * self.stride + self.first..][..self.width]
    }
}

/// Checks that all views have `rows` rows and `width` columns: kernels trust these sizes.
///
/// # Errors
/// The first that differs.
pub(super) fn check_views(op: &str, rows: usize, width: usize, views: &[View<'_>]) -> Result<()> {
    match views.iter().find(|view| view.rows() != rows || view.width != width) {
        None => Ok(()),
        Some(view) => {
            let got = [view.rows(), view.width];
            Err(Error::run(format!("{op}: expected rows and columns {:?}, got {got:?}", [rows, width])))
        }
    }
}

/// Checks that views are on a GPU and have these types.
///
/// # Errors
/// The first that differs.
pub(super) fn check_gpu_views(op: &str, views: &[(View<'_>, DType)]) -> Result<()> {
    views.iter().try_for_each(|(view, dtype)| check_gpu(op, &[(view.tensor, *dtype, view.tensor.elem_count())]))
}
