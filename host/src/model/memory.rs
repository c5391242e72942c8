//! How tensors of a model are made: with memory, or as shapes alone, which tells how many bytes a model would take
//! without taking them.

use crate::Result;
use candle_core::{DType, Device, Shape, Tensor};
use std::cell::Cell;

/// Makes the tensors of a model and counts their bytes.
#[derive(Debug)]
pub struct Allocator {
    dtype: DType,
    only_shapes: bool,
    bytes: Cell<u64>,
}

impl Allocator {
    /// Tensors of `dtype` with memory.
    pub fn new(dtype: DType) -> Self {
        Self { dtype, only_shapes: false, bytes: Cell::new(0) }
    }

    /// Tensors of `dtype` that have a shape but hold one number: no kernel accepts them.
    pub fn only_shapes(dtype: DType) -> Self {
        Self { only_shapes: true, ..Self::new(dtype) }
    }

    /// The type of its tensors.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Bytes of all tensors that it has made.
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// A tensor of zeros.
    pub fn zeros(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        self.make(shape.into(), |shape| Ok(Tensor::zeros(shape, self.dtype, &Device::Cpu)?))
    }

    /// The tensor that `fill` makes; `fill` is not called when only shapes are wanted.
    pub fn make(&self, shape: Shape, fill: impl FnOnce(&Shape) -> Result<Tensor>) -> Result<Tensor> {
        self.bytes.set(self.bytes.get() + (shape.elem_count() * self.dtype.size_in_bytes()) as u64);
        match self.only_shapes {
            true => Ok(Tensor::zeros((), self.dtype, &Device::Cpu)?.broadcast_as(shape)?),
            false => fill(&shape),
        }
    }
}
