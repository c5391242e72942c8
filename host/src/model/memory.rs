//! How tensors of a model are made: with memory, or as shapes alone, which tells how many bytes a model would take
//! without taking them.

use crate::Result;
use crate::ops::{BlockFormat, Blocks, Device, Engine, Precision, Tensor};
use candle_core::{DType, Shape};
use std::cell::Cell;

/// Makes the tensors of a model and counts their bytes.
#[derive(Debug)]
pub struct Allocator {
    precision: Precision,
    device: Device,
    only_shapes: bool,
    bytes: Cell<u64>,
}

impl Allocator {
    /// Tensors with memory, where `engine` computes.
    pub fn new(engine: &Engine) -> Self {
        let (precision, device) = (engine.precision(), engine.device().clone());
        Self { precision, device, only_shapes: false, bytes: Cell::new(0) }
    }

    /// Tensors that have a shape, as on `device`, but hold one number: no kernel accepts them.
    pub fn only_shapes(precision: Precision, device: &Device) -> Self {
        Self { precision, device: device.clone(), only_shapes: true, bytes: Cell::new(0) }
    }

    /// Tells if its tensors have memory, and not only shapes.
    pub fn has_memory(&self) -> bool {
        !self.only_shapes
    }

    /// The type of parameters, their gradients and the residual stream.
    pub fn dtype(&self) -> DType {
        self.precision.dtype()
    }

    /// Where its tensors are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The type that products read parameters in, where it is another one.
    pub fn shadow(&self) -> Option<DType> {
        Some(self.precision.activations(&self.device)).filter(|dtype| *dtype != self.dtype())
    }

    /// Bytes of all tensors that it has made.
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// A tensor of zeros in the format of parameters.
    ///
    /// # Errors
    /// A GPU without room for it.
    pub fn zeros(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        self.zeros_as(shape, self.dtype())
    }

    /// A tensor of zeros in the format of activations.
    ///
    /// # Errors
    /// A GPU without room for it.
    pub fn activations(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        self.zeros_as(shape, self.precision.activations(&self.device))
    }

    /// A tensor of zeros.
    ///
    /// # Errors
    /// A GPU without room for it.
    pub fn zeros_as(&self, shape: impl Into<Shape>, dtype: DType) -> Result<Tensor> {
        self.make(shape.into(), dtype, |shape| Tensor::zeros(shape, dtype, &self.device))
    }

    /// The tensor that `fill` makes; `fill` is not called when only shapes are wanted.
    ///
    /// # Errors
    /// What `fill` fails with, a GPU without room for it.
    pub fn make(&self, shape: Shape, dtype: DType, fill: impl FnOnce(&Shape) -> Result<Tensor>) -> Result<Tensor> {
        // a wrong config may ask for more than there are numbers for
        let bytes = (shape.elem_count() as u64).saturating_mul(dtype.size_in_bytes() as u64);
        self.bytes.set(self.bytes.get().saturating_add(bytes));
        if self.only_shapes { self.only_shape(shape) } else { fill(&shape) }
    }

    /// A tensor that has a shape, but holds one number.
    ///
    /// # Errors
    /// A shape that no tensor can have.
    pub fn only_shape(&self, shape: Shape) -> Result<Tensor> {
        Ok(candle_core::Tensor::zeros((), self.dtype(), &candle_core::Device::Cpu)?.broadcast_as(shape)?.into())
    }

    /// A matrix `[rows, columns]` in blocks, on the CPU.
    pub fn blocks(&self, format: BlockFormat, dims: [usize; 2]) -> Blocks {
        self.bytes.set(self.bytes.get().saturating_add(format.bytes(dims) as u64));
        if self.only_shapes { Blocks::only_shape(format, dims) } else { Blocks::zeros(format, dims) }
    }
}
