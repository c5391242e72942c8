//! Scalars and sequence values: few, so they are computed in 64 bits whatever the model's precision. Sums over rows run
//! in the order of the rows.

use super::ir::{Id, Input, Ir, Op, Size};
use super::math;
use super::run::{Shape, Values};
use crate::ops::Float;

/// A scalar or one number per sequence.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Small {
    Scalar(f64),
    Sequence(Vec<f64>),
}

impl Small {
    fn at(&self, i: usize) -> f64 {
        match self {
            Small::Scalar(value) => *value,
            Small::Sequence(values) => values[i],
        }
    }
}

/// The value of a small node; its inputs are in `values`.
pub(super) fn evaluate<T: Float>(ir: &Ir, id: Id, shape: &Shape, values: &Values<T>) -> Small {
    let node = ir.node(id);
    let input = |i: usize| values.small(node.inputs[i]);
    let rows = |i: usize| values.rows(node.inputs[i]).iter().map(|value| value.f64());
    match node.op {
        Op::Constant(value) => Small::Scalar(value.get()),
        Op::Input(Input::Scale) => Small::Scalar(shape.scale),
        Op::Input(Input::Step) => Small::Scalar(shape.step),
        Op::Size(Size::Vocab) => Small::Scalar(shape.vocab as f64),
        Op::Size(Size::Rows) => Small::Scalar(shape.rows as f64),
        Op::Size(Size::Sequences) => Small::Scalar(shape.groups.n() as f64),
        Op::Size(Size::RowsOfSequence) => Small::Sequence(shape.groups.rows().map(|rows| rows.len() as f64).collect()),
        Op::SumRows => Small::Scalar(rows(0).sum()),
        Op::SumSequences => Small::Scalar((0..shape.groups.n()).map(|i| input(0).at(i)).sum()),
        Op::SumSequence => {
            let values: Vec<f64> = rows(0).collect();
            Small::Sequence(shape.groups.rows().map(|rows| values[rows].iter().sum()).collect())
        }
        Op::Unary(op) => map(&[input(0)], |x| math::unary(op, x[0])),
        Op::Binary(op) => map(&[input(0), input(1)], |x| math::binary(op, x[0], x[1])),
        Op::Select => map(&[input(0), input(1), input(2)], |x| math::select(x[0], x[1], x[2])),
        // The other ops have rows for a result.
        _ => Small::Scalar(f64::NAN),
    }
}

fn map(inputs: &[&Small], op: impl Fn(&[f64]) -> f64) -> Small {
    let n_sequences = inputs.iter().find_map(|input| match input {
        Small::Sequence(values) => Some(values.len()),
        Small::Scalar(_) => None,
    });
    let at = |i: usize| op(&inputs.iter().map(|input| input.at(i)).collect::<Vec<_>>());
    match n_sequences {
        Some(n) => Small::Sequence((0..n).map(at).collect()),
        None => Small::Scalar(at(0)),
    }
}
