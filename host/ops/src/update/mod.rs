//! One-pass optimizer updates of all parameters, and what they need to know about all gradients.

mod cpu;
mod gpu;

use super::{Device, Engine, OpGroup, Tensor};
use crate::{Error, Result};
use std::ops::Range;

/// A parameter, its gradient, and what an optimizer keeps of it; all of one shape, unless only a part is updated.
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
    /// The elements that are updated here, on the CPU, and that moments are kept of, from a multiple of
    /// [`TASK`](crate::TASK) on; none: all.
    pub own: Option<Range<usize>>,
    /// Weight decay.
    pub decay: f64,
    /// Its learning rate as a multiple of the step's.
    pub rate: f64,
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
    table: Table,
}

/// What works on the slots.
#[derive(Debug)]
enum Table {
    Cpu(cpu::Table),
    Gpu(Box<gpu::Table>),
}

impl Table {
    fn on_cpu(&self) -> Result<&cpu::Table> {
        match self {
            Self::Cpu(table) => Ok(table),
            Self::Gpu(_) => Err(parts_on_gpu()),
        }
    }
}

fn parts_on_gpu() -> Error {
    Error::run("parts of a parameter are updated on CPUs only")
}

/// Calls a method of the table of a device, with the same arguments on both.
macro_rules! on_table {
    ($table:expr, $method:ident($($argument:expr),* $(,)?)) => {
        match $table {
            Table::Cpu(table) => table.$method($($argument),*),
            Table::Gpu(table) => table.$method($($argument),*),
        }
    };
}

impl Slots {
    /// The parameters of `slots`, all on `device`.
    ///
    /// # Errors
    /// A tensor of another device, type or size, or a GPU that fails.
    pub fn new(slots: Vec<Slot>, device: &Device) -> Result<Self> {
        let table = match device {
            Device::Cpu => Table::Cpu(cpu::Table::new(&slots)),
            Device::Gpu(gpu) => Table::Gpu(Box::new(gpu::Table::new(gpu, &slots)?)),
        };
        Ok(Self { slots, table })
    }

    /// The parameters in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }

    /// Sets every gradient to 0.
    ///
    /// # Errors
    /// As [`Slots::new`].
    pub fn zero_gradients(&self, engine: &Engine) -> Result<()> {
        let _timer = engine.time(OpGroup::Optimizer);
        on_table!(&self.table, zero_gradients(engine))
    }

    /// Σ g² of each parameter's gradient, in f64 and in a fixed order. NaN or infinite if a value is.
    ///
    /// # Errors
    /// As [`Slots::new`].
    pub fn squares(&self, engine: &Engine) -> Result<Vec<f64>> {
        let _timer = engine.time(OpGroup::Optimizer);
        on_table!(&self.table, squares(engine))
    }

    /// Σ g² of every [`TASK`](crate::TASK) elements, 0 of those that other ranks update: where a rank has the gradient
    /// of its part only, [`Slots::squares_of`] and [`Slots::judge_by`] take the sums of these over all ranks.
    ///
    /// # Errors
    /// As [`Slots::new`]; parameters on a GPU.
    pub fn partial_squares(&self, engine: &Engine) -> Result<Vec<f64>> {
        let _timer = engine.time(OpGroup::Optimizer);
        self.table.on_cpu()?.partial_squares(engine)
    }

    /// [`Slots::squares`] from the sums of all ranks.
    ///
    /// # Errors
    /// Parameters on a GPU.
    pub fn squares_of(&self, partial: &[f64]) -> Result<Vec<f64>> {
        Ok(self.table.on_cpu()?.squares_of(partial))
    }

    /// [`Slots::judge`] by the sums of all ranks.
    ///
    /// # Errors
    /// As [`Slots::judge`]; parameters on a GPU.
    pub fn judge_by(&mut self, partial: &[f64], totals: &LossTotal) -> Result<()> {
        match &mut self.table {
            Table::Cpu(table) => table.judge_by(partial, totals),
            Table::Gpu(_) => Err(parts_on_gpu()),
        }
    }

    /// Decides how the gradients are scaled, given the loss's (sum, weight); on a GPU `totals` begins with them.
    ///
    /// # Errors
    /// As [`Slots::new`], or a loss that was computed elsewhere.
    pub fn judge(&mut self, engine: &Engine, totals: &LossTotal, step: &Step, rule: &Rule) -> Result<()> {
        on_table!(&mut self.table, judge(engine, totals, step, rule))
    }

    /// One update by what [`Slots::judge`] decided; none where that is not finite.
    ///
    /// # Errors
    /// As [`Slots::new`].
    pub fn update(&self, engine: &Engine, step: &Step, rule: &Rule) -> Result<()> {
        let _timer = engine.time(OpGroup::Optimizer);
        on_table!(&self.table, update(engine, step, rule))
    }

    /// What [`Slots::judge`] decided; on a GPU once everything launched has run.
    ///
    /// # Errors
    /// No step yet, or a GPU that fails.
    pub fn outcome(&self) -> Result<Outcome> {
        on_table!(&self.table, outcome())
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

/// 1 - βᵗ.
fn bias(beta: f64, step: u64) -> f64 {
    1.0 - beta.powi(i32::try_from(step).unwrap_or(i32::MAX))
}
