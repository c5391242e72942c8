//! Rotary positions (Su et al., arXiv 2104.09864): pairs of elements of a query or key are rotated by an angle that is
//! proportional to the position, so that their products depend on distances only.
//!
//! Element i of a head's first half is paired with element i of its second half, as in Llama on Hugging Face
//! (`rotate_half`).

mod cpu;
mod gpu;

use super::attention::Shape;
use super::on_device::on_device;
use super::{Column, Device, Engine, OpGroup, Tensor};
use crate::{Error, Result};
use candle_core::DType;

/// Cosines and sines of all angles.
#[derive(Debug, Clone)]
pub struct Table {
    /// `[context, d/2]`
    cosines: Tensor,
    /// `[context, d/2]`
    sines: Tensor,
}

impl Table {
    /// Angle of pair i at position p: p · theta^(-2i/d), computed in f64. `head_width` d must be even.
    ///
    /// # Errors
    /// An odd `head_width`, or no memory on the device.
    pub fn new(context: usize, head_width: usize, theta: f64, dtype: DType, device: &Device) -> Result<Self> {
        if !head_width.is_multiple_of(2) {
            let message = "rotary positions: expected an even width of a head";
            return Err(Error::run(format!("{message}, got {head_width}; choose other heads or width")));
        }
        let half = head_width / 2;
        let table = |f: fn(f64) -> f64| -> Result<Tensor> {
            let angle = |i: usize| (i / half) as f64 * theta.powf(-((i % half) as f64 / half as f64));
            let values: Vec<f64> = (0..context * half).map(|i| f(angle(i))).collect();
            let values = candle_core::Tensor::from_vec(values, (context, half), &candle_core::Device::Cpu)?;
            Tensor::copied(&values, dtype, device)
        };
        Ok(Self { cosines: table(f64::cos)?, sines: table(f64::sin)? })
    }
}

/// Rotates queries and keys of `qkv` `[rows, (heads + 2 · kv_heads) · d]` in place; row i is at `positions[i]`, which
/// must be below the table's context.
///
/// # Errors
/// A position outside the table, a head of another width, a tensor of another device or size, or a GPU that fails.
pub fn forward(engine: &Engine, qkv: &Tensor, positions: &Column<'_, u32>, shape: Shape, table: &Table) -> Result<()> {
    rotate(engine, qkv, positions, shape, table, 1.0)
}

/// `dqkv`, the gradient of rotated queries and keys, becomes that of the unrotated ones in place: the inverse rotation.
///
/// # Errors
/// As [`forward`].
pub fn backward(
    engine: &Engine,
    dqkv: &Tensor,
    positions: &Column<'_, u32>,
    shape: Shape,
    table: &Table,
) -> Result<()> {
    rotate(engine, dqkv, positions, shape, table, -1.0)
}

/// Rotates by the angles of the table times `direction`.
fn rotate(
    engine: &Engine,
    qkv: &Tensor,
    positions: &Column<'_, u32>,
    shape: Shape,
    table: &Table,
    direction: f64,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Attention);
    let (context, half) = table.cosines.dims2()?;
    if let Some(position) = positions.host().iter().find(|&&position| position as usize >= context) {
        return Err(Error::run(format!("position {position} is outside the model's context of {context}")));
    }
    let width = shape.head_width;
    if width != 2 * half {
        return Err(Error::run(format!("rotary positions: expected heads of width {}, got {width}", 2 * half)));
    }
    on_device!(engine, rotate(qkv, positions, shape, table, direction))
}
