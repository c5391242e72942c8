//! One-pass optimizer updates and what they need to know about all gradients.

use super::cpu::{TASK, vectorised, with_slices, with_type};
use super::{Engine, Float, OpGroup};
use crate::Result;
use candle_core::Tensor;
use rayon::prelude::*;

/// Constants of one AdamW step.
#[derive(Debug, Clone, Copy)]
pub struct AdamW {
    /// Learning rate of this step.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the denominator.
    pub eps: f64,
    /// Weight decay of this parameter.
    pub decay: f64,
    /// Number of this step, from 1.
    pub step: u64,
    /// The gradient is multiplied by this first: 1 / weight of the batch, and clipping.
    pub scale: f64,
}

/// g = scale · grad; m = β₁ m + (1-β₁) g; v = β₂ v + (1-β₂) g²; p = p (1 - lr · decay) - lr m̂ / (√v̂ + ε), with m̂ and
/// v̂ the moments divided by 1 - βᵗ (Loshchilov & Hutter, arXiv 1711.05101; the order of PyTorch's AdamW).
pub fn adamw(engine: &Engine, param: &Tensor, grad: &Tensor, m: &Tensor, v: &Tensor, step: AdamW) -> Result<()> {
    let _timer = engine.time(OpGroup::Optimizer);
    let bias1 = 1.0 - step.beta1.powi(i32::try_from(step.step).unwrap_or(i32::MAX));
    let bias2 = 1.0 - step.beta2.powi(i32::try_from(step.step).unwrap_or(i32::MAX));
    with_type!(param, T => with_slices::<T, 1, 3>([grad], [param, m, v], |[grad], [param, m, v]| {
        let [scale, beta1, beta2] = [step.scale, step.beta1, step.beta2].map(<T as Float>::of);
        let [rest1, rest2] = [1.0 - step.beta1, 1.0 - step.beta2].map(<T as Float>::of);
        let [keep, rate] = [1.0 - step.lr * step.decay, step.lr / bias1].map(<T as Float>::of);
        let [root2, eps] = [bias2.sqrt(), step.eps].map(<T as Float>::of);
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

/// Constants of one step of descent with momentum.
#[derive(Debug, Clone, Copy)]
pub struct Sgd {
    /// Learning rate of this step.
    pub lr: f64,
    /// Decay of the velocity.
    pub momentum: f64,
    /// Weight decay of this parameter.
    pub decay: f64,
    /// The gradient is multiplied by this first.
    pub scale: f64,
}

/// g = scale · grad + decay · p; u = momentum · u + g; p = p - lr u (PyTorch's SGD without dampening).
pub fn sgd(engine: &Engine, param: &Tensor, grad: &Tensor, velocity: &Tensor, step: Sgd) -> Result<()> {
    let _timer = engine.time(OpGroup::Optimizer);
    with_type!(param, T => with_slices::<T, 1, 2>([grad], [param, velocity], |[grad], [param, velocity]| {
        let [lr, momentum, decay, scale] = [step.lr, step.momentum, step.decay, step.scale].map(<T as Float>::of);
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

/// Σ x², in f64 and in a fixed order. NaN or infinite if a value is.
pub fn sum_of_squares(engine: &Engine, x: &Tensor) -> Result<f64> {
    let _timer = engine.time(OpGroup::Optimizer);
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
