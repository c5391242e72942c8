//! Memory of a GPU: arrays that tensors own, and scratch on loan.

use super::{Gpu, driver_error};
use crate::Result;
use candle_core::{DType, Shape};
use cudarc::driver::{CudaSlice, CudaStream, DevicePtr};
use std::fmt;
use std::sync::{Arc, PoisonError};

/// Memory from the device's pool, given back when dropped, in the order of the stream.
pub(super) struct Memory {
    slice: CudaSlice<u8>,
    pointer: u64,
}

impl Memory {
    /// `bytes` with arbitrary contents, aligned to 256 bytes.
    ///
    /// # Errors
    /// No memory on the GPU.
    pub fn new(stream: &Arc<CudaStream>, bytes: usize) -> Result<Self> {
        // SAFETY: memory is written before it is read; where it is not, zeros are asked for.
        let slice = unsafe { stream.alloc::<u8>(bytes.max(16)) };
        let slice = slice.map_err(|error| driver_error(&format!("take {bytes} bytes of the GPU's memory"), error))?;
        let pointer = slice.device_ptr(stream).0;
        Ok(Self { slice, pointer })
    }

    /// Address of the first byte.
    pub fn pointer(&self) -> u64 {
        self.pointer
    }

    fn bytes(&self) -> usize {
        self.slice.len()
    }
}

/// A contiguous array of numbers on a GPU. Clones and views share the memory.
#[derive(Clone)]
pub struct Array {
    gpu: Arc<Gpu>,
    memory: Arc<Memory>,
    /// Elements before the first.
    start: usize,
    /// Sizes of its dimensions.
    pub shape: Shape,
    /// Type of the elements.
    pub dtype: DType,
}

impl Array {
    /// Zeros.
    ///
    /// # Errors
    /// No memory on the GPU.
    pub fn zeros(gpu: &Arc<Gpu>, shape: Shape, dtype: DType) -> Result<Self> {
        let bytes = shape.elem_count() * dtype.size_in_bytes();
        let memory = Arc::new(Memory::new(&gpu.stream, bytes)?);
        gpu.zero(memory.pointer, bytes)?;
        Ok(Self { gpu: gpu.clone(), memory, start: 0, shape, dtype })
    }

    /// The GPU that it is on.
    pub fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    /// Address of the first element.
    pub fn pointer(&self) -> u64 {
        self.memory.pointer + (self.start * self.dtype.size_in_bytes()) as u64
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> usize {
        self.shape.elem_count() * self.dtype.size_in_bytes()
    }

    /// The `n` rows of the first dimension from `first` on.
    pub fn narrow(&self, first: usize, n: usize) -> Self {
        let mut dims = self.shape.dims().to_vec();
        let row = dims[1..].iter().product::<usize>();
        assert!(first + n <= dims[0], "a view outside its array");
        dims[0] = n;
        Self { start: self.start + first * row, shape: Shape::from(dims), ..self.clone() }
    }
}

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Array({:?}, {:?})", self.dtype, self.shape)
    }
}

/// Memory on loan, with arbitrary contents. Given back when dropped: the next call may use it, which comes later in the
/// stream.
pub struct Scratch<'g> {
    gpu: &'g Gpu,
    memory: Option<Memory>,
}

impl<'g> Scratch<'g> {
    pub(super) fn new(gpu: &'g Gpu, bytes: usize) -> Result<Self> {
        let mut free = gpu.free.lock().unwrap_or_else(PoisonError::into_inner);
        // The smallest that is large enough. Others stay: a captured graph of launches may point to them.
        let fitting = (0..free.len()).filter(|&i| free[i].bytes() >= bytes).min_by_key(|&i| free[i].bytes());
        let memory = match fitting {
            Some(i) => free.swap_remove(i),
            None => Memory::new(&gpu.stream, bytes.next_multiple_of(256))?,
        };
        Ok(Self { gpu, memory: Some(memory) })
    }

    /// Address of the first byte.
    pub fn pointer(&self) -> u64 {
        self.memory.as_ref().map_or(0, |memory| memory.pointer)
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        self.gpu.free.lock().unwrap_or_else(PoisonError::into_inner).extend(self.memory.take());
    }
}
