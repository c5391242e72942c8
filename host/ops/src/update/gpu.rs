//! All parameters on a GPU: one launch for all of them.

use super::{LossTotal, Outcome, Rule, Slot, Step, bias};
use crate::cuda::{Gpu, Grid, arguments};
use crate::{Device, Engine, Tensor, check_gpu};
use crate::{Error, Result};
use candle_core::DType;
use std::sync::Arc;

/// Elements that a block takes; as in host/cuda/update.cu.
const CHUNK: usize = 32_768;

/// Numbers of `Control` in host/cuda/update.cu: what a step is told, then what it reports.
const CONTROL: usize = 9;
const TOLD: usize = 4;

/// The parameters' addresses in the GPU's memory, and where a step's numbers are.
#[derive(Debug)]
pub(super) struct Table {
    gpu: Arc<Gpu>,
    dtype: DType,
    /// Words of each slot.
    slots: Tensor,
    /// `[chunks, 2]`: slot and first element.
    chunks: Tensor,
    /// Slot of each chunk.
    owners: Vec<usize>,
    /// `[chunks]` f64: Σ g².
    partial: Tensor,
    /// `[CONTROL]` f64
    control: Tensor,
    /// What the addresses lead to.
    tensors: Vec<Slot>,
}

impl Table {
    pub(super) fn new(gpu: &Arc<Gpu>, slots: &[Slot]) -> Result<Self> {
        let dtype = slots.first().map_or(DType::F32, |slot| slot.value.dtype());
        let (mut words, mut chunks, mut owners) = (Vec::new(), Vec::new(), Vec::new());
        for (i, slot) in slots.iter().enumerate() {
            let n = slot.value.elem_count();
            check_gpu("optimizer", &[(&slot.value, dtype, n), (&slot.grad, dtype, n), (&slot.first, dtype, n)])?;
            slot.second.as_ref().map_or(Ok(()), |second| check_gpu("optimizer", &[(second, dtype, n)]))?;
            slot.shadow.as_ref().map_or(Ok(()), |shadow| check_gpu("optimizer", &[(shadow, DType::BF16, n)]))?;
            let pointer = |tensor: &Option<Tensor>| tensor.as_ref().map_or(0, Tensor::pointer);
            let (second, shadow) = (pointer(&slot.second), pointer(&slot.shadow));
            words.extend(arguments![&slot.value, &slot.grad, &slot.first, second, shadow, n, slot.decay, slot.rate]);
            for start in (0..n).step_by(CHUNK) {
                chunks.extend([i as u64, start as u64]);
                owners.push(i);
            }
        }
        let device = Device::Gpu(gpu.clone());
        let upload = |words: &[u64]| {
            let tensor = Tensor::zeros(words.len(), DType::I64, &device)?;
            gpu.upload(tensor.pointer(), words)?;
            Result::Ok(tensor)
        };
        Ok(Self {
            dtype,
            slots: upload(&words)?,
            chunks: upload(&chunks)?,
            partial: Tensor::zeros(owners.len(), DType::F64, &device)?,
            control: Tensor::zeros(CONTROL, DType::F64, &device)?,
            owners,
            gpu: gpu.clone(),
            tensors: slots.to_vec(),
        })
    }

    pub(super) fn zero_gradients(&self, _: &Engine) -> Result<()> {
        self.launch("zero_gradients", &[])
    }

    pub(super) fn squares(&self, _: &Engine) -> Result<Vec<f64>> {
        self.launch("squares", arguments![&self.partial])?;
        let mut partial = vec![0.0; self.owners.len()];
        self.gpu.download(self.partial.pointer(), &mut partial)?;
        let mut sums = vec![0.0; self.tensors.len()];
        self.owners.iter().zip(partial).for_each(|(&slot, sum)| sums[slot] += sum);
        Ok(sums)
    }

    pub(super) fn judge(&mut self, _: &Engine, totals: &LossTotal, step: &Step, rule: &Rule) -> Result<()> {
        let LossTotal::Gpu(totals) = totals else {
            return Err(Error::run("the parameters are on a GPU, the loss is not"));
        };
        let (beta1, beta2) = match *rule {
            Rule::AdamW { beta1, beta2, .. } => (beta1, beta2),
            Rule::Sgd { .. } => (0.0, 0.0),
        };
        let told: [f64; TOLD] = [step.lr, bias(beta1, step.number), bias(beta2, step.number), step.clip];
        self.gpu.upload(self.control.pointer(), &told)?;
        self.launch("squares", arguments![&self.partial])?;
        let words = arguments![totals, &self.partial, self.owners.len(), &self.control];
        self.gpu.launch_kernel(&self.gpu.kernel("prepare_update")?, Grid::new(1, 1024), words)
    }

    pub(super) fn update(&self, _: &Engine, _: &Step, rule: &Rule) -> Result<()> {
        match *rule {
            Rule::AdamW { beta1, beta2, eps } => self.launch("adamw", arguments![&self.control, beta1, beta2, eps]),
            Rule::Sgd { momentum } => self.launch("sgd", arguments![&self.control, momentum]),
        }
    }

    pub(super) fn outcome(&self) -> Result<Outcome> {
        let mut control = [0.0; CONTROL];
        self.gpu.download(self.control.pointer(), &mut control)?;
        let [loss, weight, grad_norm] = [control[TOLD], control[TOLD + 1], control[TOLD + 2]];
        let outcome = Outcome { loss, weight, grad_norm };
        if outcome.is_finite() != (control[CONTROL - 1] != 0.0) {
            return Err(Error::run("cuda: a step's numbers contradict each other: kernels and program do not match"));
        }
        Ok(outcome)
    }

    fn launch(&self, name: &str, more: &[u64]) -> Result<()> {
        let words = [&[self.slots.pointer(), self.chunks.pointer()], more].concat();
        self.gpu.launch(name, self.dtype, Grid::new(self.owners.len(), 512), &words)
    }
}
