//! Work of a network, counted from its graph.

use super::graph::{Graph, Node, Op};
use crate::ops::attention::Span;

/// Floating-point operations of forward and backward per token: 6 per weight that a row is multiplied by, and 12 per
/// key that a query attends to and column of its heads, where half of the context is seen by causal attention
/// (Chowdhery et al., PaLM, appendix B, halved for the mask). What recomputation adds is not counted: it is the work
/// of the model, not of the program.
pub fn per_token(graph: &Graph, context: usize) -> f64 {
    let mut sum = 0.0;
    for node in &graph.nodes {
        sum += of_node(graph, node, context);
    }
    sum
}

/// The same of one node.
pub fn of_node(graph: &Graph, node: &Node, context: usize) -> f64 {
    let elements =
        |parameter: usize| graph.parameters[parameter].shape.iter().map(|&size| f64::from(size)).product::<f64>();
    match &node.op {
        Op::Linear { weight, .. } | Op::Conv { weight, .. } => 6.0 * elements(*weight),
        Op::Recurrent { weights, .. } => 6.0 * weights.iter().map(|&weight| elements(weight)).sum::<f64>(),
        Op::Attention { span, .. } => {
            let seen = match span {
                Span::Causal => context as f64 / 2.0,
                Span::Full => context as f64,
                Span::Window(window) => (*window.min(&context)) as f64,
            };
            12.0 * f64::from(node.ty.columns()) * seen
        }
        _ => 0.0,
    }
}
