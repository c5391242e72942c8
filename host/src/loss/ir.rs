//! The compiler's own form of a graph: typed nodes, each distinct expression once.

use crate::rows::{Extent, RowInput};
use std::collections::{HashMap, HashSet};
use trainyard_plugin::graph::Type;

/// Index of a node in an [`Ir`]. Inputs always come before the node that uses them.
pub(super) type Id = usize;

/// A number that can be compared and hashed: by its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Number(u64);

impl Number {
    pub fn new(value: f64) -> Self {
        Self(value.to_bits())
    }

    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

/// What the host puts into a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Input {
    Logits,
    Step,
    /// A column of the batch.
    Row(RowInput),
    /// Logits that stopped values are computed from; no plugin can ask for them.
    HeldLogits,
    /// The caller's factor of the gradient.
    Scale,
}

/// Sizes that are known when a batch arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Size {
    Vocab,
    Rows,
    Sequences,
    /// One number per sequence.
    RowsOfSequence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Unary {
    Neg,
    Abs,
    /// -1, 0 or 1: the derivative of `Abs`.
    Sign,
    Exp,
    Log,
    Log1p,
    Expm1,
    Sqrt,
    Square,
    Reciprocal,
    Relu,
    Sigmoid,
    LogSigmoid,
    Softplus,
    Tanh,
    Powf(Number),
    Clamp(Number, Number),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Minimum,
    Maximum,
    Less,
    LessEqual,
    Equal,
    /// e^(x - y): what is left of softmax and log-sum-exp after lowering.
    ExpSub,
}

/// An operation. Softmax and log-sum-exp exist until they are lowered, after differentiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Op {
    Input(Input),
    Constant(Number),
    Size(Size),
    Unary(Unary),
    Binary(Binary),
    /// y where x is not 0, else z.
    Select,
    StopGradient,
    Softmax,
    /// e^(x - log_sum_exp(y)), where x `[row]` is an element of y: the softmax at an index.
    SoftmaxAt,
    LogSumExp,
    SumVocab,
    MaxVocab,
    Argmax,
    Gather,
    IndexEqual,
    SumRows,
    SumSequence,
    ExpandSequence,
    SumSequences,
}

/// One distinct expression. A value of a narrower type than its place needs stands for all the equal values there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub op: Op,
    pub inputs: Vec<Id>,
    pub ty: Type,
}

/// Expressions that share what they have in common.
#[derive(Debug, Default)]
pub(super) struct Ir {
    nodes: Vec<Node>,
    known: HashMap<(Op, Vec<Id>), Id>,
    /// Results of [`Ir::gather`], and what they are elements of.
    pub(super) gathered: HashMap<(Id, Id), Id>,
    pub(super) elements: HashSet<(Id, Id)>,
    /// Whether factors may be multiplied with each other first. Only in gradients: a value at an index and the same
    /// value in its row go different ways, and graphs compare them (`p < p[target]`), so forward they must be the same
    /// bits.
    pub(super) reassociates: bool,
}

impl Ir {
    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }

    pub fn ty(&self, id: Id) -> Type {
        self.nodes[id].ty
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The node of exactly this expression.
    pub fn intern(&mut self, op: Op, inputs: Vec<Id>) -> Id {
        let ty = result_type(op, inputs.iter().map(|&input| self.ty(input)));
        *self.known.entry((op, inputs)).or_insert_with_key(|(op, inputs)| {
            self.nodes.push(Node { op: *op, inputs: inputs.clone(), ty });
            self.nodes.len() - 1
        })
    }

    /// The value, if the node is a constant.
    pub fn constant_of(&self, id: Id) -> Option<f64> {
        match self.nodes[id].op {
            Op::Constant(value) => Some(value.get()),
            _ => None,
        }
    }

    /// Marks what `roots` need.
    pub fn reachable(&self, roots: impl IntoIterator<Item = Id>) -> Vec<bool> {
        let mut marked = vec![false; self.nodes.len()];
        for root in roots {
            marked[root] = true;
        }
        for id in (0..self.nodes.len()).rev() {
            if marked[id] {
                self.nodes[id].inputs.iter().for_each(|&input| marked[input] = true);
            }
        }
        marked
    }
}

fn result_type(op: Op, inputs: impl Iterator<Item = Type>) -> Type {
    match op {
        Op::Input(Input::Logits | Input::HeldLogits) => Type::Vocab,
        Op::Input(Input::Row(input)) => match input.info().extent {
            Extent::Batch => Type::Scalar,
            Extent::Row => Type::Row,
            Extent::Index => Type::Index,
            Extent::Vocab => Type::Vocab,
        },
        Op::Argmax => Type::Index,
        Op::Size(Size::RowsOfSequence) => Type::Sequence,
        Op::Input(Input::Step | Input::Scale) | Op::Constant(_) | Op::Size(_) => Type::Scalar,
        Op::Unary(_) | Op::Binary(_) | Op::Select | Op::StopGradient | Op::Softmax => {
            inputs.fold(Type::Scalar, |wide, ty| if width(ty) > width(wide) { ty } else { wide })
        }
        Op::SoftmaxAt | Op::LogSumExp | Op::SumVocab | Op::MaxVocab | Op::Gather | Op::IndexEqual => Type::Row,
        Op::ExpandSequence => Type::Row,
        Op::SumSequence => Type::Sequence,
        Op::SumRows | Op::SumSequences => Type::Scalar,
    }
}

/// Orders types by how much broadcasting leaves them as they are.
pub(super) fn width(ty: Type) -> u8 {
    match ty {
        Type::Scalar => 0,
        Type::Sequence => 1,
        Type::Row | Type::Index => 2,
        Type::Vocab => 3,
    }
}
