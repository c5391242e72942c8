//! Rotary positions (Su et al., arXiv 2104.09864): pairs of elements of a query or key are rotated by an angle that is
//! proportional to the position, so that their products depend on distances only.
//!
//! Element i of the first half of what is rotated is paired with element i of the second half, as in Llama on Hugging
//! Face (`rotate_half`); interleaved, as in GPT-J, elements 2i and 2i + 1 are a pair.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::{Column, Device, Engine, OpGroup, Tensor, View};
use crate::{Error, Result};
use candle_core::DType;

/// How far pair i is rotated from one position to the next, in radians.
#[derive(Debug, Clone, Copy)]
pub enum Frequencies<'a> {
    /// theta^(-2i / rotary_width)
    Theta(f64),
    /// One for each pair.
    List(&'a [f64]),
}

/// What a table is made of.
#[derive(Debug, Clone, Copy)]
pub struct Angles<'a> {
    /// Elements of a head.
    pub head_width: usize,
    /// How many of them, from the first on, are rotated; even.
    pub rotary_width: usize,
    /// Angles of the pairs.
    pub frequencies: Frequencies<'a>,
    /// What cosines and sines are multiplied by (Peng et al., YaRN, arXiv 2309.00071).
    pub factor: f64,
    /// Whether neighbours are pairs.
    pub interleaved: bool,
}

impl Angles<'_> {
    /// Whole heads, in halves, as in Llama.
    pub fn new(head_width: usize, theta: f64) -> Self {
        let frequencies = Frequencies::Theta(theta);
        Self { head_width, rotary_width: head_width, frequencies, factor: 1.0, interleaved: false }
    }
}

/// Cosines and sines of all angles.
#[derive(Debug, Clone)]
pub struct Table {
    /// `[context, pairs]`
    cosines: Tensor,
    /// `[context, pairs]`
    sines: Tensor,
    head_width: usize,
    interleaved: bool,
}

impl Table {
    /// Angle of pair i at position p: p times its frequency, computed in f64.
    ///
    /// # Errors
    /// A width that cannot be rotated, frequencies for another number of pairs, or no memory on the device.
    pub fn new(context: usize, angles: &Angles<'_>, dtype: DType, device: &Device) -> Result<Self> {
        let Angles { head_width, rotary_width, factor, interleaved, .. } = *angles;
        let half = angles.pairs()?;
        let frequencies: Vec<f64> = match angles.frequencies {
            Frequencies::Theta(theta) => (0..half).map(|i| theta.powf(-(i as f64 / half as f64))).collect(),
            Frequencies::List(list) if list.len() == half => list.to_vec(),
            Frequencies::List(list) => {
                let message = format!("expected {half} frequencies for a rotary width of {rotary_width}");
                return Err(Error::run(format!("rotary positions: {message}, got {}", list.len())));
            }
        };
        let table = |f: fn(f64) -> f64| -> Result<Tensor> {
            let angle = |i: usize| (i / half) as f64 * frequencies[i % half];
            let values: Vec<f64> = (0..context * half).map(|i| f(angle(i)) * factor).collect();
            let values = candle_core::Tensor::from_vec(values, (context, half), &candle_core::Device::Cpu)?;
            Tensor::copied(&values, dtype, device)
        };
        Ok(Self { cosines: table(f64::cos)?, sines: table(f64::sin)?, head_width, interleaved })
    }
}

impl Angles<'_> {
    /// Number of pairs of a head.
    fn pairs(&self) -> Result<usize> {
        let Self { head_width, rotary_width, .. } = *self;
        if !rotary_width.is_multiple_of(2) {
            let message = "rotary positions: expected an even width of a head";
            return Err(Error::run(format!("{message}, got {rotary_width}; choose other heads or width")));
        }
        if rotary_width == 0 || rotary_width > head_width {
            let message = format!("rotary positions: expected a rotary width from 2 to the heads' {head_width}");
            return Err(Error::run(format!("{message}, got {rotary_width}")));
        }
        Ok(rotary_width / 2)
    }
}

/// Rotates the heads in `x` `[rows, n · head_width]`, all of them, in place; row i is at `positions[i]`, which must be
/// below the table's context.
///
/// # Errors
/// A position outside the table, columns that are no number of heads, a tensor of another device or size, or a GPU that
/// fails.
pub fn forward(engine: &Engine, x: View<'_>, positions: &Column<'_, u32>, table: &Table) -> Result<()> {
    rotate(engine, x, positions, table, 1.0)
}

/// `dx`, the gradient of rotated heads, becomes that of the unrotated ones in place: rotated back, and multiplied by
/// the table's factor again.
///
/// # Errors
/// As [`forward`].
pub fn backward(engine: &Engine, dx: View<'_>, positions: &Column<'_, u32>, table: &Table) -> Result<()> {
    rotate(engine, dx, positions, table, -1.0)
}

/// Rotates by the angles of the table times `direction`.
fn rotate(engine: &Engine, x: View<'_>, positions: &Column<'_, u32>, table: &Table, direction: f64) -> Result<()> {
    let _timer = engine.time(OpGroup::Attention);
    let context = table.cosines.dim(0)?;
    if let Some(position) = positions.host().iter().find(|&&position| position as usize >= context) {
        return Err(Error::run(format!("position {position} is outside the model's context of {context}")));
    }
    let (width, rows) = (table.head_width, positions.host().len());
    if !x.width.is_multiple_of(width) {
        return Err(Error::run(format!("rotary positions: expected heads of width {width}, got {} columns", x.width)));
    }
    if x.rows() != rows {
        return Err(Error::run(format!("rotary positions: {rows} positions for {} rows", x.rows())));
    }
    on_device!(engine, rotate(x, positions, table, direction))
}
