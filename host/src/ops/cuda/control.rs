//! Numbers that change from one micro-batch to the next and that kernels read from memory, so that a captured graph of
//! launches can be run again.

use super::Gpu;
use super::memory::Memory;
use crate::Result;
use std::sync::{Mutex, PoisonError};

/// Where the GPU's run is.
pub(crate) struct Control {
    /// Micro-batch (u64), then step (f64).
    memory: Memory,
    /// What the memory holds: bits of both.
    holds: Mutex<[u64; 2]>,
}

impl Control {
    pub fn new(gpu: &Gpu) -> Result<Self> {
        let memory = Memory::new(gpu, 16)?;
        gpu.zero(memory.pointer(), 16)?;
        Ok(Self { memory, holds: Mutex::new([0; 2]) })
    }

    /// Address of the number of the micro-batch, set to `value` first.
    pub fn micro_batch(&self, gpu: &Gpu, value: u64) -> Result<u64> {
        self.set(gpu, 0, value)
    }

    /// Address of the step, set to `value` first.
    pub fn step(&self, gpu: &Gpu, value: f64) -> Result<u64> {
        self.set(gpu, 1, value.to_bits())
    }

    fn set(&self, gpu: &Gpu, index: usize, bits: u64) -> Result<u64> {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        let pointer = self.memory.pointer() + 8 * index as u64;
        if holds[index] != bits {
            gpu.upload(pointer, &[bits])?;
            holds[index] = bits;
        }
        Ok(pointer)
    }
}
