//! Splits a lowered graph into passes over the rows and the small computations between them.
//!
//! A sum over rows (or over the rows of a sequence) is known when all rows have been seen, so what depends on it waits
//! for the next pass, which makes the logits again. Most losses are a plain sum of row values: their gradient needs no
//! such sum and one pass is all.

use super::cuda::Compiled;
use super::import::Output;
use super::ir::{Id, Input, Ir, Op};
use super::lower::Roots;
use super::row_program::RowProgram;
use super::schedule::{Demand, schedule};
use crate::rows::InputSet;
use crate::{Error, Result};
use trainyard_plugin::graph::Type;

/// Every pass costs one product of the hidden states with the vocabulary: a limit on what a graph can make the host
/// compute.
const PASSES_MAX: usize = 8;

/// A graph ready to run.
#[derive(Debug)]
pub(super) struct Plan {
    pub ir: Ir,
    /// Row inputs that are left in it.
    pub inputs: InputSet,
    pub outputs: Vec<Output>,
    pub stages: Vec<Stage>,
    pub compiled: Compiled,
}

impl Plan {
    /// The row values that the first output sums up; none for an output that is no sum over rows.
    pub fn summed_rows(&self) -> Option<Id> {
        let node = self.ir.node(self.outputs.first()?.sum);
        if node.op == Op::SumRows { node.inputs.first().copied() } else { None }
    }
}

/// One step of a plan.
#[derive(Debug)]
pub(super) struct Stage {
    /// Scalars and sequence values, to be computed before the pass, in this order.
    pub small: Vec<Id>,
    /// None where no row value is needed.
    pub pass: Option<RowProgram>,
}

pub(super) fn split(ir: Ir, roots: Roots, with_gradient: bool) -> Result<Plan> {
    let stages = stages(&ir);
    let n_stages = stages.iter().max().map_or(1, |last| last + 1);
    let gradient_stage = roots.gradient.roots().map(|id| stages[id]).max().unwrap_or(0);
    let mut demands: Vec<Demand> = (0..n_stages).map(|_| Demand::default()).collect();
    for id in 0..ir.len() {
        if let (Op::SumRows | Op::SumSequence, &[x]) = (ir.node(id).op, ir.node(id).inputs.as_slice()) {
            demand(&mut demands, &stages, x);
        }
    }
    if with_gradient {
        demands[gradient_stage].gradient = Some(roots.gradient.clone());
    }
    let mut plan = Vec::new();
    // Backwards: a pass asks earlier ones for what it cannot compute again cheaply.
    for stage in (0..n_stages).rev() {
        let wanted = std::mem::take(&mut demands[stage]);
        let pass = match wanted.exports.is_empty() && wanted.gradient.is_none() {
            true => None,
            false => Some(schedule(&ir, &stages, stage, &wanted)?),
        };
        for id in pass.iter().flat_map(RowProgram::saved) {
            demand(&mut demands, &stages, id);
        }
        let is_small = |&id: &Id| stages[id] == stage && matches!(ir.ty(id), Type::Scalar | Type::Sequence);
        plan.push(Stage { small: (0..ir.len()).filter(is_small).collect(), pass });
    }
    plan.reverse();
    let n_passes = plan.iter().filter_map(|stage| stage.pass.as_ref()).filter(|pass| pass.needs_logits).count();
    if n_passes > PASSES_MAX {
        return Err(Error::plugin(format!(
            "the graph needs {n_passes} passes over the logits, at most {PASSES_MAX} are allowed; nest fewer sums over rows"
        )));
    }
    let mut inputs = InputSet::NONE;
    for id in 0..ir.len() {
        if let Op::Input(Input::Row(input)) = ir.node(id).op {
            inputs.insert(input);
        }
    }
    Ok(Plan { inputs, ir, outputs: roots.outputs, stages: plan, compiled: Compiled::default() })
}

fn demand(demands: &mut [Demand], stages: &[usize], id: Id) {
    let exports = &mut demands[stages[id]].exports;
    if !exports.contains(&id) {
        exports.push(id);
    }
}

/// For each node the number of sums over rows that it waits for.
fn stages(ir: &Ir) -> Vec<usize> {
    let mut stages = Vec::with_capacity(ir.len());
    for id in 0..ir.len() {
        let node = ir.node(id);
        let inputs = node.inputs.iter().map(|&input| stages[input]).max().unwrap_or(0);
        stages.push(inputs + usize::from(matches!(node.op, Op::SumRows | Op::SumSequence)));
    }
    stages
}
