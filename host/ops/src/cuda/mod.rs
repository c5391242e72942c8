//! Training on an NVIDIA GPU: the device, its memory, launches of kernels, matrix products.
//!
//! Nothing is linked: the driver, cublasLt and NVRTC are opened when a GPU is asked for, so one program runs with and
//! without them, and what is missing is an error in words. (candle's own CUDA device links them, and a machine without
//! one of the libraries cannot even start such a program.) The kernels are compiled when the program is built with
//! feature `cuda`; those of a loss are generated and compiled when a run starts.
//!
//! Everything runs on one stream, in the order of the calls; only batches arrive on a second one ([`Inbox`]). Memory
//! that is given back is therefore free for the next call at once.

mod blas;
mod compile;
mod control;
mod device;
mod graph;
mod inbox;
mod kernels;
mod libraries;
mod memory;
mod transfer;

pub use blas::{Operand, Product};
pub use device::Gpu;
pub use device::{Argument, Grid, Kernel, arguments, suffix};
pub use graph::Replay;
pub use inbox::Inbox;
pub use memory::{Array, Scratch};
pub use transfer::GpuMemory;

use crate::Error;
use cudarc::driver::DriverError;

/// An error of the driver while it did `what`.
fn driver_error(what: &str, error: DriverError) -> Error {
    let name = error.error_string().map_or_else(|_| format!("{error:?}"), |text| text.to_string_lossy().into_owned());
    Error::run(format!("cuda: cannot {what}: {name}"))
}
