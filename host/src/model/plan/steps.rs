//! The forward as steps over buffers.

use super::{Place, Stack};
use crate::model::graph::{Index, Norm, Rotary};
use crate::ops::activation::Activation;
use crate::ops::attention::Span;
use crate::ops::pooling::Pool;
use crate::ops::recurrent;

/// A place with a dropout mask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::model) struct Drop {
    pub site: u64,
    pub rate: f64,
}

/// Ops that run together.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::model) enum Work {
    /// The sum of rows of tables: index, parameter, number added to the index.
    Embedding(Vec<(Index, usize, u32)>),
    /// reads x, and the residual if there is one; the number is a stack's.
    Linear {
        stack: usize,
        residual: bool,
        dropout: Option<Drop>,
    },
    /// keeps statistics.
    Norm {
        norm: Norm,
        weight: Option<usize>,
        bias: Option<usize>,
        epsilon: f64,
    },
    /// in place
    Rotary(Rotary),
    /// reads q, k, v and a bias if there is one; keeps log-sum-exp.
    Attention {
        heads: usize,
        kv_heads: usize,
        span: Span,
        scale: Option<f64>,
        soft_cap: Option<f64>,
        dropout: Option<Drop>,
    },
    RelativeBias {
        table: usize,
        buckets: usize,
        bidirectional: bool,
        max_distance: usize,
    },
    Activation(Activation),
    /// reads gate and up side by side.
    Gated(Activation),
    Add,
    Mul,
    Scale(f64),
    SoftCap(f64),
    /// in place
    Dropout(Drop),
    /// to columns of a buffer, or to one of another format
    Copy,
    /// keeps gates and, of an LSTM, cells.
    Recurrent {
        kind: recurrent::Kind,
        weights: [usize; 2],
        biases: [Option<usize>; 2],
        reverse: bool,
    },
    Conv {
        weight: usize,
        bias: Option<usize>,
    },
    Shift(usize),
    Pool(Pool),
    Bag(Index),
    Expand,
}

/// One step of a forward.
#[derive(Debug, Clone)]
pub(in crate::model) struct Step {
    pub work: Work,
    pub reads: Vec<Place>,
    pub out: Place,
    /// A buffer for what only the backward reads.
    pub kept: Option<usize>,
    /// A buffer that is used while the step runs.
    pub scratch: Option<usize>,
    pub block: Option<usize>,
    /// The node whose value it makes, for messages.
    pub node: usize,
}

impl Step {
    /// Whether the backward reads what the step read and wrote: each input, the result.
    pub fn needs(&self) -> (Vec<bool>, bool) {
        let all = |needed: bool| vec![needed; self.reads.len()];
        match &self.work {
            Work::Linear { .. } => ((0..self.reads.len()).map(|input| input == 0).collect(), false),
            Work::Attention { .. } | Work::Recurrent { .. } => (all(true), true),
            Work::SoftCap(_) => (all(false), true),
            Work::Norm { .. } | Work::Activation(_) | Work::Gated(_) | Work::Mul | Work::Conv { .. } => {
                (all(true), false)
            }
            _ => (all(false), false),
        }
    }

    /// Buffers that it writes.
    pub fn buffers(&self) -> impl Iterator<Item = usize> {
        [self.out.buffer].into_iter().chain(self.kept).chain(self.scratch)
    }

    /// Parameters that it reads.
    pub fn parameters(&self, stacks: &[Stack]) -> Vec<usize> {
        match &self.work {
            Work::Embedding(tables) => tables.iter().map(|(_, table, _)| *table).collect(),
            Work::Linear { stack, .. } => {
                stacks[*stack].weights.iter().chain(&stacks[*stack].biases).copied().collect()
            }
            Work::Norm { weight, bias, .. } => weight.iter().chain(bias).copied().collect(),
            Work::RelativeBias { table, .. } => vec![*table],
            Work::Recurrent { weights, biases, .. } => {
                weights.iter().copied().chain(biases.iter().flatten().copied()).collect()
            }
            Work::Conv { weight, bias } => [*weight].into_iter().chain(*bias).collect(),
            _ => Vec::new(),
        }
    }

    /// Tells if it changes its input and has no other result.
    pub fn in_place(&self) -> bool {
        matches!(self.work, Work::Rotary(_) | Work::Dropout(_))
    }
}
