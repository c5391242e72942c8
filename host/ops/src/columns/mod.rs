//! Copies between columns of matrices: what concatenating and cutting values takes where a view is not enough; and
//! between rows of one matrix.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::view::check_views;
use super::{Assign, Device, Engine, OpGroup, Tensor, View};
use crate::{Error, Result};

/// `out` = `x`, both of one size. On a GPU the types may be f32 and bfloat16.
///
/// # Errors
/// A tensor of another device, type or size, or a GPU that fails.
pub fn copy<'a>(engine: &Engine, x: impl Into<View<'a>>, out: impl Into<View<'a>>) -> Result<()> {
    assign(engine, x.into(), out.into(), Assign::Set)
}

/// `out` += `x`: the backward of [`copy`], and how the gradients of several consumers of a value meet.
///
/// # Errors
/// As [`copy`].
pub fn add<'a>(engine: &Engine, x: impl Into<View<'a>>, out: impl Into<View<'a>>) -> Result<()> {
    assign(engine, x.into(), out.into(), Assign::Add)
}

/// `x` = 0.
///
/// # Errors
/// As [`copy`].
pub fn zero(engine: &Engine, x: View<'_>) -> Result<()> {
    match (x.is_whole(), engine.gpu()) {
        (true, _) => super::add::zero(engine, x.tensor),
        (false, None) => cpu::zero(x),
        // gradients of an earlier step, which was stopped if they were not finite
        (false, Some(_)) => super::scale::forward(engine, x, 0.0, x, Assign::Set),
    }
}

/// Rows of `x` from `to` on = its `n` rows from `from` on, by the calling thread. The two may not overlap.
///
/// # Errors
/// Rows outside `x`, ones that overlap, or a GPU that fails.
pub fn copy_rows(x: &Tensor, from: usize, to: usize, n: usize) -> Result<()> {
    let rows = View::from(x).rows();
    if from.max(to).saturating_add(n) > rows || from.abs_diff(to) < n {
        return Err(Error::run(format!("columns: {n} rows from {from} to {to} of {rows}")));
    }
    match x.device() {
        Device::Cpu => cpu::copy_rows(x, from, to, n),
        Device::Gpu(gpu) => gpu::copy_rows(&gpu, x, from, to, n),
    }
}

fn assign(engine: &Engine, x: View<'_>, out: View<'_>, assign: Assign) -> Result<()> {
    let _timer = engine.time(OpGroup::Residual);
    check_views("columns", out.rows(), out.width, &[x])?;
    on_device!(engine, assign(x, out, assign))
}
