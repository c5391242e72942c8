//! The operations of training, each with a forward and a backward.
//!
//! The functions take tensors that lie on a device, the CPU's as candle tensors; nothing above this module knows which.
//! Results are written into tensors that the caller keeps from step to step, so a step allocates next to nothing. A
//! backward either overwrites its result or adds to it; each function says which. No result depends on the number of
//! threads.

pub mod activation;
pub mod add;
mod assign;
pub mod attention;
pub mod bag;
mod blocks;
mod cache;
mod column;
pub mod columns;
pub mod conv;
mod cpu;
pub mod crf;
pub mod cuda;
mod device;
pub mod dropout;
pub mod embedding;
mod engine;
pub mod expand;
mod float;
pub mod gated;
mod gradient;
pub mod layer_norm;
pub mod linear;
mod map;
mod matmul;
pub mod mul;
mod norm;
mod on_device;
mod peak;
mod pool;
pub mod pooling;
pub mod recurrent;
mod reduce;
pub mod relative_bias;
pub mod rms_norm;
pub mod rotary;
pub mod scale;
pub mod scan;
pub mod shift;
pub mod soft_cap;
mod team;
mod tensor;
pub mod update;
mod view;

pub use trainyard_base::{Error, Result};

pub use assign::Assign;
pub use blocks::{BlockFormat, Blocks, Opened, Quantized, Weight, times, times_transposed};
pub use column::Column;
pub use cpu::{TASK, vectorised, with_slice_lists};
pub use cuda::{Gpu, GpuMemory, Inbox, Replay};
pub use device::{Device, DeviceChoice};
pub use engine::{Engine, OpGroup, Precision};
pub use float::Float;
pub use gradient::Gradient;
pub use matmul::{Factor, Matrix, Threads, Write, arithmetic, has_bf16, matmul};
pub use norm::Gain;
pub use peak::{Peak, bf16_gain};
pub use reduce::gpu::add_column_sums;
pub use tensor::Tensor;
pub use tensor::check_gpu;
pub use view::View;
