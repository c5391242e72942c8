//! The operations of training, each with a forward and a backward.
//!
//! The functions take tensors that lie on a device, the CPU's as candle tensors; nothing above this module knows which.
//! Results are written into tensors that the caller keeps from step to step, so a step allocates next to nothing. A
//! backward either overwrites its result or adds to it; each function says which. No result depends on the number of
//! threads.

pub mod add;
pub mod attention;
mod column;
mod cpu;
pub(crate) mod cuda;
mod device;
pub mod dropout;
pub mod embedding;
mod engine;
mod float;
pub mod gelu;
pub mod layer_norm;
pub mod linear;
mod matmul;
mod on_device;
mod peak;
mod pool;
mod reduce;
pub mod relative_bias;
pub mod rms_norm;
pub mod rotary;
pub mod swiglu;
mod team;
mod tensor;
pub mod update;
mod view;

pub use column::Column;
pub(crate) use cpu::{vectorised, with_slices, with_type};
pub use cuda::{Gpu, GpuMemory, Inbox, Replay};
pub use device::{Device, DeviceChoice};
pub use engine::{Engine, OpGroup, Precision};
pub use float::Float;
pub use matmul::{Factor, Matrix, Threads, Write, has_bf16, matmul};
pub use peak::Peak;
pub use tensor::Tensor;
pub(crate) use tensor::check_gpu;
pub use view::View;
