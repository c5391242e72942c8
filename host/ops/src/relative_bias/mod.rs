//! The relative bias of T5 (Raffel et al., arXiv 1910.10683): what attention adds to a score depends on the head and on
//! how far the key is from the query. Distances share the rows of a table: near ones have a row each, farther ones the
//! more to a row the farther they are.

mod cpu;
mod gpu;

use super::on_device::on_device;
use super::{Device, Engine, OpGroup, Tensor};
use crate::{Error, Result};
use candle_core::DType;

/// Which row of the table each distance has.
#[derive(Debug, Clone)]
pub struct Buckets {
    /// `[2 length - 1]`, by key - query + length - 1.
    rows: Vec<u32>,
    /// The same on a GPU.
    on_gpu: Option<Tensor>,
    /// Rows of the table.
    n: usize,
}

impl Buckets {
    /// For `length` positions and a table of `n` rows: half of them for distances up to `max_distance`, growing with
    /// its logarithm, and the last for all beyond. If `bidirectional`, keys after the query have rows of their own.
    ///
    /// # Errors
    /// Too few rows, no positions, or no memory on the device.
    pub fn new(length: usize, n: usize, bidirectional: bool, max_distance: usize, device: &Device) -> Result<Self> {
        let side = if bidirectional { n / 2 } else { n };
        if length == 0 || side < 2 || max_distance <= side / 2 {
            let (fewest, exact) = (if bidirectional { 4 } else { 2 }, side / 2);
            let expected = format!("expected at least {fewest} buckets and a max_distance above {exact}");
            return Err(Error::run(format!("relative bias: {expected}, got {n} and {max_distance}")));
        }
        let furthest = length as i64 - 1;
        let rows: Vec<u32> = (-furthest..=furthest)
            .map(|distance| match bidirectional {
                true if distance > 0 => side + bucket(distance.unsigned_abs(), side, max_distance),
                true => bucket(distance.unsigned_abs(), side, max_distance),
                false => bucket((-distance).max(0).unsigned_abs(), side, max_distance),
            })
            .map(|row| row as u32)
            .collect();
        let on_gpu = match device {
            Device::Cpu => None,
            Device::Gpu(_) => {
                let rows = candle_core::Tensor::new(rows.as_slice(), &candle_core::Device::Cpu)?;
                Some(Tensor::copied(&rows, DType::U32, device)?)
            }
        };
        Ok(Self { rows, on_gpu, n })
    }

    /// Distances that there are: 2 length - 1.
    pub fn width(&self) -> usize {
        self.rows.len()
    }

    /// Checks a table `[n, heads]` and a bias `[heads, width]`.
    fn check(&self, table: &Tensor, bias: &Tensor) -> Result<()> {
        let heads = table.row_width();
        if table.dims() == [self.n, heads] && bias.dims() == [heads, self.width()] {
            return Ok(());
        }
        let expected = format!("expected a table [{}, heads] and a bias [heads, {}]", self.n, self.width());
        Err(Error::run(format!("relative bias: {expected}, got {:?} and {:?}", table.dims(), bias.dims())))
    }
}

/// Row of a distance among `n`, in the numbers that transformers computes it with: f32.
fn bucket(distance: u64, n: usize, max_distance: usize) -> usize {
    let exact = n / 2;
    if distance < exact as u64 {
        return distance as usize;
    }
    let times = (distance as f32 / exact as f32).ln();
    let all = (max_distance as f64 / exact as f64).ln() as f32;
    let beyond = times / all * (n - exact) as f32;
    (exact + beyond as usize).min(n - 1)
}

/// `bias` `[heads, 2 length - 1]` from `table` `[buckets, heads]`; overwritten.
///
/// # Errors
/// A tensor of another shape, device or type, or a GPU that fails.
pub fn forward(engine: &Engine, buckets: &Buckets, table: &Tensor, bias: &Tensor) -> Result<()> {
    let _timer = engine.time(OpGroup::Attention);
    buckets.check(table, bias)?;
    on_device!(engine, forward(buckets, table, bias))
}

/// Adds to `dtable`, the gradient of the table, given that of the bias.
///
/// # Errors
/// As [`forward`].
pub fn backward(engine: &Engine, buckets: &Buckets, dbias: &Tensor, dtable: &Tensor) -> Result<()> {
    let _timer = engine.time(OpGroup::Attention);
    buckets.check(dtable, dbias)?;
    on_device!(engine, backward(buckets, dbias, dtable))
}
