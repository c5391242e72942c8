//! Holds the optimizer's state and applies one update.

use super::{OptimizerConfig, OptimizerGroup, OptimizerRule};
use crate::base::patterns::{Pattern, check_used};
use crate::model::{Param, Params};
use crate::ops::update::{LossTotal, Outcome, Rule, Slot, Slots, Step};
use crate::ops::{Engine, Tensor};
use crate::{Error, Result};
use std::collections::BTreeMap;

/// The state of an optimizer, one entry per parameter that has a gradient, in the fixed order.
pub struct Optimizer {
    config: OptimizerConfig,
    names: Vec<String>,
    slots: Slots,
    /// Steps that its state has seen before the first one.
    earlier_steps: u64,
}

impl Optimizer {
    /// All state 0, where `engine` computes. Weight decay acts on matrices only: norms and biases stay free.
    ///
    /// # Errors
    /// A group's pattern without a parameter, a GPU without room for the state.
    pub fn new(config: &OptimizerConfig, params: &Params, engine: &Engine) -> Result<Self> {
        let (weight_decay, needs_second) = match config.rule {
            OptimizerRule::AdamW { weight_decay, .. } => (weight_decay, true),
            OptimizerRule::Sgd { weight_decay, .. } => (weight_decay, false),
        };
        let groups = groups(config, params)?;
        let slot = |name: &str, param: &Param, grad: &Tensor| {
            let Param { value, shadow, .. } = param.clone();
            let second = needs_second.then(|| value.zeros_like()).transpose()?;
            let covers = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.covers(name));
            let group = groups.iter().zip(&config.group).find(|(patterns, _)| covers(patterns)).map(|(_, group)| group);
            let weight_decay = group.and_then(|group| group.weight_decay).unwrap_or(weight_decay);
            let decay = if value.rank() >= 2 { weight_decay } else { 0.0 };
            let rate = group.map_or(1.0, |group| group.lr_factor);
            Result::Ok(Slot { first: value.zeros_like()?, second, value, grad: grad.clone(), shadow, decay, rate })
        };
        let (mut names, mut slots) = (Vec::new(), Vec::new());
        for (name, param) in params.iter() {
            let Some(grad) = &param.grad else { continue };
            names.push(name.to_owned());
            slots.push(slot(name, param, grad)?);
        }
        Ok(Self { config: config.clone(), names, slots: Slots::new(slots, engine.device())?, earlier_steps: 0 })
    }

    /// The peak learning rate.
    pub fn peak_lr(&self) -> f64 {
        match self.config.rule {
            OptimizerRule::AdamW { lr, .. } | OptimizerRule::Sgd { lr, .. } => lr,
        }
    }

    /// Sets every gradient to 0.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn zero_gradients(&self, engine: &Engine) -> Result<()> {
        self.slots.zero_gradients(engine)
    }

    /// Norm of the gradient of each parameter, with its name. NaN or infinite if the gradient is.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn gradient_norms(&self, engine: &Engine) -> Result<Vec<(&str, f64)>> {
        let squares = self.slots.squares(engine)?;
        Ok(self.names.iter().map(String::as_str).zip(squares.into_iter().map(f64::sqrt)).collect())
    }

    /// Takes in the gradients and the loss of a step, which decide how it updates. On a GPU nothing is waited for.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn judge(&mut self, engine: &Engine, loss: &LossTotal, step: &Step) -> Result<()> {
        self.slots.judge(engine, loss, step, &self.rule())
    }

    /// One update, unless loss or gradient are not finite.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn update(&mut self, engine: &Engine, step: &Step) -> Result<()> {
        self.slots.update(engine, step, &self.rule())
    }

    /// Counts the steps that its state has seen before the first one: they decide how far its means are corrected for
    /// having begun at 0.
    pub fn count_from(&mut self, earlier_steps: u64) {
        self.earlier_steps = earlier_steps;
    }

    /// The number of `step`, which is counted from 0, among those that its state has seen.
    pub fn number(&self, step: u64) -> u64 {
        self.earlier_steps + step + 1
    }

    /// What [`Optimizer::judge`] found.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn outcome(&self) -> Result<Outcome> {
        self.slots.outcome()
    }

    fn rule(&self) -> Rule {
        match self.config.rule {
            OptimizerRule::AdamW { beta1, beta2, eps, .. } => Rule::AdamW { beta1, beta2, eps },
            OptimizerRule::Sgd { momentum, .. } => Rule::Sgd { momentum },
        }
    }

    /// The state as named tensors, for a checkpoint.
    pub fn state(&self) -> BTreeMap<String, Tensor> {
        let mut state = BTreeMap::new();
        for (name, slot) in self.names.iter().zip(self.slots.iter()) {
            state.insert(format!("{name}.first"), slot.first.clone());
            if let Some(second) = &slot.second {
                state.insert(format!("{name}.second"), second.clone());
            }
        }
        state
    }

    /// Restores what [`Optimizer::state`] gave.
    ///
    /// # Errors
    /// A tensor that is missing, has another shape, or that the optimizer does not have.
    pub fn load(&mut self, mut state: BTreeMap<String, candle_core::Tensor>) -> Result<()> {
        for (name, tensor) in &self.state() {
            let saved = state.remove(name).ok_or_else(|| Error::run(format!("optimizer state {name} is missing")))?;
            if saved.shape() != tensor.shape() || saved.dtype() != tensor.dtype() {
                return Err(Error::run(format!(
                    "optimizer state {name} is {:?} {:?}, expected {:?} {:?}",
                    saved.dtype(),
                    saved.dims(),
                    tensor.dtype(),
                    tensor.dims()
                )));
            }
            tensor.write(&saved)?;
        }
        Ok(())
    }
}

/// The patterns of each group.
///
/// # Errors
/// A pattern that matches no parameter.
fn groups(config: &OptimizerConfig, params: &Params) -> Result<Vec<Vec<Pattern>>> {
    let read = |(index, group): (usize, &OptimizerGroup)| {
        let patterns: Vec<_> = group.patterns.iter().map(|text| Pattern::new(text)).collect::<Result<_>>()?;
        let names: Vec<_> = params.iter().map(|(name, _)| name).collect();
        check_used(&patterns, names.into_iter(), &format!("optimizer.group.{index}.match"))?;
        Ok(patterns)
    };
    config.group.iter().enumerate().map(read).collect()
}
