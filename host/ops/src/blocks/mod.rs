//! Matrices that do not change, in blocks of few bits: the codes of 64 neighbours in a row and what they are multiplied
//! with. A product gets their numbers back a few rows at a time.

mod format;
mod product;

pub use format::BlockFormat;
pub use product::{times, times_transposed};

use super::{Float, Tensor};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

/// Numbers that are written at a time.
const NUMBERS: usize = 1 << 20;

/// Matrices of a model that are held in blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantized {
    /// How their numbers are written.
    pub format: BlockFormat,
    /// Their names.
    pub tensors: BTreeSet<String>,
}

/// A matrix `[rows, columns]` in blocks. Clones and views of its rows share the blocks.
#[derive(Debug, Clone)]
pub struct Blocks {
    format: BlockFormat,
    rows: Range<usize>,
    columns: usize,
    /// The blocks of all rows, one row after another.
    bytes: Arc<RwLock<Vec<u8>>>,
}

impl Blocks {
    /// Zeros.
    pub fn zeros(format: BlockFormat, [rows, columns]: [usize; 2]) -> Self {
        let bytes = Arc::new(RwLock::new(vec![0; rows * format.row_bytes(columns)]));
        Self { format, rows: 0..rows, columns, bytes }
    }

    /// Only their shape: no kernel reads them.
    pub fn only_shape(format: BlockFormat, [rows, columns]: [usize; 2]) -> Self {
        Self { format, rows: 0..rows, columns, bytes: Arc::default() }
    }

    /// Rows and columns.
    pub fn dims2(&self) -> (usize, usize) {
        (self.rows.len(), self.columns)
    }

    /// A view of `n` rows from `first` on.
    ///
    /// # Errors
    /// Rows outside the matrix.
    pub fn narrow(&self, first: usize, n: usize) -> Result<Self> {
        let start = self.rows.start + first;
        if start + n > self.rows.end {
            return Err(Error::run(format!("rows {first} to {} of a matrix with {}", first + n, self.rows.len())));
        }
        Ok(Self { rows: start..start + n, ..self.clone() })
    }

    /// Replaces the numbers by those of `tensor`, on the CPU and of this shape, each rounded to one that a block can
    /// hold.
    ///
    /// # Errors
    /// A tensor of another shape.
    pub fn write(&self, tensor: &candle_core::Tensor) -> Result<()> {
        if tensor.dims() != [self.rows.len(), self.columns] {
            return Err(Error::run(format!("cannot write a tensor {:?} into {:?}", tensor.dims(), self.dims2())));
        }
        let row = self.format.row_bytes(self.columns);
        let mut bytes = self.bytes.write().unwrap_or_else(PoisonError::into_inner);
        let bytes = &mut bytes[self.rows.start * row..self.rows.end * row];
        // some rows at a time: a copy of a large matrix would be most of what is held at the same time
        let most = (NUMBERS / self.columns.max(1)).max(1);
        for (part, bytes) in bytes.chunks_mut((most * row).max(1)).enumerate() {
            let rows = tensor.narrow(0, part * most, most.min(self.rows.len() - part * most))?;
            let values = rows.flatten_all()?.to_dtype(candle_core::DType::F32)?.to_vec1::<f32>()?;
            self.format.encode(&values, self.columns, bytes);
        }
        Ok(())
    }

    /// Calls `body` with something that gets numbers back.
    pub fn open<R>(&self, body: impl FnOnce(Opened<'_>) -> R) -> R {
        let row = self.format.row_bytes(self.columns);
        let bytes = self.bytes.read().unwrap_or_else(PoisonError::into_inner);
        let bytes = &bytes[self.rows.start * row..self.rows.end * row];
        body(Opened { format: self.format, columns: self.columns, bytes })
    }
}

/// Blocks that are being read.
#[derive(Debug, Clone, Copy)]
pub struct Opened<'a> {
    format: BlockFormat,
    columns: usize,
    bytes: &'a [u8],
}

impl Opened<'_> {
    /// Rows and columns.
    pub fn dims2(&self) -> (usize, usize) {
        (self.bytes.len() / self.format.row_bytes(self.columns).max(1), self.columns)
    }

    /// `out` `[rows, columns]` = the numbers of the rows from `first` on, as many as `out` holds.
    pub fn decode<T: Float>(&self, first: usize, out: &mut [T]) {
        let row = self.format.row_bytes(self.columns);
        let n = out.len() / self.columns.max(1);
        self.format.decode(&self.bytes[first * row..(first + n) * row], self.columns, out);
    }
}

/// The right factor of a product: numbers as they are, or in blocks.
#[derive(Debug, Clone, Copy)]
pub enum Weight<'a> {
    /// As they are.
    Dense(&'a Tensor),
    /// In blocks, on the CPU.
    Blocks(&'a Blocks),
}

impl<'a> From<&'a Tensor> for Weight<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Self::Dense(tensor)
    }
}

impl<'a> From<&'a Blocks> for Weight<'a> {
    fn from(blocks: &'a Blocks) -> Self {
        Self::Blocks(blocks)
    }
}

impl<'a> Weight<'a> {
    /// Rows and columns.
    ///
    /// # Errors
    /// A tensor that is no matrix.
    pub fn dims2(self) -> Result<(usize, usize)> {
        match self {
            Self::Dense(tensor) => tensor.dims2(),
            Self::Blocks(blocks) => Ok(blocks.dims2()),
        }
    }

    /// The tensor, where kernels read nothing else.
    ///
    /// # Errors
    /// Numbers in blocks.
    pub fn dense(self) -> Result<&'a Tensor> {
        match self {
            Self::Dense(tensor) => Ok(tensor),
            Self::Blocks(_) => Err(Error::run("a kernel was given numbers in blocks, expected them as they are")),
        }
    }
}
