//! Where batches arrive: copied from page-locked memory on a stream of their own while the GPU computes.

use super::memory::{Array, Memory};
use super::{Gpu, driver_error};
use crate::Result;
use crate::Tensor;
use candle_core::DType;
use cudarc::driver::{CudaEvent, CudaStream, PinnedHostSlice, result};
use std::sync::Arc;

/// Columns of a batch, four bytes a row each. The next batch is on its way while one is computed with, which lies in
/// tensors that never move: a captured graph of launches finds every batch in the same place.
pub struct Inbox {
    gpu: Arc<Gpu>,
    copies: Arc<CudaStream>,
    slots: [Slot; 2],
    /// The slot that is filled next.
    next: usize,
    /// `[columns, capacity]`
    current: Array,
    columns: usize,
    /// Most rows of a batch.
    capacity: usize,
}

struct Slot {
    host: PinnedHostSlice<u32>,
    device: Memory,
    /// The copy to the device is complete.
    arrived: CudaEvent,
    /// The device's copy has been taken over.
    taken: CudaEvent,
}

impl Inbox {
    /// For batches of up to `capacity` rows with `columns` columns.
    ///
    /// # Errors
    /// No memory on the GPU or on the host.
    pub fn new(gpu: &Arc<Gpu>, columns: usize, capacity: usize) -> Result<Self> {
        let fail = |error| driver_error("make room for batches", error);
        let slot = || {
            // SAFETY: `send` writes all of it before it is read.
            let host = unsafe { gpu.context.alloc_pinned::<u32>(columns * capacity) }.map_err(fail)?;
            let event = || gpu.context.new_event(None).map_err(fail);
            Result::Ok(Slot {
                host,
                device: Memory::new(&gpu.stream, 4 * columns * capacity)?,
                arrived: event()?,
                taken: event()?,
            })
        };
        let slots = [slot()?, slot()?];
        // The other stream may write as soon as the memory exists.
        gpu.synchronize()?;
        Ok(Self {
            copies: gpu.context.new_stream().map_err(fail)?,
            current: Array::zeros(gpu, (columns, capacity).into(), DType::U32)?,
            gpu: gpu.clone(),
            slots,
            next: 0,
            columns,
            capacity,
        })
    }

    /// Whether batches of this size fit.
    pub fn fits(&self, columns: usize, rows: usize) -> bool {
        self.columns == columns && rows <= self.capacity
    }

    /// Puts a batch on its way: the bits of `[rows]` numbers per column. It is received before the next is sent.
    ///
    /// # Errors
    /// A batch that does not fit, or a GPU that fails.
    pub fn send(&mut self, columns: &[&[u32]]) -> Result<()> {
        let fail = |error| driver_error("copy a batch to the GPU", error);
        let slot = &mut self.slots[self.next];
        self.next = 1 - self.next;
        // Page-locked memory must not change before the copy from it is complete.
        slot.arrived.synchronize().map_err(fail)?;
        let host = slot.host.as_mut_slice().map_err(fail)?;
        for (target, column) in host.chunks_exact_mut(self.capacity).zip(columns) {
            target[..column.len()].copy_from_slice(column);
        }
        self.copies.wait(&slot.taken).map_err(fail)?;
        // SAFETY: both have `columns · capacity` numbers of 4 bytes; the host's stay until `arrived`.
        unsafe { result::memcpy_htod_async(slot.device.pointer(), host, self.copies.cu_stream()) }.map_err(fail)?;
        slot.arrived.record(&self.copies).map_err(fail)
    }

    /// The batch that was sent becomes the current one, in the order of the GPU's stream.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn receive(&mut self) -> Result<()> {
        let fail = |error| driver_error("take over a batch", error);
        let slot = &self.slots[1 - self.next];
        self.gpu.stream.wait(&slot.arrived).map_err(fail)?;
        self.gpu.copy(slot.device.pointer(), self.current.pointer(), 4 * self.columns * self.capacity)?;
        slot.taken.record(&self.gpu.stream).map_err(fail)
    }

    /// Column `index` of the current batch, `[1, capacity]`.
    pub fn column(&self, index: usize) -> Tensor {
        self.current.narrow(index, 1).into()
    }
}
