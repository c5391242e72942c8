//! Which ops run together.

use super::head::HeadPlan;
use crate::model::graph::{Graph, Op};
use crate::ops::activation::Activation;
use crate::ops::linear::Layout;
use std::collections::HashMap;
use trainyard_plugin::network::Type;

/// Most tables that one pass adds up.
const TABLES_MAX: usize = 3;

/// A product that ends in an addition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Residual {
    pub linear: usize,
    pub dropout: Option<usize>,
    /// What the product is added to.
    pub other: usize,
}

/// Ops that are run by another one.
#[derive(Debug)]
pub(super) struct Fusions {
    /// Linear layers over one input that are one product, by each of them.
    pub stack_of: HashMap<usize, usize>,
    /// The nodes of each stack.
    pub stacks: Vec<Vec<usize>>,
    /// Additions that a product does by itself.
    pub residuals: HashMap<usize, Residual>,
    /// Products of an activation and the columns next to it: the stack of both, and the activation.
    pub gated: HashMap<usize, (usize, Activation)>,
    /// Sums of rows of tables.
    pub tables: HashMap<usize, Vec<usize>>,
    /// Nodes that are run as part of another one.
    pub inlined: Vec<bool>,
}

impl Fusions {
    pub fn new(graph: &Graph, head: &HeadPlan) -> Self {
        let mut fusions = Self {
            stack_of: HashMap::new(),
            stacks: Vec::new(),
            residuals: HashMap::new(),
            gated: HashMap::new(),
            tables: HashMap::new(),
            inlined: vec![false; graph.nodes.len()],
        };
        head.nodes.iter().for_each(|&node| fusions.inlined[node] = true);
        let readers = graph.readers();
        fusions.stack(graph);
        for index in 0..graph.nodes.len() {
            match graph.nodes[index].op {
                Op::Add => fusions.fuse_add(graph, &readers, index),
                Op::Mul => fusions.fuse_mul(graph, &readers, index),
                _ => {}
            }
        }
        fusions
    }

    /// Linear layers with the same input in the same part of a block are one product: queries, keys and values; gate
    /// and up.
    fn stack(&mut self, graph: &Graph) {
        let mut uses = vec![0; graph.parameters.len()];
        graph.nodes.iter().flat_map(|node| node.op.parameters()).for_each(|parameter| uses[parameter] += 1);
        let mut open: HashMap<(usize, &str, bool), usize> = HashMap::new();
        for (index, node) in graph.nodes.iter().enumerate().filter(|(index, _)| !self.inlined[*index]) {
            let Op::Linear { weight, bias, layout: Layout::OutIn } = &node.op else { continue };
            if uses[*weight] > 1 || bias.is_some_and(|bias| uses[bias] > 1) {
                continue;
            }
            let part = node.scope.rsplit_once('.').map_or("", |(part, _)| part);
            let stack = *open.entry((node.inputs[0], part, bias.is_some())).or_insert_with(|| {
                self.stacks.push(Vec::new());
                self.stacks.len() - 1
            });
            self.stacks[stack].push(index);
        }
        for (stack, nodes) in self.stacks.iter().enumerate().filter(|(_, nodes)| nodes.len() > 1) {
            nodes.iter().for_each(|&node| _ = self.stack_of.insert(node, stack));
        }
    }

    fn fuse_add(&mut self, graph: &Graph, readers: &[Vec<usize>], add: usize) {
        let tables = tables(graph, readers, add, true).filter(|tables| (2..=TABLES_MAX).contains(&tables.len()));
        if let Some(tables) = tables {
            // additions on the way are part of it
            graph.nodes[add].inputs.iter().for_each(|&input| self.inline_tables(graph, input));
            self.tables.insert(add, tables);
            return;
        }
        let inputs = &graph.nodes[add].inputs;
        let candidates = [(inputs[1], inputs[0]), (inputs[0], inputs[1])];
        let found = candidates.into_iter().filter_map(|(branch, other)| self.branch(graph, readers, branch, other));
        // the product that comes last, so that the other operand is there
        if let Some(residual) = found.filter(|residual| residual.other != residual.linear).max_by_key(|r| r.linear) {
            self.inlined[residual.linear] = true;
            residual.dropout.iter().for_each(|&node| self.inlined[node] = true);
            self.residuals.insert(add, residual);
        }
    }

    fn inline_tables(&mut self, graph: &Graph, node: usize) {
        self.inlined[node] = true;
        self.tables.remove(&node);
        if graph.nodes[node].op == Op::Add {
            graph.nodes[node].inputs.clone().into_iter().for_each(|input| self.inline_tables(graph, input));
        }
    }

    /// `branch` as a product, with dropout or not, that nothing else reads.
    fn branch(&self, graph: &Graph, readers: &[Vec<usize>], branch: usize, other: usize) -> Option<Residual> {
        let (linear, dropout) = match graph.nodes[branch].op {
            Op::Dropout(_) => (graph.nodes[branch].inputs[0], Some(branch)),
            _ => (branch, None),
        };
        let alone = |node: usize| readers[node].len() == 1 && !self.inlined[node];
        let fits = matches!(graph.nodes[linear].op, Op::Linear { .. })
            && alone(linear)
            && dropout.is_none_or(alone)
            && !self.stack_of.contains_key(&linear);
        fits.then_some(Residual { linear, dropout, other })
    }

    /// activation(gate) · up, where one product made gate and up, in this order and nothing else.
    fn fuse_mul(&mut self, graph: &Graph, readers: &[Vec<usize>], mul: usize) {
        let inputs = &graph.nodes[mul].inputs;
        for (activated, up) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
            let Op::Activation(activation) = graph.nodes[activated].op else { continue };
            let gate = graph.nodes[activated].inputs[0];
            let Some(&stack) = self.stack_of.get(&gate) else { continue };
            let alone = [activated, gate, up].iter().all(|&node| readers[node].len() == 1);
            if alone && self.stacks[stack] == [gate, up] {
                self.inlined[activated] = true;
                self.gated.insert(mul, (stack, activation));
                return;
            }
        }
    }
}

/// The embeddings whose sum `node` is, in order; none if it is another sum.
fn tables(graph: &Graph, readers: &[Vec<usize>], node: usize, top: bool) -> Option<Vec<usize>> {
    if !top && readers[node].len() > 1 {
        return None;
    }
    match graph.nodes[node].op {
        Op::Embedding { .. } => Some(vec![node]),
        Op::Add => {
            let inputs = &graph.nodes[node].inputs;
            let mut found = tables(graph, readers, inputs[0], false)?;
            found.extend(tables(graph, readers, inputs[1], false)?);
            Some(found)
        }
        _ => None,
    }
}

/// Columns of a node's value.
pub(super) fn columns(graph: &Graph, node: usize) -> usize {
    match graph.ty(node) {
        Type::Matrix { columns, .. } => columns as usize,
        _ => 0,
    }
}
