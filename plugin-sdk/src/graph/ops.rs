//! The op set, op by op.
//!
//! Types: `scalar`; `row` (one value per predicted token); `vocab` (row × vocabulary); `sequence` (one value per sequence
//! of the batch); `index` (one whole number per row). Elementwise ops with two or three inputs broadcast `scalar` to
//! anything and `row` along the vocabulary; nothing else broadcasts (`expand_sequence` says so where it is wanted).
//!
//! In the formulas x, y, z are the inputs, a, b the attributes, r the result, and `dx += …` is what the gradient `dr` of the
//! result adds to the gradient of x (summed over the broadcast dimension). Comparisons, `argmax`, `stop_gradient` and inputs
//! other than the model's outputs have no derivative.

/// The version of the op set that this table is: each has the ops of those before it.
pub const OP_SET: u32 = 2;

/// How the type of a result follows from the types of the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// No inputs, a scalar.
    Scalar,
    /// No inputs, one value per row.
    Row,
    /// No inputs, one whole number per row.
    Index,
    /// No inputs, row × vocabulary.
    Vocab,
    /// The broadcast type of all inputs; `index` is not a number and not allowed.
    Elementwise,
    /// vocab → vocab.
    VocabMap,
    /// vocab → row.
    VocabReduce,
    /// vocab → index.
    VocabIndex,
    /// vocab, index → row.
    Gather,
    /// index, index → row.
    IndexCompare,
    /// row → scalar.
    SumRows,
    /// row → sequence.
    SumSequence,
    /// sequence → row.
    ExpandSequence,
    /// sequence → scalar.
    SumSequences,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Op {
    /// The name in a graph.
    pub name: &'static str,
    /// Number of inputs.
    pub n_inputs: usize,
    /// Number of attributes.
    pub n_attributes: usize,
    /// Type of the result.
    pub rule: Rule,
    /// What it computes.
    pub formula: &'static str,
    /// What its gradient adds to the gradients of its inputs; empty when it has none.
    pub derivative: &'static str,
    /// The first set that has it.
    pub set: u32,
}

/// The row of an op, if the set has it.
pub fn find(name: &str) -> Option<&'static Op> {
    OPS.iter().find(|op| op.name == name)
}

const fn op(
    name: &'static str,
    n_inputs: usize,
    n_attributes: usize,
    rule: Rule,
    formula: &'static str,
    derivative: &'static str,
) -> Op {
    Op { name, n_inputs, n_attributes, rule, formula, derivative, set: 1 }
}

/// An op that a later set than the first brought.
const fn of_set(set: u32, op: Op) -> Op {
    Op { set, ..op }
}

/// The first set that has all ops of these names: what a graph says that it needs.
pub fn set_of<'a>(names: impl Iterator<Item = &'a str>) -> u32 {
    names.filter_map(find).map(|op| op.set).max().unwrap_or(1)
}

use Rule::{
    Elementwise, ExpandSequence, Gather, Index, IndexCompare, Row, Scalar, SumRows, SumSequence, SumSequences, Vocab,
    VocabIndex, VocabMap, VocabReduce,
};

/// Every op.
#[rustfmt::skip]
pub const OPS: &[Op] = &[
    // Inputs: the host computes only those that a graph asks for.
    op("input.logits",           0, 0, Vocab,  "the model's output before softmax", "the model"),
    op("input.teacher_logits",   0, 0, Vocab,  "the output of a frozen teacher model", ""),
    op("input.target",           0, 0, Index,  "id of the token to predict", ""),
    op("input.weight",           0, 0, Row,    "1 where the row counts, 0 where it is padding or masked", ""),
    op("input.target_bytes",     0, 0, Row,    "number of bytes that the target token stands for, 0 for special tokens", ""),
    op("input.position",         0, 0, Row,    "position of the row in its sequence, from 0", ""),
    op("input.reference_logp",   0, 0, Row,    "log-probability of the target under a frozen reference model", ""),
    op("input.old_logp",         0, 0, Row,    "log-probability of the target when the text was sampled", ""),
    op("input.advantage",        0, 0, Row,    "advantage of the target token, for policy gradients", ""),
    op("input.step",             0, 0, Scalar, "number of the optimizer step, from 0", ""),
    of_set(2, op("input.targets", 0, 0, Vocab, "what each logit is to predict: 1 or 0 for a label that a document has or not, or a number", "")),
    // Constants.
    op("constant",               0, 1, Scalar, "a", ""),
    // Elementwise, one input.
    op("neg",                    1, 0, Elementwise, "-x", "dx += -dr"),
    op("abs",                    1, 0, Elementwise, "|x|", "dx += dr sign(x), 0 at 0"),
    op("exp",                    1, 0, Elementwise, "e^x", "dx += dr r"),
    op("log",                    1, 0, Elementwise, "ln x", "dx += dr / x"),
    op("log1p",                  1, 0, Elementwise, "ln(1 + x)", "dx += dr / (1 + x)"),
    op("expm1",                  1, 0, Elementwise, "e^x - 1", "dx += dr (r + 1)"),
    op("sqrt",                   1, 0, Elementwise, "x^(1/2)", "dx += dr / (2 r)"),
    op("square",                 1, 0, Elementwise, "x^2", "dx += 2 dr x"),
    op("reciprocal",             1, 0, Elementwise, "1 / x", "dx += -dr r^2"),
    op("relu",                   1, 0, Elementwise, "max(x, 0)", "dx += dr where x > 0"),
    op("sigmoid",                1, 0, Elementwise, "1 / (1 + e^-x)", "dx += dr r (1 - r)"),
    op("log_sigmoid",            1, 0, Elementwise, "-ln(1 + e^-x)", "dx += dr (1 - e^r)"),
    op("softplus",               1, 0, Elementwise, "ln(1 + e^x)", "dx += dr / (1 + e^-x)"),
    op("tanh",                   1, 0, Elementwise, "tanh x", "dx += dr (1 - r^2)"),
    op("powf",                   1, 1, Elementwise, "x^a; 0^0 is 1", "dx += dr a x^(a-1), 0 when a is 0"),
    op("clamp",                  1, 2, Elementwise, "min(max(x, a), b)", "dx += dr where a <= x <= b"),
    op("stop_gradient",          1, 0, Elementwise, "x", ""),
    // Elementwise, two inputs.
    op("add",                    2, 0, Elementwise, "x + y", "dx += dr; dy += dr"),
    op("sub",                    2, 0, Elementwise, "x - y", "dx += dr; dy += -dr"),
    op("mul",                    2, 0, Elementwise, "x y", "dx += dr y; dy += dr x"),
    op("div",                    2, 0, Elementwise, "x / y", "dx += dr / y; dy += -dr r / y"),
    op("minimum",                2, 0, Elementwise, "min(x, y)", "dx += dr where x <= y; dy += dr where x > y"),
    op("maximum",                2, 0, Elementwise, "max(x, y)", "dx += dr where x >= y; dy += dr where x < y"),
    op("less",                   2, 0, Elementwise, "1 where x < y, else 0", ""),
    op("less_equal",             2, 0, Elementwise, "1 where x <= y, else 0", ""),
    op("equal",                  2, 0, Elementwise, "1 where x = y, else 0", ""),
    // Elementwise, three inputs.
    op("select",                 3, 0, Elementwise, "y where x is not 0, else z", "dy += dr where x is not 0; dz += dr where x is 0"),
    // Along the vocabulary.
    op("log_softmax",            1, 0, VocabMap,    "x - ln sum e^x", "dx += dr - e^r sum dr"),
    op("softmax",                1, 0, VocabMap,    "e^x / sum e^x", "dx += r (dr - sum dr r)"),
    op("log_sum_exp",            1, 0, VocabReduce, "ln sum e^x", "dx += dr softmax(x)"),
    op("sum_vocab",              1, 0, VocabReduce, "sum x", "dx += dr"),
    op("mean_vocab",             1, 0, VocabReduce, "sum x / vocabulary size", "dx += dr / vocabulary size"),
    op("max_vocab",              1, 0, VocabReduce, "max x", "dx += dr at the first largest x"),
    op("argmax",                 1, 0, VocabIndex,  "index of the first largest x", ""),
    op("gather",                 2, 0, Gather,      "x[y]", "dx[y] += dr"),
    op("index_equal",            2, 0, IndexCompare, "1 where x = y, else 0", ""),
    // Across rows and sequences.
    op("sum_rows",               1, 0, SumRows,        "sum over all rows of x", "dx += dr"),
    op("sum_sequence",           1, 0, SumSequence,    "sum of x over the rows of each sequence", "dx += dr of the row's sequence"),
    op("expand_sequence",        1, 0, ExpandSequence, "x of the row's sequence", "dx += sum of dr over the rows of the sequence"),
    op("sum_sequences",          1, 0, SumSequences,   "sum over all sequences of x", "dx += dr"),
];
