//! Columns of a matrix.

use super::Tensor;
use crate::{Error, Result};

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

    /// Address of its first element on a GPU.
    pub(crate) fn pointer(&self) -> u64 {
        self.tensor.pointer() + (self.first * self.tensor.dtype().size_in_bytes()) as u64
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.tensor.elem_count() / self.stride().max(1)
    }

    /// Whether it is its whole tensor, and so contiguous.
    pub fn is_whole(&self) -> bool {
        self.first == 0 && self.width == self.stride()
    }
}

impl<'a> From<&'a Tensor> for View<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Self { tensor, first: 0, width: tensor.row_width() }
    }
}
