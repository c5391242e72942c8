//! The forward of a graph, step by step, and the buffers of its values.

use super::fuse::{Fusions, Residual, columns};
use super::head::HeadPlan;
use super::sites::Sites;
use super::steps::{Drop, Step, Work};
use super::{Buffer, Format, Place, Shape, Stack};
use crate::model::graph::{Graph, Node, Norm, Op, Rotary};
use crate::ops::activation::Activation;
use crate::{Error, Result};

/// Steps and buffers, before they have memory.
pub(super) struct Built {
    pub steps: Vec<Step>,
    pub buffers: Vec<Buffer>,
    /// The block whose steps write to each buffer.
    pub homes: Vec<Option<usize>>,
    pub stacks: Vec<Stack>,
    /// Where each node's value is.
    pub places: Vec<Option<Place>>,
    /// Places of heads and of what else must last.
    pub lasting: Vec<Place>,
    /// Dimensions of the parameters.
    pub shapes: Vec<Vec<usize>>,
    /// What the loss runs.
    pub head: HeadPlan,
    /// Number of places that have dropout masks.
    pub sites: u64,
}

impl Built {
    /// Where a node's value is.
    ///
    /// # Errors
    /// A node without one.
    pub fn place_of(&self, node: usize) -> Result<Place> {
        self.places[node].ok_or_else(|| Error::run("a value of the network was planned nowhere"))
    }
}

pub(super) struct Builder<'a> {
    pub(super) graph: &'a Graph,
    fusions: &'a Fusions,
    sites: &'a Sites,
    pub(super) readers: Vec<Vec<usize>>,
    /// Whether parameters and activations have different formats.
    pub(super) split: bool,
    pub(super) built: Built,
    /// Where a stack's product is, once it is planned.
    stacked: Vec<Option<usize>>,
}

/// The steps of `graph`.
///
/// # Errors
/// A graph whose logits are not the result of a linear layer.
pub(super) fn build(graph: &Graph, split: bool) -> Result<Built> {
    let head = HeadPlan::new(graph)?;
    let (fusions, sites) = (Fusions::new(graph, &head), Sites::new(graph));
    let shape =
        |parameter: &trainyard_plugin::network::Parameter| parameter.shape.iter().map(|&size| size as usize).collect();
    let built = Built {
        steps: Vec::new(),
        buffers: Vec::new(),
        homes: Vec::new(),
        stacks: Vec::new(),
        places: vec![None; graph.nodes.len()],
        lasting: Vec::new(),
        shapes: graph.parameters.iter().map(shape).collect(),
        head,
        sites: sites.total,
    };
    let stacked = vec![None; fusions.stacks.len()];
    let mut builder =
        Builder { graph, fusions: &fusions, sites: &sites, readers: graph.readers(), split, built, stacked };
    for node in 0..graph.nodes.len() {
        if !fusions.inlined[node] {
            builder.plan(node)?;
        }
    }
    // the loss reads whole rows of activations
    let (hidden, logits) = (builder.built.head.hidden, builder.built.head.nodes[0]);
    let place = builder.place(hidden)?;
    let place = builder.whole(logits, place, Format::Activations);
    builder.built.places[hidden] = Some(place);
    let others = graph.heads.iter().filter(|(name, _)| name != "logits").map(|(_, node)| *node);
    let lasting: Result<Vec<_>> = [hidden].into_iter().chain(others).map(|node| builder.place(node)).collect();
    builder.built.lasting = lasting?;
    Ok(builder.built)
}

impl Builder<'_> {
    fn plan(&mut self, node: usize) -> Result<()> {
        let graph = self.graph;
        let Op::Linear { .. } = graph.nodes[node].op else { return self.plan_other(node) };
        let Some(&stack) = self.fusions.stack_of.get(&node) else {
            return self.linear(node, node, None);
        };
        let nodes = &self.fusions.stacks[stack];
        let buffer = match self.stacked[stack] {
            Some(buffer) => buffer,
            None => {
                let width = nodes.iter().map(|&node| columns(graph, node)).sum();
                let buffer = self.buffer(node, self.rows(node, width), Format::Activations);
                self.stacked[stack] = Some(buffer);
                let x = self.input(node, 0)?;
                let stack = self.add_stack(nodes);
                let work = Work::Linear { stack, residual: false, dropout: None };
                self.push(node, work, vec![x], Place { buffer, first: 0, width }, None);
                buffer
            }
        };
        let before = nodes.iter().take_while(|&&other| other != node).map(|&node| columns(graph, node)).sum();
        self.built.places[node] = Some(Place { buffer, first: before, width: columns(graph, node) });
        Ok(())
    }

    fn add_stack(&mut self, nodes: &[usize]) -> usize {
        let mut stack = Stack { weights: vec![], biases: vec![], layout: crate::ops::linear::Layout::OutIn };
        for &node in nodes {
            if let Op::Linear { weight, bias, layout } = self.graph.nodes[node].op {
                stack.weights.push(weight);
                stack.biases.extend(bias);
                stack.layout = layout;
            }
        }
        self.built.stacks.push(stack);
        self.built.stacks.len() - 1
    }

    /// The product of linear layer `linear`, with what is added to it, as the value of `node`.
    fn linear(&mut self, node: usize, linear: usize, residual: Option<Residual>) -> Result<()> {
        let x = self.input(linear, 0)?;
        let stack = self.add_stack(&[linear]);
        let mut reads = vec![x];
        let format = if residual.is_some() { Format::Parameters } else { Format::Activations };
        if let Some(residual) = residual {
            // what a product is added to has rows as far apart as its result
            let place = self.place(residual.other)?;
            reads.push(self.whole(node, place, format));
        }
        let dropout = residual.and_then(|residual| residual.dropout).map(|dropout| self.drop(dropout));
        let out = self.value(node, format);
        self.push(node, Work::Linear { stack, residual: residual.is_some(), dropout }, reads, out, None);
        Ok(())
    }

    fn plan_other(&mut self, node: usize) -> Result<()> {
        let (graph, fusions) = (self.graph, self.fusions);
        match &graph.nodes[node].op {
            Op::Index(_) => {}
            Op::Linear { .. } => return Err(Error::run("a linear layer is planned by itself")),
            Op::Embedding { .. } => self.embedding(node, &[node]),
            Op::Norm { norm, weight, bias, epsilon } => {
                let x = self.input(node, 0)?;
                let chunk = weight.map_or(x.width, |weight| self.built.shapes[weight][0]).max(1);
                let stats = if *norm == Norm::Layer { 2 } else { 1 } * (x.width / chunk);
                let kept = self.buffer(node, self.rows(node, stats), Format::Parameters);
                let work = Work::Norm { norm: *norm, weight: *weight, bias: *bias, epsilon: *epsilon };
                let out = self.value(node, Format::Activations);
                self.push(node, work, vec![x], out, Some(kept));
            }
            Op::Rotary(rotary) => self.rotary(node, rotary)?,
            Op::Attention { heads, .. } => self.attention(node, *heads)?,
            Op::RelativeBias { table, bidirectional, max_distance } => {
                let [buckets, heads] = [self.built.shapes[*table][0], self.built.shapes[*table][1]];
                let buffer = self.buffer(node, Shape::Bias(heads), Format::Parameters);
                let out = Place { buffer, first: 0, width: 0 };
                let (table, bidirectional, max_distance) = (*table, *bidirectional, *max_distance);
                let work = Work::RelativeBias { table, buckets, bidirectional, max_distance };
                self.built.places[node] = Some(out);
                self.push(node, work, vec![], out, None);
            }
            Op::Activation(activation) => self.map(node, Work::Activation(*activation))?,
            Op::Add if fusions.tables.contains_key(&node) => self.embedding(node, &fusions.tables[&node]),
            Op::Add => match fusions.residuals.get(&node) {
                Some(residual) => self.linear(node, residual.linear, Some(*residual))?,
                None => self.pair(node, Work::Add, Format::Parameters)?,
            },
            Op::Mul => match fusions.gated.get(&node) {
                Some(&(stack, activation)) => self.gated(node, stack, activation)?,
                None => self.pair(node, Work::Mul, Format::Activations)?,
            },
            Op::Scale(factor) => self.map(node, Work::Scale(*factor))?,
            Op::SoftCap(cap) => self.map(node, Work::SoftCap(*cap))?,
            Op::Dropout(rate) if *rate == 0.0 => self.built.places[node] = Some(self.input(node, 0)?),
            Op::Dropout(_) => {
                let drop = self.drop(node);
                self.in_place(node, Work::Dropout(drop))?;
            }
            Op::Concat => self.concat(node)?,
            Op::Slice(first) => {
                let x = self.input(node, 0)?;
                self.built.places[node] = Some(Place { first: x.first + first, width: columns(graph, node), ..x });
            }
            Op::Recurrent { kind, weights, biases, reverse } => {
                let kept = self.buffer(node, self.rows(node, kind.kept() * columns(graph, node)), Format::Activations);
                let (kind, weights, biases, reverse) = (*kind, *weights, *biases, *reverse);
                self.map_keeping(node, Work::Recurrent { kind, weights, biases, reverse }, Some(kept))?;
            }
            Op::Conv { weight, bias } => self.map(node, Work::Conv { weight: *weight, bias: *bias })?,
            Op::Shift(by) => self.map(node, Work::Shift(*by))?,
            Op::Pool(kind) => self.map(node, Work::Pool(*kind))?,
            Op::Bag => {
                let index = self.graph.index_of(&self.graph.nodes[node]);
                let index = index.ok_or_else(|| Error::run("a bag is of something else than an index"))?;
                let out = self.value(node, Format::Activations);
                self.push(node, Work::Bag(index), vec![], out, None);
            }
            Op::Expand => self.map(node, Work::Expand)?,
        }
        Ok(())
    }

    fn embedding(&mut self, node: usize, tables: &[usize]) {
        let table = |&node: &usize| match &self.graph.nodes[node] {
            found @ Node { op: Op::Embedding { table, offset }, .. } => {
                self.graph.index_of(found).map(|index| (index, *table, *offset))
            }
            _ => None,
        };
        let work = Work::Embedding(tables.iter().filter_map(table).collect());
        let out = self.value(node, Format::Parameters);
        self.push(node, work, vec![], out, None);
    }

    /// Neighbouring columns that are turned alike are turned together.
    fn rotary(&mut self, node: usize, rotary: &Rotary) -> Result<()> {
        let place = self.owned(node)?;
        self.built.places[node] = Some(place);
        let same = |step: &&mut Step| step.out.buffer == place.buffer && step.work == Work::Rotary(rotary.clone());
        match self.built.steps.iter_mut().rev().find(same) {
            Some(step) if step.out.first + step.out.width == place.first => {
                step.out.width += place.width;
                step.reads = vec![step.out];
            }
            _ => self.push(node, Work::Rotary(rotary.clone()), vec![place], place, None),
        }
        Ok(())
    }

    fn attention(&mut self, node: usize, heads: usize) -> Result<()> {
        let Op::Attention { kv_heads, span, scale, soft_cap, dropout, .. } = self.graph.nodes[node].op else {
            return Ok(());
        };
        let n = self.graph.nodes[node].inputs.len();
        let reads = (0..n).map(|input| self.input(node, input)).collect::<Result<Vec<_>>>()?;
        let dropout = (dropout > 0.0).then(|| Drop { site: self.sites.of(node), rate: dropout });
        let kept = self.buffer(node, Shape::Scores(self.space(node), heads), Format::Parameters);
        let out = self.value(node, Format::Activations);
        let work = Work::Attention { heads, kv_heads, span, scale, soft_cap, dropout };
        self.push(node, work, reads, out, Some(kept));
        Ok(())
    }

    fn gated(&mut self, node: usize, stack: usize, activation: Activation) -> Result<()> {
        let buffer = self.stacked[stack].ok_or_else(|| Error::run("a product was not planned before its reader"))?;
        let width = 2 * columns(self.graph, node);
        let out = self.value(node, Format::Activations);
        self.push(node, Work::Gated(activation), vec![Place { buffer, first: 0, width }], out, None);
        Ok(())
    }

    fn concat(&mut self, node: usize) -> Result<()> {
        let out = self.value(node, Format::Activations);
        let mut first = 0;
        for input in 0..self.graph.nodes[node].inputs.len() {
            let from = self.input(node, input)?;
            let to = Place { buffer: out.buffer, first, width: from.width };
            self.push(node, Work::Copy, vec![from], to, None);
            first += from.width;
        }
        self.built.places[node] = Some(out);
        Ok(())
    }

    /// A value of one input.
    fn map(&mut self, node: usize, work: Work) -> Result<()> {
        self.map_keeping(node, work, None)
    }

    fn map_keeping(&mut self, node: usize, work: Work, kept: Option<usize>) -> Result<()> {
        let x = self.input(node, 0)?;
        let x = self.formatted(node, x, Format::Activations);
        let out = self.value(node, Format::Activations);
        self.push(node, work, vec![x], out, kept);
        Ok(())
    }

    /// A value of two inputs.
    fn pair(&mut self, node: usize, work: Work, format: Format) -> Result<()> {
        let mut reads = Vec::with_capacity(2);
        for input in 0..self.graph.nodes[node].inputs.len() {
            let x = self.input(node, input)?;
            reads.push(self.formatted(node, x, format));
        }
        let out = self.value(node, format);
        self.push(node, work, reads, out, None);
        Ok(())
    }

    fn in_place(&mut self, node: usize, work: Work) -> Result<()> {
        let place = self.owned(node)?;
        self.built.places[node] = Some(place);
        self.push(node, work, vec![place], place, None);
        Ok(())
    }

    fn drop(&self, node: usize) -> Drop {
        let rate = match self.graph.nodes[node].op {
            Op::Dropout(rate) => rate,
            _ => 0.0,
        };
        Drop { site: self.sites.of(node), rate }
    }
}
