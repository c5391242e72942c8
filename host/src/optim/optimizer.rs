//! Holds the optimizer's state and applies one update.

use super::{OptimizerConfig, OptimizerGroup, OptimizerRule};
use crate::base::patterns::{Pattern, check_used};
use crate::model::{Param, Params};
use crate::ops::update::{LossTotal, Outcome, Rule, Slot, Slots, Step};
use crate::ops::{Device, Engine, TASK, Tensor, with_slice_lists, with_type};
use crate::ranks::Group;
use crate::{Error, Result};
use std::collections::BTreeMap;

/// The state of an optimizer, one entry per parameter that has a gradient, in the fixed order.
pub struct Optimizer {
    config: OptimizerConfig,
    names: Vec<String>,
    slots: Slots,
    /// Steps that its state has seen before the first one.
    earlier_steps: u64,
    /// The ranks that its state is shared out to, where it is.
    ranks: Option<Group>,
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
            Result::Ok(Slot {
                first: value.zeros_like()?,
                second,
                value,
                grad: grad.clone(),
                shadow,
                own: None,
                decay,
                rate,
            })
        };
        let (mut names, mut slots) = (Vec::new(), Vec::new());
        for (name, param) in params.iter() {
            let Some(grad) = &param.grad else { continue };
            names.push(name.to_owned());
            slots.push(slot(name, param, grad)?);
        }
        Ok(Self {
            config: config.clone(),
            names,
            slots: Slots::new(slots, engine.device())?,
            earlier_steps: 0,
            ranks: None,
        })
    }

    /// Shares the state out: from here on this rank keeps and updates its part of every parameter (stage 1 of ZeRO,
    /// Rajbhandari et al., arXiv 1910.02054), and [`Optimizer::update`] brings the others' parts. It is
    /// called before a state is loaded: what there was is gone.
    ///
    /// # Errors
    /// No memory.
    pub fn share_out(&mut self, ranks: &Group) -> Result<()> {
        let share = |slot: &Slot| {
            let own = ranks.own(slot.value.elem_count(), TASK);
            let part = || Tensor::zeros(own.len(), slot.value.dtype(), &slot.value.device());
            let second = slot.second.as_ref().map(|_| part()).transpose()?;
            Result::Ok(Slot { first: part()?, second, own: Some(own.clone()), ..slot.clone() })
        };
        let device = self.slots.iter().next().map_or(Device::Cpu, |slot| slot.value.device());
        self.slots = Slots::new(self.slots.iter().map(share).collect::<Result<_>>()?, &device)?;
        self.ranks = Some(ranks.clone());
        Ok(())
    }

    /// Whether the state is shared out.
    pub fn is_shared_out(&self) -> bool {
        self.ranks.is_some()
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

    /// The gradients, in the fixed order.
    pub fn gradients(&self) -> Vec<Tensor> {
        self.slots.iter().map(|slot| slot.grad.clone()).collect()
    }

    /// The place of a parameter's gradient in [`Optimizer::gradients`]; none of one that is not trained.
    pub fn place_of(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// Norm of the gradient of each parameter, with its name. NaN or infinite if the gradient is. Where the state is
    /// shared out all ranks call it.
    ///
    /// # Errors
    /// A GPU that fails, a rank that is gone.
    pub fn gradient_norms(&self, engine: &Engine) -> Result<Vec<(&str, f64)>> {
        let squares = match &self.ranks {
            Some(group) => self.slots.squares_of(&self.partial_squares(engine, group)?)?,
            None => self.slots.squares(engine)?,
        };
        Ok(self.names.iter().map(String::as_str).zip(squares.into_iter().map(f64::sqrt)).collect())
    }

    /// The sums of squares of all ranks, each of which has the gradient of its part alone.
    fn partial_squares(&self, engine: &Engine, group: &Group) -> Result<Vec<f64>> {
        let mut partial = self.slots.partial_squares(engine)?;
        // to each, the others add 0
        group.sum(&mut partial)?;
        Ok(partial)
    }

    /// Takes in the gradients and the loss of a step, which decide how it updates. On a GPU nothing is waited for.
    ///
    /// # Errors
    /// A GPU that fails, a rank that is gone.
    pub fn judge(&mut self, engine: &Engine, loss: &LossTotal, step: &Step) -> Result<()> {
        match &self.ranks {
            Some(group) => self.slots.judge_by(&self.partial_squares(engine, group)?, loss),
            None => self.slots.judge(engine, loss, step, &self.rule()),
        }
    }

    /// One update, unless loss or gradient are not finite.
    ///
    /// # Errors
    /// A GPU that fails, a rank that is gone.
    pub fn update(&mut self, engine: &Engine, step: &Step) -> Result<()> {
        self.slots.update(engine, step, &self.rule())?;
        let Some(group) = self.ranks.as_ref().filter(|_| self.outcome().is_ok_and(|outcome| outcome.is_finite()))
        else {
            return Ok(());
        };
        self.slots.iter().try_for_each(|slot| {
            with_type!(slot.value, T => with_slice_lists::<T>(&[], &[&slot.value], |_, mut values| {
                values.pop().map_or(Ok(()), |values| group.gather(values, TASK))
            }))
        })
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

    /// Every tensor of the state that is here, with its name and the parameter that it is of.
    fn entries(&self) -> impl Iterator<Item = (String, &Tensor, &Slot)> {
        self.names.iter().zip(self.slots.iter()).flat_map(|(name, slot)| {
            let first = Some((format!("{name}.first"), &slot.first, slot));
            first.into_iter().chain(slot.second.as_ref().map(|second| (format!("{name}.second"), second, slot)))
        })
    }

    /// Names of the tensors of the state.
    pub fn state_names(&self) -> Vec<String> {
        self.entries().map(|(name, ..)| name).collect()
    }

    /// The state as named tensors, for a checkpoint. Where it is shared out this is the first rank, and the others call
    /// [`Optimizer::send_state`].
    ///
    /// # Errors
    /// A rank that is gone, no memory for the whole.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let Some(group) = &self.ranks else {
            return Ok(self.entries().map(|(name, tensor, _)| (name, tensor.clone())).collect());
        };
        let whole = |(name, tensor, slot): (String, &Tensor, &Slot)| {
            let all = slot.value.zeros_like()?;
            with_type!(all, T => with_slice_lists::<T>(&[tensor], &[&all], |own, mut all| {
                let (Some(own), Some(all)) = (own.first(), all.pop()) else { return Ok(()) };
                let n = all.len();
                all[group.own(n, TASK)].copy_from_slice(own);
                (1..group.size()).try_for_each(|rank| group.receive(rank, &mut all[group.own_of(rank, n, TASK)]))
            }))?;
            Ok((name, all))
        };
        self.entries().map(whole).collect()
    }

    /// Sends what this rank has of the state to the first rank.
    ///
    /// # Errors
    /// The first rank is gone.
    pub fn send_state(&self, group: &Group) -> Result<()> {
        self.entries().try_for_each(|(_, tensor, _)| {
            with_type!(tensor, T => with_slice_lists::<T>(&[tensor], &[], |own, _| {
                own.first().map_or(Ok(()), |own| group.send(0, own))
            }))
        })
    }

    /// The state of another rank, which trains alone and calls [`Optimizer::send_state`].
    ///
    /// # Errors
    /// A rank that is gone, no memory.
    pub fn state_of(&self, group: &Group, rank: usize) -> Result<BTreeMap<String, Tensor>> {
        let receive = |(name, tensor, _): (String, &Tensor, &Slot)| {
            let received = tensor.zeros_like()?;
            with_type!(received, T => with_slice_lists::<T>(&[], &[&received], |_, mut values| {
                values.pop().map_or(Ok(()), |values| group.receive(rank, values))
            }))?;
            Ok((name, received))
        };
        self.entries().map(receive).collect()
    }

    /// Restores what [`Optimizer::state`] gave.
    ///
    /// # Errors
    /// A tensor that is missing, has another shape, or that the optimizer does not have.
    pub fn load(&mut self, mut state: BTreeMap<String, candle_core::Tensor>) -> Result<()> {
        for (name, tensor, slot) in self.entries() {
            let saved = state.remove(&name).ok_or_else(|| Error::run(format!("optimizer state {name} is missing")))?;
            if saved.shape() != slot.value.shape() || saved.dtype() != tensor.dtype() {
                return Err(Error::run(format!(
                    "optimizer state {name} is {:?} {:?}, expected {:?} {:?}",
                    saved.dtype(),
                    saved.dims(),
                    tensor.dtype(),
                    slot.value.dims()
                )));
            }
            match slot.own.clone() {
                Some(own) => tensor.write(&saved.flatten_all()?.narrow(0, own.start, own.len())?)?,
                None => tensor.write(&saved)?,
            }
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
