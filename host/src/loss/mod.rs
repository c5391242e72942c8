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

mod crf;
mod cuda;
mod explain;
mod formula;
mod gradient;
mod head;
mod held;
mod import;
mod interpret;
mod ir;
mod kernels;
mod laws;
mod lower;
mod math;
mod objective;
mod probe;
mod row_program;
mod run;
mod schedule;
pub mod selected;
mod simplify;
mod small;
mod split;
mod totals;
mod transform;

pub use crf::decode;
pub(crate) use cuda::bytes_on_gpu;
pub(crate) use laws::fault_of_weights;
pub use objective::{CrfLoss, Objective};
pub(crate) use probe::Probe;
pub(crate) use run::chunk_rows;
pub use run::{HeadGradient, OutputLayer};
pub use totals::Totals;

use crate::ops::{Blocks, Engine, Float, OpGroup};
use crate::rows::{InputSet, Rows};
use crate::{Error, Result};
use gradient::{Gradient, differentiate};
use ir::Ir;
use lower::{Roots, lower};
use run::{Given, Values};
use split::{Plan, split};
use std::ops::AddAssign;
use trainyard_plugin::Graph;

/// Row indices are held in `f32` registers, exact below this.
const VOCAB_MAX: usize = 1 << 24;

/// Compiled graphs: a loss and what is computed with it.
#[derive(Debug)]
pub struct Program {
    outputs: Vec<String>,
    inputs: InputSet,
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
    /// output's sum.
    ///
    /// # Errors
    /// A fault of the plugin: a graph that breaks a rule of the op set, or costs too much.
    pub fn compile(graphs: &[&Graph]) -> Result<Self> {
        let (mut ir, mut outputs, mut inputs) = (Ir::default(), Vec::new(), InputSet::NONE);
        for graph in graphs {
            outputs.extend(import::import(&mut ir, graph, &mut inputs)?);
        }
        Self::from_ir(ir, outputs, inputs)
    }

    /// The same, for batches that carry the inputs `supplied`.
    ///
    /// # Errors
    /// As [`Program::compile`], and a graph that asks for an input that is not supplied.
    pub fn compile_for(graphs: &[&Graph], supplied: InputSet) -> Result<Self> {
        let program = Self::compile(graphs)?;
        program.inputs.require(supplied)?;
        Ok(program)
    }

    /// The same of one graph, in which what stands under `stop_gradient` is computed from other logits: the held ones
    /// of [`Given`].
    ///
    /// # Errors
    /// As [`Program::compile`].
    pub(crate) fn compile_held(graph: &Graph) -> Result<Self> {
        let (mut ir, mut inputs) = (Ir::default(), InputSet::NONE);
        let outputs = import::import(&mut ir, graph, &mut inputs)?;
        let (ir, outputs) = held::hold(&ir, &outputs);
        Self::from_ir(ir, outputs, inputs)
    }

    fn from_ir(mut ir: Ir, outputs: Vec<import::Output>, inputs: InputSet) -> Result<Self> {
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
        Ok(Self { outputs: names, inputs, forward, training, explanation })
    }

    /// Names of the outputs.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// Row inputs that its graphs ask for: batches carry them.
    pub fn inputs(&self) -> InputSet {
        self.inputs
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

    /// Sum and weight of every output over `rows`, and the gradients of the first sum if asked for. `step` is what
    /// graphs see as `input.step`. What is not finite is returned as it is.
    ///
    /// # Errors
    /// Lists of wrong length, a target outside the vocabulary, an input that the rows do not carry.
    pub fn run<T: Float>(
        &self,
        engine: &Engine,
        head: &OutputLayer<'_, T>,
        rows: &Rows,
        step: u64,
        gradient: Option<HeadGradient<'_, T>>,
    ) -> Result<Vec<Ratio>> {
        self.run_given(engine, head, &Given { rows, step, held: &[] }, gradient)
    }

    /// The same, of a program from [`Program::compile_held`] too.
    fn run_given<T: Float>(
        &self,
        engine: &Engine,
        head: &OutputLayer<'_, T>,
        given: &Given<'_>,
        gradient: Option<HeadGradient<'_, T>>,
    ) -> Result<Vec<Ratio>> {
        let (plan, values) = self.values(engine, head, given, gradient)?;
        Ok(ratios(plan, &values))
    }

    /// All values, and the plan that computed them.
    fn values<T: Float>(
        &self,
        engine: &Engine,
        head: &OutputLayer<'_, T>,
        given: &Given<'_>,
        gradient: Option<HeadGradient<'_, T>>,
    ) -> Result<(&Plan, Values<T>)> {
        let _timer = engine.time(OpGroup::Loss);
        let plan = if gradient.is_some() { &self.training } else { &self.forward };
        check_shapes(head, given, gradient.as_ref())?;
        self.check(given.rows, head.vocab)?;
        Ok((plan, run::run(engine, plan, head, given, gradient)))
    }

    /// Checks that the program can compute with `rows`: kernels index rows of logits with their targets.
    ///
    /// # Errors
    /// What is wrong with the rows, an input that they do not carry.
    pub fn check(&self, rows: &Rows, vocab: usize) -> Result<()> {
        rows.check(self.inputs, vocab).map_err(|error| error.context("loss"))
    }
}

/// Sum and weight of every output.
fn ratios<T: Float>(plan: &Plan, values: &Values<T>) -> Vec<Ratio> {
    let ratio =
        |output: &import::Output| Ratio { sum: values.scalar(output.sum), weight: values.scalar(output.weight) };
    plan.outputs.iter().map(ratio).collect()
}

fn plan(ir: &Ir, roots: &Roots, n_forward: usize, with_gradient: bool) -> Result<Plan> {
    let (ir, roots) = lower(ir, roots, n_forward);
    split(ir, roots, with_gradient)
}

fn check_shapes<T>(head: &OutputLayer<'_, T>, given: &Given<'_>, gradient: Option<&HeadGradient<'_, T>>) -> Result<()> {
    let OutputLayer { rows, width, vocab, .. } = *head;
    if !(1..VOCAB_MAX).contains(&vocab) {
        return Err(Error::run(format!("loss: vocabulary of {vocab} tokens, expected 1 to {}", VOCAB_MAX - 1)));
    }
    let dims = head.blocks.map(Blocks::dims2);
    let weight = dims.map_or(head.weight.len(), |(rows, columns)| rows * columns);
    let mut lengths = vec![
        ("hidden", head.hidden.len(), rows * width),
        ("weight of the output layer", weight, vocab * width),
        ("batch", given.rows.len(), rows),
    ];
    let length = |name, values: Option<&[T]>, expected| values.map(|values| (name, values.len(), expected));
    lengths.extend(length("bias of the output layer", head.bias, vocab));
    if let Some(HeadGradient { hidden, weight, bias, .. }) = gradient {
        lengths.push(("gradient of hidden", hidden.len(), rows * width));
        lengths.extend(length("gradient of the output layer", weight.as_deref(), vocab * width));
        lengths.extend(length("gradient of the output layer's bias", bias.as_deref(), vocab));
    }
    if !given.held.is_empty() {
        lengths.push(("held logits", given.held.len(), rows * vocab));
    }
    for (name, got, expected) in lengths {
        if got != expected {
            return Err(Error::run(format!("loss: {name} has {got} elements, expected {expected}")));
        }
    }
    Ok(())
}
