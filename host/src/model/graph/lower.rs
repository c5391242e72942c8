//! Layers of a checked network as nodes.

use super::op::{Index, Node, Norm, Op, Rotary};
use crate::ops::activation::Activation;
use crate::ops::attention::Span;
use crate::ops::linear::Layout;
use crate::ops::pooling::Pool;
use crate::ops::recurrent::Kind;
use trainyard_plugin::network::{Attributes, Layer, Network, Type};

/// A layer of a network in which [`trainyard_plugin::network::check`] found nothing wrong.
pub(super) fn node(network: &Network, layer: &Layer, ty: Type) -> Node {
    let block = network.blocks.iter().rposition(|block| contains(block, &layer.scope));
    let inputs = layer.inputs.iter().map(|&input| input as usize).collect();
    Node { op: op(layer), inputs, ty, scope: layer.scope.clone(), block }
}

fn contains(block: &str, scope: &str) -> bool {
    scope.strip_prefix(block).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn op(layer: &Layer) -> Op {
    let attributes = Attributes(&layer.attributes);
    let parameter = |index: usize| layer.parameters.get(index).map(|&parameter| parameter as usize);
    let first = parameter(0).unwrap_or(0);
    match layer.op.as_str() {
        "input.ids" => Op::Index(Index::Ids),
        "input.positions" => Op::Index(Index::Positions),
        "input.token_types" => Op::Index(Index::TokenTypes),
        "input.source_ids" => Op::Index(Index::SourceIds),
        "input.source_positions" => Op::Index(Index::SourcePositions),
        "embedding" => Op::Embedding { table: first, offset: attributes.integer("offset").unwrap_or(0) },
        "linear" => {
            let in_out = attributes.text("layout") == Some("in-out");
            Op::Linear { weight: first, bias: parameter(1), layout: if in_out { Layout::InOut } else { Layout::OutIn } }
        }
        "layer_norm" => norm(Norm::Layer, parameter, attributes),
        "rms_norm" => norm(Norm::Rms(attributes.number("offset").unwrap_or(0.0)), parameter, attributes),
        "relative_bias" => Op::RelativeBias {
            table: first,
            bidirectional: attributes.flag("bidirectional"),
            max_distance: attributes.integer("max_distance").unwrap_or(0) as usize,
        },
        "rotary" => Op::Rotary(rotary(attributes)),
        "attention" => attention(attributes),
        "rnn" if attributes.text("activation") == Some("relu") => recurrent(Kind::Relu, layer, attributes),
        "rnn" => recurrent(Kind::Tanh, layer, attributes),
        "gru" => recurrent(Kind::Gru, layer, attributes),
        "lstm" => recurrent(Kind::Lstm, layer, attributes),
        "conv" => Op::Conv { weight: first, bias: parameter(1) },
        "shift" => Op::Shift(attributes.integer("by").unwrap_or(1) as usize),
        "pool" => Op::Pool(match attributes.text("kind") {
            Some("last") => Pool::Last,
            Some("mean") => Pool::Mean,
            _ => Pool::First,
        }),
        "bag" => Op::Bag,
        "expand" => Op::Expand,
        "add" => Op::Add,
        "mul" => Op::Mul,
        "scale" => Op::Scale(attributes.number("factor").unwrap_or(1.0)),
        "soft_cap" => Op::SoftCap(attributes.number("cap").unwrap_or(1.0)),
        "dropout" => Op::Dropout(attributes.number("rate").unwrap_or(0.0)),
        "concat" => Op::Concat,
        "slice" => Op::Slice(attributes.integer("first").unwrap_or(0) as usize),
        name => Op::Activation(activation(name, attributes)),
    }
}

fn activation(name: &str, attributes: Attributes<'_>) -> Activation {
    match name {
        "relu" => Activation::Relu,
        "silu" => Activation::Silu,
        "tanh" => Activation::Tanh,
        "sigmoid" => Activation::Sigmoid,
        _ if attributes.text("form") == Some("tanh") => Activation::GeluTanh,
        _ => Activation::GeluErf,
    }
}

fn norm(norm: Norm, parameter: impl Fn(usize) -> Option<usize>, attributes: Attributes<'_>) -> Op {
    let epsilon = attributes.number("epsilon").unwrap_or(0.0);
    Op::Norm { norm, weight: parameter(0), bias: parameter(1), epsilon }
}

fn rotary(attributes: Attributes<'_>) -> Rotary {
    let head_width = attributes.integer("head_width").unwrap_or(0) as usize;
    Rotary {
        head_width,
        rotary_width: attributes.integer("rotary_width").map_or(head_width, |width| width as usize),
        theta: attributes.number("theta").unwrap_or(10_000.0),
        frequencies: attributes.numbers("frequencies").map(<[f64]>::to_vec),
        factor: attributes.number("factor").unwrap_or(1.0),
        interleaved: attributes.flag("interleaved"),
    }
}

fn attention(attributes: Attributes<'_>) -> Op {
    let heads = attributes.integer("heads").unwrap_or(1) as usize;
    Op::Attention {
        heads,
        kv_heads: attributes.integer("kv_heads").map_or(heads, |heads| heads as usize),
        span: match attributes.text("span") {
            Some("full") => Span::Full,
            Some("window") => Span::Window(attributes.integer("window").unwrap_or(1) as usize),
            _ => Span::Causal,
        },
        scale: attributes.number("scale"),
        soft_cap: attributes.number("soft_cap").filter(|cap| *cap > 0.0),
        dropout: attributes.number("dropout").unwrap_or(0.0),
    }
}

fn recurrent(kind: Kind, layer: &Layer, attributes: Attributes<'_>) -> Op {
    let parameter = |index: usize| layer.parameters.get(index).map(|&parameter| parameter as usize);
    Op::Recurrent {
        kind,
        weights: [parameter(0).unwrap_or(0), parameter(1).unwrap_or(0)],
        biases: [parameter(2), parameter(3)],
        reverse: attributes.flag("reverse"),
    }
}
