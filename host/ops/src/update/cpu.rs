//! All parameters on the CPU, one after the other.

use super::{LossTotal, Outcome, Rule, Slot, Step, bias};
use crate::cpu::{TASK, vectorised, with_slices, with_type};
use crate::{Engine, Float, add};
use crate::{Error, Result};

/// The parameters, and what is known of the step.
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<Slot>,
    /// Between [`Table::judge`] and [`Table::outcome`].
    judged: Option<Outcome>,
}

impl Table {
    pub(super) fn new(slots: &[Slot]) -> Self {
        Self { slots: slots.to_vec(), judged: None }
    }

    pub(super) fn zero_gradients(&self, engine: &Engine) -> Result<()> {
        self.slots.iter().try_for_each(|slot| add::zero(engine, &slot.grad))
    }

    pub(super) fn squares(&self, engine: &Engine) -> Result<Vec<f64>> {
        Ok(self.squares_of(&self.partial_squares(engine)?))
    }

    /// Σ g² of every TASK elements, one parameter after the other; 0 of those that are not updated here.
    pub(super) fn partial_squares(&self, engine: &Engine) -> Result<Vec<f64>> {
        let mut partial = Vec::new();
        self.slots.iter().try_for_each(|slot| partial_squares(engine, slot, &mut partial))?;
        Ok(partial)
    }

    /// Σ g² of each parameter from those sums.
    pub(super) fn squares_of(&self, mut partial: &[f64]) -> Vec<f64> {
        let square = |slot: &Slot| {
            let (mine, rest) = partial.split_at(slot.grad.elem_count().div_ceil(TASK));
            partial = rest;
            mine.iter().sum()
        };
        self.slots.iter().map(square).collect()
    }

    pub(super) fn judge(&mut self, engine: &Engine, totals: &LossTotal, _: &Step, _: &Rule) -> Result<()> {
        let partial = self.partial_squares(engine)?;
        self.judge_by(&partial, totals)
    }

    /// As [`Table::judge`] by the sums of [`Table::partial_squares`].
    pub(super) fn judge_by(&mut self, partial: &[f64], totals: &LossTotal) -> Result<()> {
        let LossTotal::Cpu { sum, weight } = *totals else {
            return Err(Error::run("the loss is on a GPU, the parameters are not"));
        };
        let squares: f64 = self.squares_of(partial).iter().sum();
        let grad_norm = squares.sqrt() / weight.abs();
        self.judged = Some(Outcome { loss: sum / weight, weight, grad_norm });
        Ok(())
    }

    pub(super) fn update(&self, engine: &Engine, step: &Step, rule: &Rule) -> Result<()> {
        let Some(outcome) = self.judged.filter(Outcome::is_finite) else { return Ok(()) };
        let scale = outcome.scale(step.clip);
        self.slots.iter().try_for_each(|slot| match *rule {
            Rule::AdamW { beta1, beta2, eps } => adamw(engine, slot, step, scale, [beta1, beta2, eps]),
            Rule::Sgd { momentum } => sgd(engine, slot, step.lr, scale, momentum),
        })
    }

    pub(super) fn outcome(&self) -> Result<Outcome> {
        self.judged.ok_or_else(|| Error::run("asked for the outcome of a step before the step"))
    }
}

fn adamw(engine: &Engine, slot: &Slot, step: &Step, scale: f64, [beta1, beta2, eps]: [f64; 3]) -> Result<()> {
    let Some(second) = &slot.second else {
        return Err(Error::run("a parameter has no second moment"));
    };
    let [bias1, bias2] = [beta1, beta2].map(|beta| bias(beta, step.number));
    let (reads, writes) = ([&slot.grad], [&slot.value, &slot.first, second]);
    with_type!(slot.value, T => with_slices::<T, 1, 3>(reads, writes, |[grad], [param, m, v]| {
        let (grad, param) = own(slot, grad, param);
        let [rest1, rest2] = [1.0 - beta1, 1.0 - beta2].map(<T as Float>::of);
        let [scale, beta1, beta2] = [scale, beta1, beta2].map(<T as Float>::of);
        let lr = step.lr * slot.rate;
        let [keep, rate] = [1.0 - lr * slot.decay, lr / bias1].map(<T as Float>::of);
        let [root2, eps] = [bias2.sqrt(), eps].map(<T as Float>::of);
        let chunks = param.chunks_mut(TASK).zip(m.chunks_mut(TASK)).zip(v.chunks_mut(TASK)).zip(grad.chunks(TASK));
        engine.for_each(chunks, |(((param, m), v), grad)| vectorised(#[inline(always)] || {
            // fresh memory: a page that is read before it is written is mapped twice, and other cores wait for it
            if step.number == 1 {
                m.fill(T::ZERO);
                v.fill(T::ZERO);
            }
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

fn sgd(engine: &Engine, slot: &Slot, lr: f64, scale: f64, momentum: f64) -> Result<()> {
    let (reads, writes) = ([&slot.grad], [&slot.value, &slot.first]);
    with_type!(slot.value, T => with_slices::<T, 1, 2>(reads, writes, |[grad], [param, velocity]| {
        let (grad, param) = own(slot, grad, param);
        let [lr, momentum, decay, scale] = [lr * slot.rate, momentum, slot.decay, scale].map(<T as Float>::of);
        let chunks = param.chunks_mut(TASK).zip(velocity.chunks_mut(TASK)).zip(grad.chunks(TASK));
        engine.for_each(chunks, |((param, velocity), grad)| vectorised(#[inline(always)] || {
            for ((param, velocity), &grad) in param.iter_mut().zip(velocity).zip(grad) {
                *velocity = momentum * *velocity + scale * grad + decay * *param;
                *param -= lr * *velocity;
            }
        }));
        Ok(())
    }))
}

/// The elements of gradient and parameter that are updated here.
fn own<'a, T>(slot: &Slot, grad: &'a [T], param: &'a mut [T]) -> (&'a [T], &'a mut [T]) {
    match slot.own.clone() {
        Some(own) => (&grad[own.clone()], &mut param[own]),
        None => (grad, param),
    }
}

/// Adds the sums of a parameter to `partial`.
fn partial_squares(engine: &Engine, slot: &Slot, partial: &mut Vec<f64>) -> Result<()> {
    let (begin, n) = (partial.len(), slot.grad.elem_count());
    partial.resize(begin + n.div_ceil(TASK), 0.0);
    let own = slot.own.clone().unwrap_or(0..n);
    if !own.start.is_multiple_of(TASK) && !own.is_empty() {
        return Err(Error::run(format!("elements from {} on: expected a multiple of {TASK}", own.start)));
    }
    let partial = &mut partial[begin + own.start / TASK..];
    with_type!(slot.grad, T => with_slices::<T, 1, 0>([&slot.grad], [], |[x], []| {
        let chunks = x[own].chunks(TASK).zip(partial.iter_mut());
        engine.for_each(chunks, |(x, partial)| *partial = vectorised(#[inline(always)] || {
            let mut sums = [0.0_f64; 16];
            for (i, &value) in x.iter().enumerate() {
                let value = Float::f64(value);
                sums[i % 16] += value * value;
            }
            sums.iter().sum::<f64>()
        }));
        Ok(())
    }))
}
