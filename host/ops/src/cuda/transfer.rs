//! Copies between the host and a GPU, and what the GPU's memory holds.

use super::{Gpu, driver_error};
use crate::Result;
use cudarc::driver::{result, sys};

/// Bytes of a GPU's memory.
#[derive(Debug, Clone, Copy)]
pub struct GpuMemory {
    /// Bytes that are not in use.
    pub free: u64,
    /// All bytes.
    pub total: u64,
}

impl Gpu {
    /// Copies `values` to `pointer`. They may be changed when this returns.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn upload<T: bytemuck::Pod>(&self, pointer: u64, values: &[T]) -> Result<()> {
        if values.is_empty() {
            return Ok(());
        }
        self.bind()?;
        // SAFETY: the driver takes pageable memory over before it returns; `pointer` has room, as its owner checked.
        unsafe { result::memcpy_htod_async(pointer, values, self.stream.cu_stream()) }
            .map_err(|error| driver_error("copy to the GPU", error))
    }

    /// Waits for everything before, and copies to `values`.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn download<T: bytemuck::Pod>(&self, pointer: u64, values: &mut [T]) -> Result<()> {
        if values.is_empty() {
            return Ok(());
        }
        self.bind()?;
        // SAFETY: `values` is borrowed until the copy is complete; `pointer` has as much, as its owner checked.
        unsafe { result::memcpy_dtoh_async(values, pointer, self.stream.cu_stream()) }
            .map_err(|error| driver_error("copy from the GPU", error))?;
        self.synchronize()
    }

    /// Copies `bytes` bytes on the device.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        self.bind()?;
        // SAFETY: both have room, as their owners checked.
        unsafe { result::memcpy_dtod_async(to, from, bytes, self.stream.cu_stream()) }
            .map_err(|error| driver_error("copy on the GPU", error))
    }

    /// Sets `bytes` bytes to 0.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn zero(&self, pointer: u64, bytes: usize) -> Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        self.bind()?;
        // SAFETY: `pointer` has room, as its owner checked.
        unsafe { result::memset_d8_async(pointer, 0, bytes, self.stream.cu_stream()) }
            .map_err(|error| driver_error("fill memory of the GPU", error))
    }

    /// What the device says of its memory.
    ///
    /// # Errors
    /// A device that cannot be asked.
    pub fn memory(&self) -> Result<GpuMemory> {
        let (free, total) = self.context.mem_get_info().map_err(|error| driver_error("ask for free memory", error))?;
        Ok(GpuMemory { free: free as u64, total: total as u64 })
    }

    /// The most bytes that this process has had of the device's pool at a time.
    ///
    /// # Errors
    /// A device that cannot be asked.
    pub fn peak_memory(&self) -> Result<u64> {
        let mut bytes = 0_u64;
        // SAFETY: the attribute is a 64-bit number.
        let read = unsafe {
            let pool = result::device::get_default_mem_pool(self.context.cu_device());
            let used = sys::CUmemPool_attribute_enum::CU_MEMPOOL_ATTR_USED_MEM_HIGH;
            pool.and_then(|pool| result::mem_pool::get_attribute(pool, used, (&raw mut bytes).cast()))
        };
        read.map_err(|error| driver_error("ask for used memory", error))?;
        Ok(bytes)
    }

    /// Memory that is given back stays with this process: taking it again costs no call of the system.
    pub(super) fn keep_memory(&self) -> Result<()> {
        let mut all = u64::MAX;
        // SAFETY: the attribute is a 64-bit number.
        let set = unsafe {
            let pool = result::device::get_default_mem_pool(self.context.cu_device());
            let threshold = sys::CUmemPool_attribute_enum::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
            pool.and_then(|pool| result::mem_pool::set_attribute(pool, threshold, (&raw mut all).cast()))
        };
        set.map_err(|error| driver_error("keep memory of the GPU", error))
    }
}
