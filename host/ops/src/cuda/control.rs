//! Numbers that change from one micro-batch to the next and that kernels read from memory, so that a captured graph of
//! launches can be run again.

use super::Gpu;
use super::memory::Memory;
use crate::Result;
use cudarc::driver::CudaStream;
use std::sync::{Arc, Mutex, PoisonError};

/// Where the GPU's run is.
pub(super) struct Control {
    /// First sequence of the micro-batch (u64), then step (f64).
    memory: Memory,
    /// What the memory holds: bits of both, once they were set.
    holds: Mutex<[Option<u64>; 2]>,
}

impl Control {
    /// Memory for both numbers, which are not set yet.
    ///
    /// # Errors
    /// No memory on the GPU.
    pub fn new(stream: &Arc<CudaStream>) -> Result<Self> {
        Ok(Self { memory: Memory::new(stream, 16)?, holds: Mutex::default() })
    }

    fn set(&self, gpu: &Gpu, index: usize, bits: u64) -> Result<u64> {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        let pointer = self.memory.pointer() + 8 * index as u64;
        if holds[index] != Some(bits) {
            gpu.upload(pointer, &[bits])?;
            holds[index] = Some(bits);
        }
        Ok(pointer)
    }
}

impl Gpu {
    /// Address of the number of the micro-batch's first sequence, which is `value` from here on in the stream.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn first_sequence(&self, value: u64) -> Result<u64> {
        self.control.set(self, 0, value)
    }

    /// Address of the step, an f64, which is `value` from here on in the stream.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn step(&self, value: u64) -> Result<u64> {
        self.control.set(self, 1, (value as f64).to_bits())
    }
}
