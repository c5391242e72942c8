//! One-pass optimizer updates of all parameters, and what they need to know about all gradients.

mod gpu;

use super::cpu::{TASK, vectorised, with_slices, with_type};
use super::{Device, Engine, Float, OpGroup, Tensor, add};
use crate::Result;
use gpu::Table;
use rayon::prelude::*;

/// A parameter, its gradient, and what an optimizer keeps of it; all of one shape.
#[derive(Debug, Clone)]
pub struct Slot {
    /// The parameter.
    pub value: Tensor,
    /// Its gradient.
    pub grad: Tensor,
    /// First moment or velocity.
    pub first: Tensor,
    /// Second moment; SGD has none.
    pub second: Option<Tensor>,
    /// The parameter in bfloat16, where products on a GPU read that.
    pub shadow: Option<Tensor>,
    /// Weight decay.
    pub decay: f64,
}

/// How a step updates.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    /// m = β₁ m + (1-β₁) g; v = β₂ v + (1-β₂) g²; p = p (1 - lr · decay) - lr m̂ / (√v̂ + ε), with m̂ and v̂ the
    /// moments divided by 1 - βᵗ (Loshchilov & Hutter, arXiv 1711.05101; the order of PyTorch's AdamW).
    AdamW {
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// Added to the denominator.
        eps: f64,
    },
    /// u = momentum · u + g + decay · p; p = p - lr u (PyTorch's SGD without dampening).
    Sgd {
        /// Decay of the velocity.
        momentum: f64,
    },
}

/// Constants of one step.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Number of this step, from 1.
    pub number: u64,
    /// Learning rate of this step.
    pub lr: f64,
    /// Largest norm of the gradient; 0 does not clip.
    pub clip: f64,
}

/// What a step found, and whether it updated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Value of the loss: its sum over its weight.
    pub loss: f64,
    /// The loss's weight, which the gradient is divided by.
    pub weight: f64,
    /// Norm of the gradient, divided by the weight, before clipping. NaN or infinite if a gradient is.
    pub grad_norm: f64,
}

impl Outcome {
    /// Whether there is something to update by: only then anything is.
    pub fn is_finite(&self) -> bool {
        self.weight != 0.0 && self.loss.is_finite() && self.grad_norm.is_finite()
    }

    /// What gradients are multiplied by: clipped as by PyTorch's `clip_grad_norm_`, and divided by the weight.
    fn scale(&self, clip: f64) -> f64 {
        let factor = if clip > 0.0 { (clip / (self.grad_norm + 1e-6)).min(1.0) } else { 1.0 };
        factor / self.weight
    }
}

/// All parameters of a model, updated together.
#[derive(Debug)]
pub struct Slots {
    slots: Vec<Slot>,
    /// Where they are on a GPU.
    table: Option<Table>,
    /// Of a step on the CPU, between [`Slots::judge`] and [`Slots::outcome`].
    judged: Option<Outcome>,
}

impl Slots {
    /// These parameters, all on `device`.
    pub fn new(slots: Vec<Slot>, device: &Device) -> Result<Self> {
        let table = device.gpu().map(|gpu| Table::new(gpu, &slots)).transpose()?;
        Ok(Self { slots, table, judged: None })
    }

    /// The parameters in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }

    /// Sets every gradient to 0.
    pub fn zero_gradients(&self, engine: &Engine) -> Result<()> {
        let _timer = engine.time(OpGroup::Optimizer);
        match &self.table {
            Some(table) => table.zero_gradients(),
            None => self.slots.iter().try_for_each(|slot| add::zero(&slot.grad)),
        }
    }

    /// Σ g² of each parameter's gradient, in f64 and in a fixed order. NaN or infinite if a value is.
    pub fn squares(&self, engine: &Engine) -> Result<Vec<f64>> {
        let _timer = engine.time(OpGroup::Optimizer);
        match &self.table {
            Some(table) => table.squares(),
            None => self.slots.iter().map(|slot| sum_of_squares(&slot.grad)).collect(),
        }
    }

    /// Decides how the gradients are scaled, given the loss's (sum, weight); on a GPU `totals` begins with them.
    pub fn judge(&mut self, engine: &Engine, totals: &LossTotal, step: &Step, rule: &Rule) -> Result<()> {
        match (&self.table, totals) {
            (Some(table), LossTotal::Gpu(totals)) => table.judge(totals, step, rule),
            (_, LossTotal::Cpu { sum, weight }) => {
                let squares: f64 = self.squares(engine)?.iter().sum();
                let grad_norm = squares.sqrt() / weight.abs();
                self.judged = Some(Outcome { loss: sum / weight, weight: *weight, grad_norm });
                Ok(())
            }
            (None, LossTotal::Gpu(_)) => Err(crate::Error::run("the loss is on a GPU, the parameters are not")),
        }
    }

    /// One update by what [`Slots::judge`] decided; none where that is not finite.
    pub fn update(&self, engine: &Engine, step: &Step, rule: &Rule) -> Result<()> {
        let _timer = engine.time(OpGroup::Optimizer);
        if let Some(table) = &self.table {
            return table.update(rule);
        }
        let Some(outcome) = self.judged.filter(Outcome::is_finite) else { return Ok(()) };
        let scale = outcome.scale(step.clip);
        self.slots.iter().try_for_each(|slot| match *rule {
            Rule::AdamW { beta1, beta2, eps } => adamw(slot, step, scale, [beta1, beta2, eps]),
            Rule::Sgd { momentum } => sgd(slot, step.lr, scale, momentum),
        })
    }

    /// What [`Slots::judge`] decided; on a GPU once everything launched has run.
    pub fn outcome(&self) -> Result<Outcome> {
        match (&self.table, self.judged) {
            (Some(table), _) => table.outcome(),
            (None, Some(outcome)) => Ok(outcome),
            (None, None) => Err(crate::Error::run("asked for the outcome of a step before the step")),
        }
    }
}

/// The loss of a step, where it was computed.
#[derive(Debug, Clone)]
pub enum LossTotal {
    /// On the host.
    Cpu {
        /// Sum over the rows.
        sum: f64,
        /// What to divide by.
        weight: f64,
    },
    /// On a GPU: an f64 array that begins with sum and weight.
    Gpu(Tensor),
}

fn adamw(slot: &Slot, step: &Step, scale: f64, [beta1, beta2, eps]: [f64; 3]) -> Result<()> {
    let Some(second) = &slot.second else {
        return Err(crate::Error::run("a parameter has no second moment"));
    };
    let [bias1, bias2] = [beta1, beta2].map(|beta| bias(beta, step.number));
    let (reads, writes) = ([&slot.grad], [&slot.value, &slot.first, second]);
    with_type!(slot.value, T => with_slices::<T, 1, 3>(reads, writes, |[grad], [param, m, v]| {
        let [rest1, rest2] = [1.0 - beta1, 1.0 - beta2].map(<T as Float>::of);
        let [scale, beta1, beta2] = [scale, beta1, beta2].map(<T as Float>::of);
        let [keep, rate] = [1.0 - step.lr * slot.decay, step.lr / bias1].map(<T as Float>::of);
        let [root2, eps] = [bias2.sqrt(), eps].map(<T as Float>::of);
        let chunks = param.par_chunks_mut(TASK).zip(m.par_chunks_mut(TASK)).zip(v.par_chunks_mut(TASK));
        chunks.zip(grad.par_chunks(TASK)).for_each(|(((param, m), v), grad)| vectorised(#[inline(always)] || {
            for (((param, m), v), &grad) in param.iter_mut().zip(m).zip(v).zip(grad) {
                let g = scale * grad;
                *m = beta1 * *m + rest1 * g;
                *v = beta2 * *v + rest2 * g * g;
                *param = *param * keep - rate * *m / (Float::sqrt(*v) / root2 + eps);
            }
        }));
        Ok(())
    }))
}

/// 1 - βᵗ.
fn bias(beta: f64, step: u64) -> f64 {
    1.0 - beta.powi(i32::try_from(step).unwrap_or(i32::MAX))
}

fn sgd(slot: &Slot, lr: f64, scale: f64, momentum: f64) -> Result<()> {
    let (reads, writes) = ([&slot.grad], [&slot.value, &slot.first]);
    with_type!(slot.value, T => with_slices::<T, 1, 2>(reads, writes, |[grad], [param, velocity]| {
        let [lr, momentum, decay, scale] = [lr, momentum, slot.decay, scale].map(<T as Float>::of);
        let chunks = param.par_chunks_mut(TASK).zip(velocity.par_chunks_mut(TASK)).zip(grad.par_chunks(TASK));
        chunks.for_each(|((param, velocity), grad)| vectorised(#[inline(always)] || {
            for ((param, velocity), &grad) in param.iter_mut().zip(velocity).zip(grad) {
                *velocity = momentum * *velocity + scale * grad + decay * *param;
                *param -= lr * *velocity;
            }
        }));
        Ok(())
    }))
}

fn sum_of_squares(x: &Tensor) -> Result<f64> {
    let mut total = 0.0;
    with_type!(x, T => with_slices::<T, 1, 0>([x], [], |[x], []| {
        let partial: Vec<f64> = x.par_chunks(TASK).map(|x| vectorised(#[inline(always)] || {
            let mut sums = [0.0_f64; 16];
            for (i, &value) in x.iter().enumerate() {
                let value = Float::f64(value);
                sums[i % 16] += value * value;
            }
            sums.iter().sum::<f64>()
        })).collect();
        total = partial.iter().sum();
        Ok(())
    }))?;
    Ok(total)
}
