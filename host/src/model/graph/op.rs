//! Ops with typed attributes.

use crate::ops::activation::Activation;
use crate::ops::attention::Span;
use crate::ops::linear::Layout;
use crate::ops::pooling::Pool;
use crate::ops::recurrent;
use trainyard_plugin::network::Type;

/// One operation of a network.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it computes.
    pub op: Op,
    /// Earlier nodes.
    pub inputs: Vec<usize>,
    /// Type of its value.
    pub ty: Type,
    /// Where it is in the model, for messages.
    pub scope: String,
    /// The block that it belongs to.
    pub block: Option<usize>,
}

/// Whole numbers of a batch, one per row of a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// Ids of the tokens that are read.
    Ids,
    /// Their positions.
    Positions,
    /// Parts of a pair.
    TokenTypes,
    /// Ids of an encoder's tokens.
    SourceIds,
    /// Their positions.
    SourcePositions,
}

/// A norm of rows, or of chunks of a row as wide as its weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Norm {
    /// Layer norm.
    Layer,
    /// Root-mean-square norm, times weight + this.
    Rms(f64),
}

/// Rotary positions.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotary {
    /// Columns of a head.
    pub head_width: usize,
    /// Columns of a head that are turned.
    pub rotary_width: usize,
    /// Base of the angles, where they are plain.
    pub theta: f64,
    /// Angle per position of each pair, where they are not.
    pub frequencies: Option<Vec<f64>>,
    /// Multiplies cosines and sines.
    pub factor: f64,
    /// Whether neighbouring columns are a pair.
    pub interleaved: bool,
}

/// An operation; numbers are those of parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// A column of the batch.
    Index(Index),
    /// table[index + offset]
    Embedding { table: usize, offset: u32 },
    /// x W + b
    Linear { weight: usize, bias: Option<usize>, layout: Layout },
    /// Normalised rows.
    Norm { norm: Norm, weight: Option<usize>, bias: Option<usize>, epsilon: f64 },
    /// Heads turned by their positions.
    Rotary(Rotary),
    /// softmax(q kᵀ · scale + bias) v
    Attention {
        heads: usize,
        kv_heads: usize,
        span: Span,
        /// None is 1/√d.
        scale: Option<f64>,
        soft_cap: Option<f64>,
        dropout: f64,
    },
    /// T5's bias by distance.
    RelativeBias { table: usize, bidirectional: bool, max_distance: usize },
    /// A function of each number.
    Activation(Activation),
    /// x + y
    Add,
    /// x · y
    Mul,
    /// x · factor
    Scale(f64),
    /// cap · tanh(x / cap)
    SoftCap(f64),
    /// 0 with this probability while training.
    Dropout(f64),
    /// Columns side by side.
    Concat,
    /// Columns from this one on.
    Slice(usize),
    /// A recurrent layer.
    Recurrent {
        kind: recurrent::Kind,
        /// The one of the input, and the one of the state.
        weights: [usize; 2],
        biases: [Option<usize>; 2],
        reverse: bool,
    },
    /// Causal depthwise convolution.
    Conv { weight: usize, bias: Option<usize> },
    /// The row this many positions before.
    Shift(usize),
    /// One row of each sequence.
    Pool(Pool),
    /// How often each index is in each sequence.
    Bag,
    /// The sequence's row for each token.
    Expand,
}

impl Op {
    /// Parameters that it reads, in order.
    pub fn parameters(&self) -> Vec<usize> {
        match self {
            Self::Embedding { table, .. } | Self::RelativeBias { table, .. } => vec![*table],
            Self::Linear { weight, bias, .. } | Self::Conv { weight, bias } => {
                [*weight].into_iter().chain(*bias).collect()
            }
            Self::Norm { weight, bias, .. } => weight.iter().chain(bias).copied().collect(),
            Self::Recurrent { weights, biases, .. } => {
                weights.iter().copied().chain(biases.iter().flatten().copied()).collect()
            }
            _ => Vec::new(),
        }
    }
}
