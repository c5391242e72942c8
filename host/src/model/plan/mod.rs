//! What a model does in a forward and a backward, planned once from its graph: which ops run together, which buffer
//! every value is in, when a buffer is free again, and how gradients come together.
//!
//! Sizes are symbolic here (rows of a space times columns); `run` makes the buffers for the sizes of a batch.

mod backward;
mod build;
mod fuse;
mod head;
mod memory;
mod places;
mod sites;
mod stages;
mod steps;
#[cfg(test)]
mod tests;

pub(super) use backward::{Back, GradPlace};
pub(super) use head::HeadPlan;
pub(super) use stages::Stage;
pub(super) use steps::{Drop, Step, Work};

use super::graph::Graph;
use crate::Result;
use crate::ops::linear::Layout;
use trainyard_plugin::network::Space;

/// Sizes of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    /// `[rows of the space, columns]`
    Rows(Space, usize),
    /// `[sequences, heads, length]`: log-sum-exp of attention, of queries of the space.
    Scores(Space, usize),
    /// `[heads, 2 · length - 1]`: a bias by distance.
    Bias(usize),
}

impl Shape {
    /// Whether the rows of a text that is written have no part in it: it is the same for all its tokens.
    pub fn is_once(self) -> bool {
        !matches!(self, Self::Rows(Space::Row, _) | Self::Scores(Space::Row, _))
    }
}

/// The type of numbers of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Format {
    /// As parameters: the residual stream and statistics.
    Parameters,
    /// As activations, which are bfloat16 on a GPU in bf16.
    Activations,
}

/// A buffer as a kind: those of one kind can take each other's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Buffer {
    pub shape: Shape,
    pub format: Format,
}

/// Columns of a buffer: where a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub buffer: usize,
    pub first: usize,
    pub width: usize,
}

/// Linear layers that are one product.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stack {
    /// Parameters, one below the other.
    pub weights: Vec<usize>,
    pub biases: Vec<usize>,
    pub layout: Layout,
}

/// How activations are kept for the backward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// All that the backward needs is kept.
    Training,
    /// Only what crosses the border of a block is kept (Chen et al., arXiv 1604.06174).
    Recomputing,
    /// Nothing is kept.
    Inference,
}

/// The plan of a graph.
#[derive(Debug)]
pub(super) struct Plan {
    pub steps: Vec<Step>,
    /// Values' buffers, by number.
    pub buffers: Vec<Buffer>,
    /// The tensor that each buffer is in.
    pub tensor_of: Vec<usize>,
    /// Kinds of the tensors of the forward.
    pub tensors: Vec<Buffer>,
    pub stacks: Vec<Stack>,
    pub head: HeadPlan,
    /// What runs backward, in order; empty for inference.
    pub backward: Vec<Back>,
    /// Its parts, by when gradients of parameters are whole.
    pub stages: Vec<Stage>,
    /// Kinds of the tensors of gradients.
    pub gradients: Vec<Buffer>,
    /// Number of places that have dropout masks, see `sites`.
    pub sites: u64,
}

impl Plan {
    /// The plan of `graph`. `split` says whether parameters and activations have different formats; `trained` which
    /// parameters have a gradient.
    ///
    /// # Errors
    /// A graph whose logits are not the result of a linear layer.
    pub fn new(graph: &Graph, purpose: Purpose, split: bool, trained: &[bool]) -> Result<Self> {
        Self::of(graph, build::build(graph, split)?, purpose, (split, trained))
    }

    /// The plan that writes text token by token: first the steps that are the same for all tokens, whose results last.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn decoding(graph: &Graph, split: bool) -> Result<Self> {
        let mut built = build::build(graph, split)?;
        let is_once = |built: &build::Built, buffer: usize| built.buffers[buffer].shape.is_once();
        let mut steps = std::mem::take(&mut built.steps);
        steps.sort_by_key(|step| !is_once(&built, step.out.buffer));
        let again = steps.iter().filter(|step| !is_once(&built, step.out.buffer));
        let lasting: Vec<_> =
            again.flat_map(|step| &step.reads).filter(|place| is_once(&built, place.buffer)).copied().collect();
        built.steps = steps;
        built.lasting.extend(lasting);
        Self::of(graph, built, Purpose::Inference, (split, &[]))
    }

    fn of(graph: &Graph, built: build::Built, purpose: Purpose, (split, trained): (bool, &[bool])) -> Result<Self> {
        let memory = memory::assign(&built, graph.blocks, purpose);
        let hidden = built.place_of(built.head.hidden)?;
        let (backward, gradients) = match purpose {
            Purpose::Inference => Default::default(),
            _ => backward::plan(&built, &memory, hidden, split, trained),
        };
        let stages = stages::stages(&backward, &built.steps, &built.stacks, graph.parameters.len());
        Ok(Self {
            head: HeadPlan { place: hidden, ..built.head },
            stages,
            steps: built.steps,
            buffers: built.buffers,
            tensor_of: memory.tensor_of,
            tensors: memory.tensors,
            stacks: built.stacks,
            backward,
            gradients,
            sites: built.sites,
        })
    }
}
