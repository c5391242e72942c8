//! Holds the optimizer's state and applies one update.

use super::OptimizerConfig;
use crate::Result;
use crate::model::{Param, Params};
use crate::ops::{Engine, update};
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;

/// The state of an optimizer, one entry per parameter in the fixed order.
pub struct Optimizer {
    config: OptimizerConfig,
    slots: Vec<Slot>,
}

struct Slot {
    name: String,
    param: Param,
    /// First moment or velocity.
    first: Tensor,
    /// Second moment; SGD has none.
    second: Option<Tensor>,
}

impl Optimizer {
    /// All state 0.
    pub fn new(config: &OptimizerConfig, params: &Params) -> Result<Self> {
        let needs_second = matches!(config, OptimizerConfig::AdamW { .. });
        let slot = |(name, param): (&str, &Param)| {
            let zeros = || Tensor::zeros(param.value.shape(), param.value.dtype(), &Device::Cpu);
            let second = if needs_second { Some(zeros()?) } else { None };
            Result::Ok(Slot { name: name.to_owned(), param: param.clone(), first: zeros()?, second })
        };
        Ok(Self { config: config.clone(), slots: params.iter().map(slot).collect::<Result<_>>()? })
    }

    /// The peak learning rate.
    pub fn peak_lr(&self) -> f64 {
        match self.config {
            OptimizerConfig::AdamW { lr, .. } | OptimizerConfig::Sgd { lr, .. } => lr,
        }
    }

    /// Norm of all gradients together. NaN or infinite if a gradient is.
    pub fn grad_norm(&self, engine: &Engine) -> Result<f64> {
        let mut total = 0.0;
        for slot in &self.slots {
            total += update::sum_of_squares(engine, &slot.param.grad)?;
        }
        Ok(total.sqrt())
    }

    /// One update. `step` counts from 1, `lr` is this step's rate, gradients are multiplied by `scale` first. Weight
    /// decay acts on matrices only: norms and biases stay free.
    pub fn update(&mut self, engine: &Engine, step: u64, lr: f64, scale: f64) -> Result<()> {
        for slot in &self.slots {
            let decays = slot.param.value.rank() >= 2;
            let Param { value, grad } = &slot.param;
            match (&self.config, &slot.second) {
                (OptimizerConfig::AdamW { beta1, beta2, eps, weight_decay, .. }, Some(second)) => {
                    let decay = if decays { *weight_decay } else { 0.0 };
                    let constants = update::AdamW { lr, beta1: *beta1, beta2: *beta2, eps: *eps, decay, step, scale };
                    update::adamw(engine, value, grad, &slot.first, second, constants)?;
                }
                (OptimizerConfig::Sgd { momentum, weight_decay, .. }, _) => {
                    let decay = if decays { *weight_decay } else { 0.0 };
                    update::sgd(
                        engine,
                        value,
                        grad,
                        &slot.first,
                        update::Sgd { lr, momentum: *momentum, decay, scale },
                    )?;
                }
                (OptimizerConfig::AdamW { .. }, None) => {
                    return Err(crate::Error::run(format!("optimizer state of {} has no second moment", slot.name)));
                }
            }
        }
        Ok(())
    }

    /// The state as named tensors, for a checkpoint.
    pub fn state(&self) -> BTreeMap<String, Tensor> {
        let mut state = BTreeMap::new();
        for slot in &self.slots {
            state.insert(format!("{}.first", slot.name), slot.first.clone());
            if let Some(second) = &slot.second {
                state.insert(format!("{}.second", slot.name), second.clone());
            }
        }
        state
    }

    /// Takes back what [`Optimizer::state`] gave. A missing or wrongly shaped tensor is an error.
    pub fn load(&mut self, mut state: BTreeMap<String, Tensor>) -> Result<()> {
        let own = self.state();
        for (name, tensor) in &own {
            let saved =
                state.remove(name).ok_or_else(|| crate::Error::run(format!("optimizer state {name} is missing")))?;
            if saved.shape() != tensor.shape() || saved.dtype() != tensor.dtype() {
                return Err(crate::Error::run(format!(
                    "optimizer state {name} is {:?} {:?}, expected {:?} {:?}",
                    saved.dtype(),
                    saved.dims(),
                    tensor.dtype(),
                    tensor.dims()
                )));
            }
            crate::ops::add::copy(&saved, tensor)?;
        }
        Ok(())
    }
}
