//! Numbers that belong to the rows of a batch.

use super::{Device, Engine, Tensor};
use crate::{Error, Result};
use candle_core::WithDType;

/// One number per row: on the host and, for a model on a GPU, there too.
#[derive(Debug, Clone)]
pub struct Column<'a, T> {
    host: &'a [T],
    device: Option<Tensor>,
}

impl<'a, T: WithDType + bytemuck::Pod> Column<'a, T> {
    /// `host` where `engine` computes: as it is, or copied to a GPU.
    ///
    /// # Errors
    /// No memory on the GPU, or a GPU that fails.
    pub fn new(engine: &Engine, host: &'a [T]) -> Result<Self> {
        let device = match engine.device() {
            Device::Cpu => None,
            Device::Gpu(gpu) => {
                let tensor = Tensor::zeros(host.len(), T::DTYPE, engine.device())?;
                gpu.upload(tensor.pointer(), host)?;
                Some(tensor)
            }
        };
        Ok(Self { host, device })
    }

    /// `host`, of which `device` holds a copy.
    pub fn held_by(host: &'a [T], device: Tensor) -> Self {
        Self { host, device: Some(device) }
    }

    /// A view of `n` numbers from `first` on.
    ///
    /// # Errors
    /// Numbers outside the column.
    pub fn narrow(&self, first: usize, n: usize) -> Result<Self> {
        let outside = || Error::run(format!("numbers {first}..{first} + {n} of {}", self.host.len()));
        let host = self.host.get(first..first.saturating_add(n)).ok_or_else(outside)?;
        let device = self.device.as_ref().map(|tensor| tensor.narrow(first, n)).transpose()?;
        Ok(Self { host, device })
    }

    /// The numbers.
    pub fn host(&self) -> &'a [T] {
        self.host
    }

    /// Address on the GPU; 0 on the CPU.
    pub fn pointer(&self) -> u64 {
        self.device.as_ref().map_or(0, Tensor::pointer)
    }
}

impl<'a> Column<'a, u32> {
    /// The numbers whose bits these are.
    pub fn floats(&self) -> Column<'a, f32> {
        Column { host: bytemuck::cast_slice(self.host), device: self.device.clone() }
    }
}

impl<'a, T> From<&'a [T]> for Column<'a, T> {
    fn from(host: &'a [T]) -> Self {
        Self { host, device: None }
    }
}

impl<T> Default for Column<'_, T> {
    fn default() -> Self {
        Self::from(&[][..])
    }
}
