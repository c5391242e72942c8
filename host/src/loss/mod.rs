//! The loss compiler: runs any loss or metric that a plugin describes together with the model's output layer, without
//! ever holding the `[rows, vocab]` logits of a batch.
//!
//! What hand-written fused cross-entropy kernels do for one loss (cut cross-entropy, arXiv 2411.09009; Liger Kernel,
//! arXiv 2410.10989) is done here for any graph of the op set:
//!
//! 1. `import` checks the graph and `simplify` shares common expressions, folds constants and pushes `gather` through
//!    everything elementwise: `log_softmax(x)[t]` becomes `x[t] - log_sum_exp(x)`.
//! 2. `gradient` differentiates in reverse mode. The result is more of the same graph.
//! 3. `lower` takes softmax and log-sum-exp apart, so that forward and backward share one exponential per logit.
//! 4. `split` finds what waits for a sum over rows: passes. `schedule` orders each pass into sweeps over a row of
//!    logits.
//! 5. `run` makes the logits of some hundred rows, `interpret` turns them into row values and, in place, their gradient
//!    (`kernels` has the loops), and two products add the gradients of hidden states and weights.
//!
//! Sums over rows and everything after them are computed in 64 bits. No result depends on the number of threads.

mod cuda;
mod explain;
mod formula;
mod gradient;
mod groups;
mod head;
mod held;
mod import;
mod interpret;
mod ir;
mod kernels;
mod laws;
mod lower;
mod math;
mod probe;
mod row_program;
mod run;
mod schedule;
mod simplify;
mod small;
mod split;
mod totals;

pub(crate) use cuda::bytes_on_gpu;
pub(crate) use held::HELD_LOGITS;
pub(crate) use laws::fault_of_weights;
pub(crate) use probe::Probe;
pub use run::{Head, HeadGradient, LossBatch, Other};
pub use totals::Totals;

use crate::ops::{Engine, Float, OpGroup};
use crate::{Error, Result};
use gradient::{Gradient, differentiate};
use ir::{Input, Ir, Op};
use lower::{Roots, lower};
use split::{Plan, split};
use std::ops::AddAssign;
use trainyard_plugin::Graph;
use trainyard_plugin::graph::Type;

/// The inputs that a graph may ask for in pre-training.
pub const AVAILABLE_INPUTS: &[&str] =
    &["input.logits", "input.target", "input.weight", "input.target_bytes", "input.position", "input.step"];

/// Row indices are held in `f32` registers, exact below this.
const VOCAB_MAX: usize = 1 << 24;

/// Compiled graphs: a loss and what is computed beside it.
#[derive(Debug)]
pub struct Program {
    outputs: Vec<String>,
    /// Computes the outputs.
    forward: Plan,
    /// Computes the outputs and the gradient of the first one.
    training: Plan,
    explanation: String,
}

/// A quantity to be averaged: its value is sum / weight. Ratios of parts of a batch are added.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Ratio {
    /// Sum over the rows.
    pub sum: f64,
    /// What to divide by.
    pub weight: f64,
}

impl Ratio {
    /// The mean; NaN where nothing counted.
    pub fn value(&self) -> f64 {
        self.sum / self.weight
    }
}

impl AddAssign for Ratio {
    fn add_assign(&mut self, other: Self) {
        self.sum += other.sum;
        self.weight += other.weight;
    }
}

impl Program {
    /// Compiles `graphs` into one program, with the outputs of all of them in order. Gradients are those of the first
    /// output's sum. `available` names the inputs (`input.logits`, …) that batches will carry.
    ///
    /// # Errors
    /// Of the plugin: a graph that breaks a rule of the op set, needs an input that is not available, or costs too
    /// much.
    pub fn compile(graphs: &[&Graph], available: &[&str]) -> Result<Self> {
        let mut ir = Ir::default();
        let mut outputs = Vec::new();
        for graph in graphs {
            outputs.extend(import::import(&mut ir, graph, available)?);
        }
        Self::from_ir(ir, outputs)
    }

    /// The same of one graph, in which what stands under `stop_gradient` is computed from other logits, the input
    /// [`HELD_LOGITS`].
    ///
    /// # Errors
    /// As [`Program::compile`].
    pub(crate) fn compile_held(graph: &Graph, available: &[&str]) -> Result<Self> {
        let mut ir = Ir::default();
        let outputs = import::import(&mut ir, graph, available)?;
        let (ir, outputs) = held::hold(&ir, &outputs);
        Self::from_ir(ir, outputs)
    }

    fn from_ir(mut ir: Ir, outputs: Vec<import::Output>) -> Result<Self> {
        let names = outputs.iter().map(|output| output.name.clone()).collect();
        let Some(first) = outputs.first().map(|output| output.sum) else {
            return Err(Error::plugin("no graph to compile, expected at least one"));
        };
        let roots = Roots { outputs, gradient: Gradient::default() };
        let n_forward = ir.len();
        let forward = plan(&ir, &roots, n_forward, false)?;
        let formulas = formula::formulas(&ir, &roots);
        let gradient = differentiate(&mut ir, first);
        let training = plan(&ir, &Roots { gradient, ..roots }, n_forward, true)?;
        let explanation = explain::explain(&formulas, &forward, &training);
        Ok(Self { outputs: names, forward, training, explanation })
    }

    /// Names of the outputs.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// Whether two outputs are one formula, as far as simplification sees.
    pub fn same_output(&self, first: usize, second: usize) -> bool {
        let root = |index: usize| self.forward.outputs.get(index).map(|output| (output.sum, output.weight));
        root(first) == root(second)
    }

    /// The formulas, and how they are computed.
    pub fn explain(&self) -> String {
        self.explanation.clone()
    }

    /// Sum and weight of every output over the rows of `batch`, and the gradients of the first sum if asked for. What
    /// is not finite is returned as it is.
    ///
    /// # Errors Slices of wrong length, a target outside the vocabulary, a graph with an input that batches do not
    /// carry.
    pub fn run<T: Float>(
        &self,
        engine: &Engine,
        head: &Head<'_, T>,
        batch: &LossBatch<'_>,
        gradient: Option<HeadGradient<'_, T>>,
    ) -> Result<Vec<Ratio>> {
        let _timer = engine.time(OpGroup::Loss);
        let plan = if gradient.is_some() { &self.training } else { &self.forward };
        check_shapes(head, batch, gradient.as_ref())?;
        check_inputs(plan, head.vocab, batch)?;
        let values = run::run(engine, plan, head, batch, gradient);
        let ratio =
            |output: &import::Output| Ratio { sum: values.scalar(output.sum), weight: values.scalar(output.weight) };
        Ok(plan.outputs.iter().map(ratio).collect())
    }
}

fn plan(ir: &Ir, roots: &Roots, n_forward: usize, with_gradient: bool) -> Result<Plan> {
    let (ir, roots) = lower(ir, roots, n_forward);
    split(ir, roots, with_gradient)
}

fn check_shapes<T>(head: &Head<'_, T>, batch: &LossBatch<'_>, gradient: Option<&HeadGradient<'_, T>>) -> Result<()> {
    let Head { rows, width, vocab, .. } = *head;
    if !(1..VOCAB_MAX).contains(&vocab) {
        return Err(Error::run(format!("loss: vocabulary of {vocab} tokens, expected 1 to {}", VOCAB_MAX - 1)));
    }
    let mut lengths = vec![
        ("hidden", head.hidden.len(), rows * width),
        ("weight of the output layer", head.weight.len(), vocab * width),
        ("target", batch.target.len(), rows),
        ("weight", batch.weight.len(), rows),
        ("target_bytes", batch.target_bytes.len(), rows),
        ("position", batch.position.len(), rows),
    ];
    if let Some(gradient) = gradient {
        lengths.push(("gradient of hidden", gradient.hidden.len(), rows * width));
        lengths.push(("gradient of the output layer", gradient.weight.len(), vocab * width));
    }
    for (name, got, expected) in lengths {
        if got != expected {
            return Err(Error::run(format!("loss: {name} has {got} elements, expected {expected}")));
        }
    }
    groups::check(batch.group, rows)
}

fn check_inputs(plan: &Plan, vocab: usize, batch: &LossBatch<'_>) -> Result<()> {
    for id in 0..plan.ir.len() {
        match plan.ir.node(id).op {
            Op::Input(Input::Absent(name)) => {
                let Some(values) = batch.other(name) else {
                    return Err(Error::run(format!(
                        "loss: input {name:?} is in no batch; use a loss that does not need it"
                    )));
                };
                let width = if plan.ir.ty(id) == Type::Vocab { vocab } else { 1 };
                let (got, expected) = (values.len(), batch.target.len() * width);
                if got != expected {
                    return Err(Error::run(format!("loss: {name:?} has {got} elements, expected {expected}")));
                }
            }
            Op::Input(Input::Target) => {
                let outside = batch.target.iter().enumerate().find(|&(_, &id)| id as usize >= vocab);
                if let Some((row, id)) = outside {
                    return Err(Error::run(format!(
                        "loss: target of row {row} is token {id}, expected an id below the vocabulary size {vocab}; was the data \
                         prepared with another tokenizer?"
                    )));
                }
            }
            _ => {}
        }
    }
    Ok(())
}
