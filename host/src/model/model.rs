//! A network that can be run: planned, with parameters and buffers.

use super::dropout::Dropout;
use super::flops;
use super::graph::{Graph, Index, Op};
use super::head::{CRF, Head, HeadCrf};
use super::memory::Allocator;
use super::params::Params;
use super::plan::{Plan, Purpose};
use super::run::{Buffers, Pass, Ranges, Size, Weights};
use crate::ops::{Column, Device, Engine, Precision, Quantized, Tensor};
use crate::rows::Tokens;
use crate::{Error, Result};
use std::collections::BTreeSet;
use std::ops::Range;
use trainyard_plugin::network::{Network, Parameter};

/// What a model is made of.
#[derive(Debug, Clone)]
pub struct Spec<'a> {
    /// The description.
    pub network: &'a Network,
    /// Longest sequence, in tokens.
    pub context: usize,
    /// What is kept of a forward.
    pub purpose: Purpose,
    /// Names of parameters that do not change.
    pub frozen: BTreeSet<String>,
    /// Parameters that do not change and are held in blocks: those that only embeddings and linear layers read.
    pub quantized: Option<Quantized>,
    /// Parameters that no layer reads: those of a conditional random field over the logits.
    pub field: &'a [Parameter],
    /// Says that parameters are loaded, or drawn by [`Params::draw`], before anything is computed: to draw all of a
    /// large model takes longer than to read it.
    pub is_loaded: bool,
}

impl<'a> Spec<'a> {
    /// For a purpose, with all parameters trained.
    pub fn new(network: &'a Network, context: usize, purpose: Purpose) -> Self {
        Self { network, context, purpose, frozen: BTreeSet::new(), quantized: None, field: &[], is_loaded: false }
    }

    /// Names of parameters without a gradient.
    fn frozen(&self) -> BTreeSet<String> {
        match self.purpose {
            Purpose::Inference => {
                self.network.parameters.iter().chain(self.field).map(|parameter| parameter.name.clone()).collect()
            }
            _ => self.frozen.clone(),
        }
    }

    /// The matrices that are held in blocks.
    fn quantized(&self, graph: &Graph) -> Option<Quantized> {
        let Quantized { format, tensors } = self.quantized.as_ref()?;
        let others = graph.nodes.iter().flat_map(|node| match node.op {
            Op::Embedding { .. } => Vec::new(),
            Op::Linear { bias, .. } => bias.into_iter().collect(),
            _ => node.op.parameters(),
        });
        let others: BTreeSet<usize> = others.collect();
        let fits = |(index, parameter): &(usize, &Parameter)| {
            parameter.shape.len() == 2 && !others.contains(index) && tensors.contains(&parameter.name)
        };
        let fitting = graph.parameters.iter().enumerate().filter(fits);
        let tensors = fitting.map(|(_, parameter)| parameter.name.clone()).collect();
        Some(Quantized { format: *format, tensors })
    }

    /// The network as a graph, with all parameters.
    fn graph(&self) -> Result<Graph> {
        let mut graph = Graph::new(self.network)?;
        graph.parameters.extend_from_slice(self.field);
        Ok(graph)
    }
}

/// A network with its parameters, gradients and activations.
pub struct Model {
    pub(super) graph: Graph,
    pub(super) plan: Plan,
    pub(super) weights: Weights,
    engine: Engine,
    context: usize,
    params: Params,
    buffers: Option<Buffers>,
    /// How often the buffers were made.
    generation: u64,
}

/// The plan of a graph with these parameters frozen, on a device.
fn plan(spec: &Spec<'_>, graph: &Graph, (precision, device): (Precision, &Device)) -> Result<Plan> {
    let split = precision.activations(device) != precision.dtype();
    let frozen = spec.frozen();
    let trained: Vec<_> = graph.parameters.iter().map(|parameter| !frozen.contains(&parameter.name)).collect();
    Plan::new(graph, spec.purpose, split, &trained)
}

impl Model {
    /// A new model, whose parameters begin as its description says, from `seed` and their names.
    ///
    /// # Errors
    /// A network that is wrong, a GPU without room for the parameters.
    pub fn new(spec: &Spec<'_>, engine: Engine, seed: u64) -> Result<Self> {
        let graph = spec.graph()?;
        let plan = plan(spec, &graph, (engine.precision(), engine.device()))?;
        let params = Params::new(Allocator::new(&engine), seed).frozen(spec.frozen()).loaded(spec.is_loaded);
        let mut params = params.in_blocks(spec.quantized(&graph));
        let mut weights = Weights::new(&graph, &plan, &mut params)?;
        weights.make_tables(&plan, spec.context, &engine)?;
        Ok(Self { graph, plan, weights, engine, context: spec.context, params, buffers: None, generation: 0 })
    }

    /// Bytes of parameters, their gradients, activations and, unless for inference, the gradients of activations, for
    /// `sequences` sequences of `length` tokens. Nothing of that size is allocated.
    ///
    /// Not in it is what others hold: the optimizer's state, the gradient of the last hidden states, the blocks of
    /// logits of the loss, the tables of rotary angles, and the scratch of single operations.
    ///
    /// # Errors
    /// A network that is wrong, sizes that no tensor can have.
    pub fn bytes(
        spec: &Spec<'_>,
        (precision, device): (Precision, &Device),
        (sequences, length): (usize, usize),
    ) -> Result<u64> {
        let graph = spec.graph()?;
        let plan = plan(spec, &graph, (precision, device))?;
        let params = Params::new(Allocator::only_shapes(precision, device), 0).frozen(spec.frozen());
        let mut params = params.in_blocks(spec.quantized(&graph));
        Weights::new(&graph, &plan, &mut params)?;
        let allocator = Allocator::only_shapes(precision, device);
        let buffers = Buffers::new(&plan, Size { sequences, length, source: 0, reach: 0 }, &allocator)?;
        if spec.purpose != Purpose::Inference {
            buffers.make_gradients(&plan, &allocator)?;
        }
        Ok(params.bytes() + allocator.bytes())
    }

    /// All parameters.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// What its operations run on.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// A number that changes when tensors of a forward and backward move to another place.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Longest sequence, in tokens.
    pub fn context(&self) -> usize {
        self.context
    }

    /// Says whether there is an encoder, which reads a source text.
    pub fn reads_source(&self) -> bool {
        self.graph.reads(Index::SourceIds)
    }

    /// Number of logits of a row: tokens in the vocabulary, or classes.
    pub fn vocab(&self) -> usize {
        self.head().weight.value.dims().first().copied().unwrap_or(0)
    }

    /// The output layer.
    pub fn head(&self) -> Head<'_> {
        let head = &self.plan.head;
        Head {
            weight: &self.weights.parameters[head.weight],
            bias: head.bias.map(|bias| &self.weights.parameters[bias]),
            scale: head.scale,
            soft_cap: head.soft_cap,
            crf: self.crf(),
        }
    }

    /// The field over tags, where the network has its parameters.
    fn crf(&self) -> Option<HeadCrf<'_>> {
        let [start, end, transitions] = CRF.map(|name| {
            let index = self.graph.parameters.iter().position(|parameter| parameter.name == name);
            index.map(|index| &self.weights.parameters[index])
        });
        Some(HeadCrf { start: start?, end: end?, transitions: transitions? })
    }

    /// Floating-point operations of forward and backward per token, see [`flops::per_token`].
    pub fn flops_per_token(&self) -> f64 {
        flops::per_token(&self.graph, self.context)
    }

    /// The last hidden states `[rows, C]`, valid until the next call. `dropout` is given while training.
    ///
    /// # Errors
    /// Ids or positions that the model does not have.
    pub fn forward(&mut self, tokens: &Tokens<'_>, dropout: Option<Dropout>) -> Result<Tensor> {
        self.check(tokens)?;
        let source = tokens.source.as_ref().map_or(0, |source| source.length);
        let size = Size { sequences: tokens.sequences(), length: tokens.length, source, reach: 0 };
        let buffers = match self.buffers.take() {
            Some(kept) if kept.fits(size) => kept,
            // what did not fit is gone before the new is made
            _ => {
                self.generation += 1;
                Buffers::new(&self.plan, size, &Allocator::new(&self.engine))?
            }
        };
        let result = self.run(&self.plan, tokens, dropout, &buffers, |pass| pass.forward());
        let hidden = buffers.tensor(&self.plan, self.plan.head.place.buffer).clone();
        self.buffers = Some(buffers);
        result.map(|()| hidden)
    }

    /// Adds to the gradients of all parameters but the head's, given the gradient `dhidden` `[rows, C]` of the last
    /// forward's result. Must follow that forward, with the same tokens and dropout.
    ///
    /// # Errors
    /// A backward before any forward, a GPU that fails.
    pub fn backward(&mut self, tokens: &Tokens<'_>, dropout: Option<Dropout>, dhidden: &Tensor) -> Result<()> {
        self.part_of_backward(tokens, dropout, dhidden, 0..self.plan.backward.len())
    }

    /// Names of the parameters whose gradients are whole after each stage of a backward, as [`Model::backward_stage`]
    /// runs them.
    pub fn stages(&self) -> Vec<Vec<&str>> {
        let name = |&parameter: &usize| self.graph.parameters[parameter].name.as_str();
        self.plan.stages.iter().map(|stage| stage.whole.iter().map(name).collect()).collect()
    }

    /// A stage of [`Model::backward`]: all of them, in order, are the same.
    ///
    /// # Errors
    /// As [`Model::backward`].
    pub fn backward_stage(
        &mut self,
        stage: usize,
        tokens: &Tokens<'_>,
        dropout: Option<Dropout>,
        dhidden: &Tensor,
    ) -> Result<()> {
        self.part_of_backward(tokens, dropout, dhidden, self.plan.stages[stage].backs.clone())
    }

    fn part_of_backward(
        &mut self,
        tokens: &Tokens<'_>,
        dropout: Option<Dropout>,
        dhidden: &Tensor,
        backs: Range<usize>,
    ) -> Result<()> {
        let Some(buffers) = self.buffers.take() else {
            return Err(Error::run("backward was called before forward"));
        };
        let made = buffers.make_gradients(&self.plan, &Allocator::new(&self.engine));
        let run = |()| self.run(&self.plan, tokens, dropout, &buffers, |pass| pass.backward(dhidden, backs));
        let result = made.and_then(run);
        self.buffers = Some(buffers);
        result
    }

    /// Does something with a batch by a plan of this model.
    pub(super) fn run(
        &self,
        plan: &Plan,
        tokens: &Tokens<'_>,
        dropout: Option<Dropout>,
        buffers: &Buffers,
        body: impl FnOnce(&Pass<'_>) -> Result<()>,
    ) -> Result<()> {
        let [rows, source] = self.ranges(tokens);
        // nothing is copied to a GPU where there are none
        let [rows, source] = [&rows, &source].map(|ranges| match ranges.is_empty() {
            true => Ok(Column::default()),
            false => Column::new(&self.engine, ranges),
        });
        let ranges = Ranges { rows: rows?, source: source? };
        let (engine, weights) = (&self.engine, &self.weights);
        body(&Pass { engine, plan, weights, buffers, tokens, dropout, ranges: &ranges, sources: None })
    }

    /// Says whether something of whole sequences is computed.
    pub fn pools(&self) -> bool {
        self.graph.nodes.iter().any(|node| matches!(node.op, Op::Pool(_) | Op::Bag | Op::Expand))
    }

    /// First row and number of rows of each sequence, and of each source, for pools; none where nothing is pooled.
    fn ranges(&self, tokens: &Tokens<'_>) -> [Vec<u32>; 2] {
        if !self.pools() {
            return [Vec::new(), Vec::new()];
        }
        let range = |sequence: usize| {
            let first = sequence * tokens.length;
            // rows that begin a document of their own after the first are padding
            let offsets = &tokens.offsets.host()[first..first + tokens.length];
            let n = offsets.iter().skip(1).position(|&offset| offset == 0).map_or(tokens.length, |row| row + 1);
            [first as u32, n as u32]
        };
        let source = tokens.source.iter().flat_map(|source| {
            let valid = source.valid.host().iter().enumerate();
            valid.flat_map(|(sequence, &valid)| [(sequence * source.length) as u32, valid])
        });
        [(0..tokens.sequences()).flat_map(range).collect(), source.collect()]
    }

    /// Checks the ids and positions: kernels index tables with these numbers.
    ///
    /// # Errors
    /// Ids or positions that the model does not have.
    pub fn check(&self, tokens: &Tokens<'_>) -> Result<()> {
        let (positions, n) = (tokens.positions.host(), tokens.ids.host().len());
        if tokens.length == 0 || !n.is_multiple_of(tokens.length) || positions.len() != n {
            return Err(Error::run(format!(
                "a batch of {n} tokens with {} positions is not a number of sequences of {}",
                positions.len(),
                tokens.length
            )));
        }
        for node in &self.graph.nodes {
            let rows = match node.op {
                Op::Embedding { table, offset } => self.graph.parameters[table].shape[0].saturating_sub(offset),
                Op::Bag => node.ty.columns(),
                _ => continue,
            };
            let Some(index) = self.graph.index_of(node) else { continue };
            self.check_index(tokens, index, rows)?;
        }
        match positions.iter().find(|&&position| position as usize >= self.context) {
            Some(position) => Err(beyond(*position, self.context)),
            None => Ok(()),
        }
    }

    fn check_index(&self, tokens: &Tokens<'_>, index: Index, rows: u32) -> Result<()> {
        let source = tokens.source.as_ref();
        let (what, numbers) = match index {
            Index::Ids => ("token id", Some(&tokens.ids)),
            Index::Positions => ("position", Some(&tokens.positions)),
            Index::TokenTypes => ("token type", tokens.types.as_ref()),
            Index::SourceIds => ("source token id", source.map(|source| &source.ids)),
            Index::SourcePositions => ("source position", source.map(|source| &source.positions)),
        };
        let numbers =
            numbers.ok_or_else(|| Error::run(format!("the model reads a {what}, which the data does not have")))?;
        match numbers.host().iter().find(|&&number| number >= rows) {
            None => Ok(()),
            Some(&number) if index == Index::Positions => Err(beyond(number, rows as usize)),
            Some(number) if index == Index::Ids => {
                Err(Error::run(format!("token id {number} is outside the model's vocabulary of {rows}")))
            }
            Some(number) => Err(Error::run(format!("{what} {number} is outside the model's table of {rows}"))),
        }
    }
}

fn beyond(position: u32, context: usize) -> Error {
    Error::run(format!(
        "position {position} is outside the model's context of {context} tokens; raise model.context or cut the data \
         shorter"
    ))
}
