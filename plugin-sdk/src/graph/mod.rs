//! Mathematics as data: how a loss or a metric over tokens says what it computes.
//!
//! * [`Graph`] is what crosses the boundary: nodes, each with an op name, inputs and attributes.
//! * [`Builder`] and [`Expr`] make one, so that it reads like the formula.
//! * [`ops`] is the set of ops: shape rule, formula and derivative of each, in one table.
//! * [`check`] finds what is wrong with a graph, and the type of every node.

mod builder;
mod check;
pub mod ops;

pub use builder::{Builder, Expr};
pub use check::{MAX_NODES, Type, check};

/// One step of a computation. `inputs` are indices of earlier nodes, so a graph has no cycles.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// A name from the op set, see [`ops::OPS`].
    pub op: String,
    /// Earlier nodes.
    pub inputs: Vec<u32>,
    /// Constants, such as the exponent of `powf`.
    pub attributes: Vec<f64>,
}

/// A named quantity that a graph computes. Its value is sum / weight; the host adds up both over micro-batches and
/// machines and divides once, so that no way of splitting a batch changes the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The name in logs.
    pub name: String,
    /// A node of scalar type.
    pub sum: u32,
    /// A node of scalar type. No gradient flows through it.
    pub weight: u32,
}

/// What a loss or a metric over tokens computes.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// The version of the op set that the names are from.
    pub op_set: u32,
    /// In an order in which they can be computed.
    pub nodes: Vec<Node>,
    /// `outputs[0]` is the loss or the metric; the others are logged next to it.
    pub outputs: Vec<Output>,
}
