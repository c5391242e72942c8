//! Takes apart what must be one node for differentiation: softmax and log-sum-exp become maximum, exponentials and
//! their sum, each computed once and shared by forward and backward. Leaves behind what nothing needs.

use super::gradient::Gradient;
use super::import::Output;
use super::ir::{Binary, Id, Ir, Op, Unary};

/// What a program computes: the roots of its nodes.
#[derive(Debug, Clone)]
pub(super) struct Roots {
    pub outputs: Vec<Output>,
    pub gradient: Gradient,
}

impl Roots {
    pub fn ids(&self) -> impl Iterator<Item = Id> {
        self.outputs.iter().flat_map(|output| [output.sum, output.weight]).chain(self.gradient.roots())
    }
}

/// A new graph with only the nodes that `roots` need, and the roots in it. Nodes from `n_forward` on belong to the
/// gradient.
pub(super) fn lower(ir: &Ir, roots: &Roots, n_forward: usize) -> (Ir, Roots) {
    let needed = ir.reachable(roots.ids());
    let mut lowered = Ir::default();
    let mut places: Vec<Id> = vec![0; ir.len()];
    for id in (0..ir.len()).filter(|&id| needed[id]) {
        lowered.reassociates = id >= n_forward;
        places[id] = lower_node(ir, id, &mut lowered, &places);
    }
    let output =
        |output: &Output| Output { name: output.name.clone(), sum: places[output.sum], weight: places[output.weight] };
    let at = roots.gradient.at.iter().map(|&(index, value)| (places[index], places[value]));
    let roots = Roots {
        outputs: roots.outputs.iter().map(output).collect(),
        gradient: Gradient { dense: roots.gradient.dense.map(|id| places[id]), at: at.collect() },
    };
    (lowered, roots)
}

fn lower_node(ir: &Ir, id: Id, lowered: &mut Ir, places: &[Id]) -> Id {
    let node = ir.node(id);
    let inputs: Vec<_> = node.inputs.iter().map(|&input| places[input]).collect();
    match (node.op, inputs.as_slice()) {
        (Op::StopGradient, &[x]) => x,
        (Op::Softmax, &[x]) => {
            let exponentials = Exponentials::of(lowered, x);
            let factor = lowered.unary(Unary::Reciprocal, exponentials.sum);
            lowered.binary(Binary::Mul, exponentials.each, factor)
        }
        (Op::SoftmaxAt, &[x, wide]) => {
            let exponentials = Exponentials::of(lowered, wide);
            let each = lowered.binary(Binary::ExpSub, x, exponentials.max);
            let factor = lowered.unary(Unary::Reciprocal, exponentials.sum);
            lowered.binary(Binary::Mul, each, factor)
        }
        (Op::LogSumExp, &[x]) => {
            let exponentials = Exponentials::of(lowered, x);
            let log = lowered.unary(Unary::Log, exponentials.sum);
            lowered.binary(Binary::Add, log, exponentials.max)
        }
        // x - log_sum_exp(y) as (x - max y) - ln sum: a small loss keeps its digits where logits are large.
        (Op::Binary(Binary::Sub), &[x, y]) => {
            let parts = |input: usize| {
                let node = ir.node(node.inputs[input]);
                (node.op == Op::LogSumExp).then(|| places[node.inputs[0]])
            };
            match (parts(0), parts(1)) {
                (None, Some(wide)) => minus_log_sum_exp(lowered, x, wide),
                (Some(wide), None) => {
                    let difference = minus_log_sum_exp(lowered, y, wide);
                    lowered.unary(Unary::Neg, difference)
                }
                _ => lowered.binary(Binary::Sub, x, y),
            }
        }
        (op, inputs) => lowered.remake(op, inputs),
    }
}

fn minus_log_sum_exp(ir: &mut Ir, x: Id, wide: Id) -> Id {
    let exponentials = Exponentials::of(ir, wide);
    let shifted = ir.binary(Binary::Sub, x, exponentials.max);
    let log = ir.unary(Unary::Log, exponentials.sum);
    ir.binary(Binary::Sub, shifted, log)
}

/// The parts of softmax and log-sum-exp of a vocabulary-wide value.
struct Exponentials {
    max: Id,
    /// e^(x - max), `[row, vocab]`.
    each: Id,
    sum: Id,
}

impl Exponentials {
    fn of(ir: &mut Ir, x: Id) -> Self {
        let max = ir.intern(Op::MaxVocab, vec![x]);
        let each = ir.binary(Binary::ExpSub, x, max);
        Self { max, each, sum: ir.sum_vocab(each) }
    }
}
