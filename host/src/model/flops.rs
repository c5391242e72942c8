//! Work of a network, counted from its graph.

use super::graph::{Graph, Node, Op};
use crate::ops::attention::Span;
use trainyard_plugin::network::{Space, Type};

/// Floating-point operations of forward and backward per token: three times those of a forward. What recomputation
/// adds is not counted: it is the work of the model, not of the program.
pub fn per_token(graph: &Graph, context: usize) -> f64 {
    3.0 * forward_per_token(graph, context)
}

/// Floating-point operations of a forward pass per token, for sequences of `context` tokens: 2 per weight that a row is
/// multiplied by, and 4 per key that a query attends to and column of its heads, where causal attention sees half of
/// the context (Chowdhery et al., PaLM, appendix B, halved for the mask). Of an encoder and a decoder, one token of
/// each is counted.
pub fn forward_per_token(graph: &Graph, context: usize) -> f64 {
    let context = context as f64;
    graph.nodes.iter().map(|node| of_row(graph, node, context) / tokens_per_row(node, context)).sum()
}

/// Tokens for each row of a node's value.
fn tokens_per_row(node: &Node, context: f64) -> f64 {
    match node.ty {
        Type::Matrix { space: Space::Sequence, .. } => context.max(1.0),
        _ => 1.0,
    }
}

/// Floating-point operations of a product with a parameter, per row: 2 per weight.
pub fn of_weight(graph: &Graph, parameter: usize) -> f64 {
    2.0 * graph.parameters[parameter].shape.iter().map(|&size| f64::from(size)).product::<f64>()
}

/// Floating-point operations of a node, per row of its value.
pub fn of_row(graph: &Graph, node: &Node, context: f64) -> f64 {
    match &node.op {
        Op::Linear { weight, .. } | Op::Conv { weight, .. } => of_weight(graph, *weight),
        Op::Recurrent { weights, .. } => weights.iter().map(|&weight| of_weight(graph, weight)).sum(),
        Op::Attention { span, .. } => {
            let seen = match span {
                Span::Causal => context / 2.0,
                Span::Full => context,
                Span::Window(window) => (*window as f64).min(context / 2.0),
            };
            4.0 * f64::from(node.ty.columns()) * seen
        }
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::network::{Attention, Linear, Net, Pool};

    #[test]
    fn products_and_attention_are_counted() {
        let g = Net::new();
        let x = g.embedding("e", g.ids(), 50, 8);
        let q = g.linear("q", x, 8, Linear::PLAIN);
        let x = q.attend(x, x, &Attention::causal(2));
        let x = x + q.attend(x, x, &Attention::full(2));
        g.head("logits", g.linear("c", x.pool(Pool::Mean), 3, Linear::BIAS));
        let network = g.network().expect("a network");
        let graph = Graph::new(&network).expect("well typed");
        // q: 2 · 8 · 8; attention: 4 · 8 · 16 / 2 and 4 · 8 · 16; c: 2 · 8 · 3 once per 16 tokens
        assert_eq!(forward_per_token(&graph, 16), 128.0 + 256.0 + 512.0 + 3.0);
    }
}
