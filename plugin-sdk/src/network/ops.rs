//! The op set of networks, op by op.
//!
//! C stands for the columns of input 0. A space is `row` (tokens), `source` (tokens of an encoder) or `sequence`; a
//! result has the space of input 0 unless the line says otherwise.

use super::infer::{self, Site};
use super::values::Type;

/// The version of the op set that this table is: each has the ops of those before it.
pub const OP_SET: u32 = 2;

/// Type of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number from 0 on.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Flag,
    /// Text.
    Text,
    /// A list of numbers.
    Numbers,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Op {
    /// The name in a network.
    pub name: &'static str,
    /// Fewest and most inputs.
    pub inputs: (usize, usize),
    /// Fewest and most parameters.
    pub parameters: (usize, usize),
    /// Names and types of attributes.
    pub attributes: &'static [(&'static str, Kind)],
    /// Type of the result.
    pub infer: fn(&Site<'_>) -> Result<Type, String>,
    /// What it computes.
    pub formula: &'static str,
    /// The first set that has it.
    pub set: u32,
}

/// The row of an op, if the set has it.
pub fn find(name: &str) -> Option<&'static Op> {
    OPS.iter().find(|op| op.name == name)
}

const fn op(
    name: &'static str,
    inputs: (usize, usize),
    parameters: (usize, usize),
    attributes: &'static [(&'static str, Kind)],
    infer: fn(&Site<'_>) -> Result<Type, String>,
    formula: &'static str,
) -> Op {
    Op { name, inputs, parameters, attributes, infer, formula, set: 1 }
}

/// An op that a later set than the first brought.
const fn of_set(set: u32, op: Op) -> Op {
    Op { set, ..op }
}

use Kind::{Flag, Integer, Number, Numbers, Text};

const EPSILON: (&str, Kind) = ("epsilon", Number);
const REVERSE: (&str, Kind) = ("reverse", Flag);

/// Every op.
#[rustfmt::skip]
pub const OPS: &[Op] = &[
    // Inputs: the batch.
    op("input.ids", (0, 0), (0, 0), &[], infer::ids, "ids of the tokens that are read"),
    op("input.positions", (0, 0), (0, 0), &[], infer::ids, "position of each token in its document, from 0"),
    op("input.token_types", (0, 0), (0, 0), &[], infer::ids, "which part of a pair each token belongs to; 0 where the data says nothing"),
    op("input.source_ids", (0, 0), (0, 0), &[], infer::source_ids, "ids of the tokens that an encoder reads for a decoder"),
    op("input.source_positions", (0, 0), (0, 0), &[], infer::source_ids, "position of each source token, from 0"),
    // Layers with parameters.
    op("embedding", (1, 1), (1, 1), &[("offset", Integer)], infer::embedding, "table[index + offset]; table [n, C]"),
    op("linear", (1, 1), (1, 2), &[("layout", Text)], infer::linear, "x W + b; weight [out, in], or [in, out] where layout = \"in-out\"; bias [out]"),
    op("layer_norm", (1, 1), (0, 2), &[EPSILON], infer::norm, "(x - mean) / √(variance + epsilon) · weight + bias, per row or per chunk of a row as wide as weight"),
    op("rms_norm", (1, 1), (0, 1), &[EPSILON, ("offset", Number)], infer::norm, "x / √(mean(x²) + epsilon) · (weight + offset), per row or per chunk of a row as wide as weight"),
    op("relative_bias", (0, 0), (1, 1), &[("bidirectional", Flag), ("max_distance", Integer)], infer::relative_bias, "table[bucket(key position - query position)] of T5; table [buckets, heads]"),
    op("rnn", (1, 1), (2, 4), &[REVERSE, ("activation", Text)], infer::rnn, "h = tanh(x W + h U + b + c), or relu; weights [H, C], [H, H], biases [H]; begins at 0 in each document"),
    op("gru", (1, 1), (2, 4), &[REVERSE], infer::gru, "gated recurrent unit; weights [3 H, C], [3 H, H], biases [3 H], in PyTorch's order r, z, n"),
    op("lstm", (1, 1), (2, 4), &[REVERSE], infer::lstm, "long short-term memory; weights [4 H, C], [4 H, H], biases [4 H], in PyTorch's order i, f, g, o"),
    op("conv", (1, 1), (1, 2), &[], infer::conv, "Σ over taps weight[c, t] · x[row - taps + 1 + t, c] + bias, within the document; weight [C, taps], bias [C]"),
    // Between positions.
    op("rotary", (1, 1), (0, 0), &[("head_width", Integer), ("theta", Number), ("frequencies", Numbers), ("rotary_width", Integer), ("factor", Number), ("interleaved", Flag)], infer::rotary, "pairs of columns of each head turned by position · frequency"),
    op("attention", (3, 4), (0, 0), &[("heads", Integer), ("kv_heads", Integer), ("span", Text), ("window", Integer), ("scale", Number), ("soft_cap", Number), ("dropout", Number)], infer::attention, "softmax(q kᵀ · scale + bias) v per head; span \"causal\", \"full\" or \"window\""),
    op("shift", (1, 1), (0, 0), &[("by", Integer)], infer::in_order, "x[row - by], 0 before the document"),
    op("pool", (1, 1), (0, 0), &[("kind", Text)], infer::pool, "first, last or mean row of each sequence: [sequence, C]"),
    of_set(2, op("bag", (1, 1), (0, 0), &[("columns", Integer)], infer::bag, "how often each number below columns is the index of one of the sequence's tokens, each counted with its weight, which is 1 where the data gives none: [sequence, columns]")),
    op("expand", (1, 1), (0, 0), &[], infer::expand, "the sequence's row for each of its tokens: [row, C]"),
    // Column by column.
    op("gelu", (1, 1), (0, 0), &[("form", Text)], infer::gelu, "x Φ(x), by erf or its approximation by tanh"),
    op("relu", (1, 1), (0, 0), &[], infer::map, "max(x, 0)"),
    op("silu", (1, 1), (0, 0), &[], infer::map, "x σ(x)"),
    op("tanh", (1, 1), (0, 0), &[], infer::map, "tanh(x)"),
    op("sigmoid", (1, 1), (0, 0), &[], infer::map, "σ(x) = 1 / (1 + e^-x)"),
    op("add", (2, 2), (0, 0), &[], infer::pair, "x + y"),
    op("mul", (2, 2), (0, 0), &[], infer::pair, "x · y"),
    op("scale", (1, 1), (0, 0), &[("factor", Number)], infer::scale, "x · factor"),
    op("soft_cap", (1, 1), (0, 0), &[("cap", Number)], infer::soft_cap, "cap · tanh(x / cap)"),
    op("dropout", (1, 1), (0, 0), &[("rate", Number)], infer::dropout, "while training 0 with probability rate, else x / (1 - rate)"),
    op("concat", (2, 64), (0, 0), &[], infer::concat, "columns of all inputs side by side"),
    op("slice", (1, 1), (0, 0), &[("first", Integer), ("width", Integer)], infer::slice, "columns first to first + width"),
];
