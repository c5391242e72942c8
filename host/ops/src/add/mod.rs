//! Addition of residual branches.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::view::check_views;
use super::{Device, Engine, OpGroup, Tensor, View};
use crate::Result;

/// `out` = `x` + `y`, all of one size; on a GPU `y` may be a bfloat16 branch of a stream in f32.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn forward<'a>(
    engine: &Engine,
    x: impl Into<View<'a>>,
    y: impl Into<View<'a>>,
    out: impl Into<View<'a>>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Residual);
    let (x, y, out) = (x.into(), y.into(), out.into());
    check_views("add", out.rows(), out.width, &[x, y])?;
    on_device!(engine, forward(x, y, out))
}

/// `out` = `x`, by the calling thread; on a GPU the types may differ.
///
/// # Errors
/// As [`forward`].
pub fn copy(x: &Tensor, out: &Tensor) -> Result<()> {
    match out.device() {
        Device::Cpu => cpu::copy(x, out),
        Device::Gpu(gpu) => gpu::copy(&gpu, x, out),
    }
}

/// `x` = 0, by the calling thread.
///
/// # Errors
/// As [`forward`].
pub fn clear(x: &Tensor) -> Result<()> {
    match x.device() {
        Device::Cpu => cpu::clear(x),
        Device::Gpu(gpu) => gpu::zero(&gpu, x),
    }
}

/// `x` = 0, by all threads.
///
/// # Errors
/// As [`forward`].
pub fn zero(engine: &Engine, x: &Tensor) -> Result<()> {
    on_device!(engine, zero(x))
}
