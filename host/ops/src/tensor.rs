//! Numbers on a device.

use super::Device;
use super::cuda::{Array, Gpu};
use crate::{Error, Result};
use candle_core::{DType, Shape};
use std::sync::Arc;

/// A contiguous array of numbers on the CPU, as a candle tensor, or on a GPU. Clones and views share the numbers, and
/// kernels write them in place.
#[derive(Debug, Clone)]
pub struct Tensor(Storage);

#[derive(Debug, Clone)]
enum Storage {
    Cpu(candle_core::Tensor),
    Gpu(Array),
}

impl From<candle_core::Tensor> for Tensor {
    fn from(tensor: candle_core::Tensor) -> Self {
        Self(Storage::Cpu(tensor))
    }
}

impl From<Array> for Tensor {
    fn from(array: Array) -> Self {
        Self(Storage::Gpu(array))
    }
}

impl Tensor {
    /// Zeros on `device`.
    ///
    /// # Errors
    /// No memory on the device.
    pub fn zeros(shape: impl Into<Shape>, dtype: DType, device: &Device) -> Result<Self> {
        Ok(Self(match device {
            Device::Cpu => Storage::Cpu(candle_core::Tensor::zeros(shape, dtype, &candle_core::Device::Cpu)?),
            Device::Gpu(gpu) => Storage::Gpu(Array::zeros(gpu, shape.into(), dtype)?),
        }))
    }

    /// A copy of `tensor`, which is on the CPU, on `device`, as `dtype`.
    ///
    /// # Errors
    /// A type that the device does not compute with, or no memory on it.
    pub fn copied(tensor: &candle_core::Tensor, dtype: DType, device: &Device) -> Result<Self> {
        // A copy of its own: kernels write in place, and `to_dtype` may return the same storage.
        let tensor = tensor.to_dtype(dtype)?.force_contiguous()?;
        match device {
            Device::Cpu => Ok(tensor.into()),
            Device::Gpu(_) => {
                let copy = Self::zeros(tensor.shape(), dtype, device)?;
                copy.write(&tensor)?;
                Ok(copy)
            }
        }
    }

    /// Zeros of this tensor's shape and type, on its device.
    ///
    /// # Errors
    /// No memory on the device.
    pub fn zeros_like(&self) -> Result<Self> {
        Self::zeros(self.shape(), self.dtype(), &self.device())
    }

    /// Where it is.
    pub fn device(&self) -> Device {
        match &self.0 {
            Storage::Cpu(_) => Device::Cpu,
            Storage::Gpu(array) => Device::Gpu(array.gpu().clone()),
        }
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        match &self.0 {
            Storage::Cpu(tensor) => tensor.shape(),
            Storage::Gpu(array) => &array.shape,
        }
    }

    /// The type of its numbers.
    pub fn dtype(&self) -> DType {
        match &self.0 {
            Storage::Cpu(tensor) => tensor.dtype(),
            Storage::Gpu(array) => array.dtype,
        }
    }

    /// Sizes of its dimensions.
    pub fn dims(&self) -> &[usize] {
        self.shape().dims()
    }

    /// Both sizes of a matrix.
    ///
    /// # Errors
    /// A tensor that is no matrix.
    pub fn dims2(&self) -> Result<(usize, usize)> {
        Ok(self.shape().dims2()?)
    }

    /// Size of dimension `index`.
    ///
    /// # Errors
    /// No such dimension.
    pub fn dim(&self, index: usize) -> Result<usize> {
        let size = self.dims().get(index).copied();
        size.ok_or_else(|| Error::run(format!("a tensor of shape {:?} has no dimension {index}", self.dims())))
    }

    /// Size of the last dimension; 1 of a single number.
    pub fn row_width(&self) -> usize {
        self.dims().last().copied().unwrap_or(1)
    }

    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.dims().len()
    }

    /// Number of elements.
    pub fn elem_count(&self) -> usize {
        self.shape().elem_count()
    }

    /// A view of `n` rows of the first dimension from `first` on.
    ///
    /// # Errors
    /// Rows outside the tensor.
    pub fn narrow(&self, first: usize, n: usize) -> Result<Self> {
        Ok(Self(match &self.0 {
            Storage::Cpu(tensor) => Storage::Cpu(tensor.narrow(0, first, n)?),
            Storage::Gpu(array) => Storage::Gpu(array.narrow(first, n)),
        }))
    }

    /// The numbers on the CPU: the tensor itself, or a copy of what is on the GPU once everything launched has run.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn to_cpu(&self) -> Result<candle_core::Tensor> {
        let array = match &self.0 {
            Storage::Cpu(tensor) => return Ok(tensor.clone()),
            Storage::Gpu(array) => array,
        };
        let mut bytes = vec![0_u8; array.bytes()];
        array.gpu().download(array.pointer(), &mut bytes)?;
        let dims = array.shape.dims();
        Ok(candle_core::Tensor::from_raw_buffer(&bytes, array.dtype, dims, &candle_core::Device::Cpu)?)
    }

    /// All numbers as `f64`.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn to_vec(&self) -> Result<Vec<f64>> {
        Ok(self.to_cpu()?.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?)
    }

    /// Overwrites the numbers with those of `tensor`, on the CPU, of the same shape.
    ///
    /// # Errors
    /// A tensor of another shape, or a GPU that fails.
    pub fn write(&self, tensor: &candle_core::Tensor) -> Result<()> {
        if tensor.shape() != self.shape() {
            return Err(Error::run(format!("cannot write a tensor {:?} into {:?}", tensor.dims(), self.dims())));
        }
        let tensor = tensor.to_dtype(self.dtype())?.contiguous()?;
        match &self.0 {
            // A copy: `tensor` may be a view of this one, which cannot be read and written at the same time.
            Storage::Cpu(_) => super::add::copy(&tensor.force_contiguous()?.into(), self),
            Storage::Gpu(array) => {
                let (storage, layout) = tensor.storage_and_layout();
                let candle_core::Storage::Cpu(storage) = &*storage else {
                    return Err(Error::run("expected a tensor on the CPU"));
                };
                let Some((start, end)) = layout.contiguous_offsets() else {
                    return Err(Error::run("expected a contiguous tensor"));
                };
                let size = array.dtype.size_in_bytes();
                let bytes = bytes_of(storage)?;
                array.gpu().upload(array.pointer(), &bytes[start * size..end * size])
            }
        }
    }

    /// Whether both begin at the same number in memory.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Storage::Cpu(a), Storage::Cpu(b)) => {
                let ((a, of_a), (b, of_b)) = (a.storage_and_layout(), b.storage_and_layout());
                std::ptr::eq(&raw const *a, &raw const *b) && of_a.start_offset() == of_b.start_offset()
            }
            (Storage::Gpu(a), Storage::Gpu(b)) => a.pointer() == b.pointer(),
            _ => false,
        }
    }

    /// The candle tensor of a CPU kernel.
    pub(super) fn cpu(&self) -> Result<&candle_core::Tensor> {
        match &self.0 {
            Storage::Cpu(tensor) => Ok(tensor),
            Storage::Gpu(_) => Err(Error::run("a CPU kernel was given a tensor on a GPU")),
        }
    }

    /// Address of the first element on a GPU; 0 of a tensor on the CPU, which no kernel of a GPU gets.
    pub fn pointer(&self) -> u64 {
        match &self.0 {
            Storage::Cpu(_) => 0,
            Storage::Gpu(array) => array.pointer(),
        }
    }

    /// The GPU that it is on.
    pub fn gpu(&self) -> Option<&Arc<Gpu>> {
        match &self.0 {
            Storage::Cpu(_) => None,
            Storage::Gpu(array) => Some(array.gpu()),
        }
    }
}

/// A GPU's kernels know tensors by their addresses only: all must be on that GPU, with as many elements as the op says.
///
/// # Errors
/// A tensor on the CPU, or of another type or size.
pub fn check_gpu(op: &str, tensors: &[(&Tensor, DType, usize)]) -> Result<()> {
    for (tensor, dtype, n) in tensors {
        if tensor.gpu().is_none() {
            return Err(Error::run(format!("{op}: a kernel of the GPU was given a tensor on the CPU")));
        }
        if tensor.dtype() != *dtype || tensor.elem_count() != *n {
            return Err(Error::run(format!(
                "{op}: expected {n} elements of {dtype:?}, got a tensor {:?} of {:?}",
                tensor.dims(),
                tensor.dtype()
            )));
        }
    }
    Ok(())
}

fn bytes_of(storage: &candle_core::CpuStorage) -> Result<&[u8]> {
    use candle_core::CpuStorage;
    match storage {
        CpuStorage::F32(values) => Ok(bytemuck::cast_slice(values)),
        CpuStorage::F64(values) => Ok(bytemuck::cast_slice(values)),
        CpuStorage::U32(values) => Ok(bytemuck::cast_slice(values)),
        CpuStorage::BF16(values) => Ok(bytemuck::cast_slice(values)),
        other => {
            Err(Error::run(format!("no tensors of {:?} on a GPU", candle_core::backend::BackendStorage::dtype(other))))
        }
    }
}
