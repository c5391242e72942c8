//! What a program's outputs come to over several batches.

use super::Ratio;
use crate::Result;
use crate::ops::update::LossTotal;
use crate::ops::{Device, Engine, Tensor, add};
use candle_core::DType;

/// Sums and weights of a program's outputs, where they are computed: batches are added without waiting for a GPU.
#[derive(Debug, Clone)]
pub struct Totals {
    host: Vec<Ratio>,
    /// `[outputs, 2]` f64 on a GPU.
    device: Option<Tensor>,
    /// What the first output sums up, by row; none where nobody asks.
    rows: Option<Vec<f64>>,
}

impl Totals {
    /// Zeros for `n` outputs.
    ///
    /// # Errors
    /// A GPU without room for them.
    pub fn new(engine: &Engine, n: usize) -> Result<Self> {
        let device = match engine.device() {
            Device::Cpu => None,
            gpu @ Device::Gpu(_) => Some(Tensor::zeros((n, 2), DType::F64, gpu)?),
        };
        Ok(Self { host: vec![Ratio::default(); n], device, rows: None })
    }

    /// The same, which also keep what the first output sums up, row by row.
    ///
    /// # Errors
    /// A GPU without room for them.
    pub fn with_rows(engine: &Engine, n: usize) -> Result<Self> {
        Ok(Self { rows: Some(Vec::new()), ..Self::new(engine, n)? })
    }

    /// What the first output sums up, for each row since this was asked for the last time; nothing for an output that
    /// is no sum over rows.
    pub fn take_rows(&mut self) -> Vec<f64> {
        self.rows.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Where rows are kept.
    pub(super) fn rows_mut(&mut self) -> Option<&mut Vec<f64>> {
        self.rows.as_mut()
    }

    /// Back to zero.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn clear(&mut self) -> Result<()> {
        self.host.fill(Ratio::default());
        self.device.as_ref().map_or(Ok(()), add::clear)
    }

    /// Adds a batch that was computed on the CPU.
    pub(super) fn add(&mut self, batch: Vec<Ratio>) {
        self.host.iter_mut().zip(batch).for_each(|(total, ratio)| *total += ratio);
    }

    /// Adds a batch whose sums are known on the host, wherever the totals are.
    ///
    /// # Errors
    /// A GPU that fails.
    pub(crate) fn add_anywhere(&mut self, batch: &[Ratio]) -> Result<()> {
        let Some(device) = &self.device else {
            self.add(batch.to_vec());
            return Ok(());
        };
        let mut values = device.to_vec()?;
        let added = batch.iter().flat_map(|ratio| [ratio.sum, ratio.weight]);
        values.iter_mut().zip(added).for_each(|(value, added)| *value += added);
        let values = candle_core::Tensor::from_vec(values, device.shape(), &candle_core::Device::Cpu)?;
        device.write(&values)
    }

    /// Where kernels add to.
    pub(crate) fn device(&self) -> Option<&Tensor> {
        self.device.as_ref()
    }

    /// The first output, for the optimizer.
    pub fn loss(&self) -> LossTotal {
        match &self.device {
            Some(device) => LossTotal::Gpu(device.clone()),
            None => LossTotal::Cpu { sum: self.host[0].sum, weight: self.host[0].weight },
        }
    }

    /// Sum and weight of each output; of a GPU once everything launched has run.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn read(&self) -> Result<Vec<Ratio>> {
        let Some(device) = &self.device else { return Ok(self.host.clone()) };
        let values = device.to_vec()?;
        Ok(values.chunks_exact(2).map(|pair| Ratio { sum: pair[0], weight: pair[1] }).collect())
    }
}
