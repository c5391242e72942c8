//! Finds what is wrong with a graph before anything runs.

use super::{
    Graph, Node,
    ops::{self, OP_SET, Op, Rule},
};
use crate::nearest::nearest;
use crate::{PluginError, Result};
use std::fmt;

/// The type of a node's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// One number.
    Scalar,
    /// One number per sequence of the batch.
    Sequence,
    /// One number per predicted token.
    Row,
    /// One number per predicted token and vocabulary entry.
    Vocab,
    /// One whole number per predicted token.
    Index,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Scalar => "scalar",
            Type::Sequence => "sequence",
            Type::Row => "row",
            Type::Vocab => "vocab",
            Type::Index => "index",
        })
    }
}

/// A graph may not have more nodes than this: a limit on what a plugin can make the host compute.
pub const MAX_NODES: usize = 4096;

/// A longer name is compared with no op and shown in part: comparing takes time that grows with its length.
const MAX_NAME_BYTES: usize = 100;

/// The type of every node, or the first thing that is wrong: an op that the set does not have, a cycle, a wrong number
/// of inputs or attributes, an attribute that is not finite, a type that an op does not take, outputs that are no
/// scalars.
///
/// # Errors
/// The first node or output that is wrong.
pub fn check(graph: &Graph) -> Result<Vec<Type>> {
    if graph.op_set == 0 || graph.op_set > OP_SET {
        return Err(wrong(format!(
            "the graph uses op set {}, this host has sets 1 to {OP_SET}; use a newer trainyard, or the ops of set {OP_SET}",
            graph.op_set
        )));
    }
    if graph.nodes.len() > MAX_NODES {
        return Err(wrong(format!("the graph has {} nodes, at most {MAX_NODES} are allowed", graph.nodes.len())));
    }
    let mut types = Vec::with_capacity(graph.nodes.len());
    for (id, node) in graph.nodes.iter().enumerate() {
        let result = check_node(node, id, &types).map_err(|error| wrong(format!("node {id}: {}", error.message)))?;
        types.push(result);
    }
    if graph.outputs.is_empty() {
        return Err(wrong("the graph has no outputs, expected at least one"));
    }
    for output in &graph.outputs {
        for (role, id) in [("sum", output.sum), ("weight", output.weight)] {
            match types.get(id as usize) {
                Some(Type::Scalar) => {}
                Some(other) => {
                    return Err(wrong(format!("{role} of output {:?} is a {other}, expected a scalar", output.name)));
                }
                None => {
                    return Err(wrong(format!(
                        "{role} of output {:?} is node {id}, which does not exist",
                        output.name
                    )));
                }
            }
        }
    }
    Ok(types)
}

fn check_node(node: &Node, id: usize, types: &[Type]) -> Result<Type> {
    let op = ops::find(&node.op).ok_or_else(|| unknown_op(&node.op))?;
    if node.inputs.len() != op.n_inputs {
        return Err(wrong(format!("op {:?} takes {} inputs, got {}", op.name, op.n_inputs, node.inputs.len())));
    }
    if node.attributes.len() != op.n_attributes {
        return Err(wrong(format!(
            "op {:?} takes {} attributes, got {}",
            op.name,
            op.n_attributes,
            node.attributes.len()
        )));
    }
    if let Some(value) = node.attributes.iter().find(|value| !value.is_finite()) {
        return Err(wrong(format!("op {:?} has attribute {value}, expected a finite number", op.name)));
    }
    let mut inputs = Vec::with_capacity(node.inputs.len());
    for &input in &node.inputs {
        let input_type = types.get(input as usize).ok_or_else(|| {
            wrong(format!("op {:?} uses node {input}, expected a node before {id} (a graph has no cycles)", op.name))
        })?;
        inputs.push(*input_type);
    }
    result_type(op, &inputs).ok_or_else(|| {
        let got: Vec<_> = inputs.iter().map(Type::to_string).collect();
        wrong(format!("op {:?} does not take ({}), its rule is {:?}", op.name, got.join(", "), op.rule))
    })
}

fn result_type(op: &Op, inputs: &[Type]) -> Option<Type> {
    match (op.rule, inputs) {
        (Rule::Scalar, []) => Some(Type::Scalar),
        (Rule::Row, []) => Some(Type::Row),
        (Rule::Index, []) => Some(Type::Index),
        (Rule::Vocab, []) => Some(Type::Vocab),
        (Rule::Elementwise, inputs) => inputs.iter().copied().try_fold(Type::Scalar, broadcast),
        (Rule::VocabMap, [Type::Vocab]) => Some(Type::Vocab),
        (Rule::VocabReduce, [Type::Vocab]) => Some(Type::Row),
        (Rule::VocabIndex, [Type::Vocab]) => Some(Type::Index),
        (Rule::Gather, [Type::Vocab, Type::Index]) => Some(Type::Row),
        (Rule::IndexCompare, [Type::Index, Type::Index]) => Some(Type::Row),
        (Rule::SumRows, [Type::Row]) => Some(Type::Scalar),
        (Rule::SumSequence, [Type::Row]) => Some(Type::Sequence),
        (Rule::ExpandSequence, [Type::Sequence]) => Some(Type::Row),
        (Rule::SumSequences, [Type::Sequence]) => Some(Type::Scalar),
        _ => None,
    }
}

fn broadcast(left: Type, right: Type) -> Option<Type> {
    match (left, right) {
        (Type::Index, _) | (_, Type::Index) => None,
        (left, right) if left == right => Some(left),
        (Type::Scalar, other) | (other, Type::Scalar) => Some(other),
        (Type::Row, Type::Vocab) | (Type::Vocab, Type::Row) => Some(Type::Vocab),
        _ => None,
    }
}

fn unknown_op(name: &str) -> PluginError {
    if name.len() > MAX_NAME_BYTES {
        let start: String = name.chars().take(20).collect();
        return wrong(format!("op {start:?}… of {} bytes is not in op set {OP_SET}", name.len()));
    }
    let hint = nearest(name, ops::OPS.iter().map(|op| op.name));
    wrong(format!("op {name:?} is not in op set {OP_SET}{hint}"))
}

fn wrong(message: impl Into<String>) -> PluginError {
    PluginError::internal(message)
}
