//! A plan that a person can read: `trainyard plugin inspect MODEL --graph`.

use super::flops;
use super::graph::{Graph, Index};
use super::plan::{Buffer, Plan, Purpose, Shape, Step, Work};
use crate::Result;
use crate::base::clean;
use std::fmt::Write as _;
use trainyard_plugin::Sizes;
use trainyard_plugin::network::{Network, Space};

/// Bytes of a number in f32.
const BYTES: usize = 4;
/// Steps that are shown; the rest is counted.
const STEPS_MAX: usize = 2000;
/// Characters of a cell.
const CELL_CHARS: usize = 100;

/// What runs in a forward of training in f32, step by step: the ops that are one step, the parameters, the bytes that
/// stay for the backward per row, and floating-point operations per row. Then the tensors of the whole.
///
/// # Errors
/// A network that is wrong.
pub fn explain(network: &Network, sizes: &Sizes) -> Result<String> {
    let graph = Graph::new(network)?;
    let trained = vec![true; graph.parameters.len()];
    let plan = |purpose| Plan::new(&graph, purpose, false, &trained);
    let training = plan(Purpose::Training)?;
    let mut text = steps(&graph, &training, sizes);
    let weight = &graph.parameters[training.head.weight];
    let flop = flops::of_weight(&graph, training.head.weight);
    let _ = writeln!(
        text,
        "logits: {} {:?} by the loss, block of rows by block, {flop:.0} flop/row",
        weight.name, weight.shape
    );
    let all = [
        ("training", training),
        ("recomputing", plan(Purpose::Recomputing)?),
        ("inference", plan(Purpose::Inference)?),
    ];
    for (name, plan) in all {
        let sum = |tensors: &[Buffer]| tensors.iter().map(|&kind| per_row(kind, sizes) * BYTES).sum::<usize>();
        let (forward, backward) = (sum(&plan.tensors), sum(&plan.gradients));
        let _ = writeln!(
            text,
            "{name}: {} tensors of {forward} bytes/row forward, {} of {backward} backward in {} steps",
            plan.tensors.len(),
            plan.gradients.len(),
            plan.backward.len()
        );
    }
    Ok(text)
}

/// The steps of a plan as a table.
fn steps(graph: &Graph, plan: &Plan, sizes: &Sizes) -> String {
    let mut lines = vec![["step", "scope", "runs", "result", "bytes/row", "flop/row"].map(str::to_owned)];
    let mut seen = vec![false; plan.tensors.len()];
    for (index, step) in plan.steps.iter().enumerate().take(STEPS_MAX) {
        let mut bytes = 0;
        for buffer in step.buffers() {
            if !std::mem::replace(&mut seen[plan.tensor_of[buffer]], true) {
                bytes += per_row(plan.buffers[buffer], sizes) * BYTES;
            }
        }
        lines.push([
            index.to_string(),
            clean::clip(&graph.nodes[step.node].scope, CELL_CHARS).into_owned(),
            clean::clip(&runs(graph, plan, step), CELL_CHARS).into_owned(),
            result(plan.buffers[step.out.buffer].shape, step),
            bytes.to_string(),
            format!("{:.0}", work(graph, plan, step, sizes)),
        ]);
    }
    let mut text = table(&lines);
    if plan.steps.len() > STEPS_MAX {
        let _ = writeln!(text, "and {} more steps", plan.steps.len() - STEPS_MAX);
    }
    text
}

/// Numbers of a tensor for each row of a text as long as the context.
fn per_row(Buffer { shape, .. }: Buffer, sizes: &Sizes) -> usize {
    let context = (sizes.context as usize).max(1);
    match shape {
        Shape::Rows(Space::Sequence, columns) => columns.div_ceil(context),
        Shape::Rows(_, columns) | Shape::Scores(_, columns) => columns,
        Shape::Bias(heads) => (heads * (2 * context - 1)).div_ceil(context),
    }
}

fn result(shape: Shape, step: &Step) -> String {
    match shape {
        Shape::Rows(space, _) => format!("[{space}, {}]", step.out.width),
        Shape::Scores(space, heads) => format!("[{space}, {heads}]"),
        Shape::Bias(heads) => format!("bias of {heads} heads"),
    }
}

/// What a step does, with the names of its parameters.
fn runs(graph: &Graph, plan: &Plan, step: &Step) -> String {
    let scope = &graph.nodes[step.node].scope;
    // names are relative to where the step is
    let names: Vec<_> = step
        .parameters(&plan.stacks)
        .into_iter()
        .map(|parameter| {
            let name = &graph.parameters[parameter].name;
            let shared = name.bytes().zip(scope.bytes()).take_while(|(a, b)| a == b).count();
            let end = if shared == scope.len() { shared } else { scope[..shared].rfind('.').map_or(0, |dot| dot + 1) };
            name[end..].trim_start_matches('.').to_owned()
        })
        .collect();
    let what = match &step.work {
        Work::Embedding(tables) => {
            format!(
                "embedding of {}",
                tables.iter().map(|(index, ..)| index_name(*index)).collect::<Vec<_>>().join(" + ")
            )
        }
        Work::Linear { stack, residual, dropout } => {
            let n = plan.stacks[*stack].weights.len();
            let product = if n == 1 { "product".to_owned() } else { format!("{n} products in one") };
            let dropout = if dropout.is_some() { ", dropout" } else { "" };
            format!("{product}{dropout}{}", if *residual { ", added to the residual" } else { "" })
        }
        Work::Norm { norm: super::graph::Norm::Layer, .. } => "layer norm".into(),
        Work::Norm { .. } => "RMS norm".into(),
        Work::Rotary(_) => "rotary, in place".into(),
        Work::Attention { heads, kv_heads, span, .. } => format!("attention {span:?}, {heads} heads over {kv_heads}"),
        Work::RelativeBias { .. } => "relative bias".into(),
        Work::Activation(activation) => format!("{activation:?}"),
        Work::Gated(activation) => format!("{activation:?}(gate) · up"),
        Work::Dropout(_) => "dropout, in place".into(),
        Work::Recurrent { kind, reverse, .. } => format!("{kind:?}{}", if *reverse { ", backward" } else { "" }),
        Work::Conv { .. } => "convolution".into(),
        Work::Pool(pool) => format!("pool {pool:?}"),
        Work::Bag(index) => format!("bag of {}", index_name(*index)),
        other => format!("{other:?}").to_lowercase(),
    };
    if names.is_empty() { what } else { format!("{what}: {}", names.join(", ")) }
}

fn index_name(index: Index) -> &'static str {
    match index {
        Index::Ids => "ids",
        Index::Positions => "positions",
        Index::TokenTypes => "token types",
        Index::SourceIds => "source ids",
        Index::SourcePositions => "source positions",
    }
}

/// Floating-point operations of a step per row.
fn work(graph: &Graph, plan: &Plan, step: &Step, sizes: &Sizes) -> f64 {
    match step.work {
        Work::Linear { stack, .. } => {
            plan.stacks[stack].weights.iter().map(|&weight| flops::of_weight(graph, weight)).sum()
        }
        _ => flops::of_row(graph, &graph.nodes[step.node], f64::from(sizes.context)),
    }
}

/// Lines with columns of equal width; numbers to the right.
fn table<const N: usize>(lines: &[[String; N]]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..N).map(width).collect();
    let mut text = String::new();
    for line in lines {
        for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
            let _ = match column == 0 || column + 2 >= N {
                true => write!(text, "{cell:>width$}  "),
                false => write!(text, "{cell:<width$}  "),
            };
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}
