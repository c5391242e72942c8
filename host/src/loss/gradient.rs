//! Reverse-mode differentiation of a graph into more of the same graph: what forward and backward share is computed
//! once.
//!
//! The rules are the last column of the op table ([`trainyard_plugin::graph::ops`]). Two of them could make NaN of a
//! row that does not count (its adjoint is 0, the local derivative infinite): `sqrt` and `powf` at 0 pass 0 on.

use super::ir::{Binary, Id, Input, Ir, Number, Op, Unary};
use trainyard_plugin::graph::Type;

/// The gradient of one scalar with respect to the logits.
#[derive(Debug, Clone, Default)]
pub(super) struct Gradient {
    /// `[row, vocab]`, or narrower where it is equal along a dimension.
    pub dense: Option<Id>,
    /// (index `[row]`, value `[row]`): the value is added at the index.
    pub at: Vec<(Id, Id)>,
}

/// Differentiates `scale · root`.
pub(super) fn differentiate(ir: &mut Ir, root: Id) -> Gradient {
    ir.reassociates = true;
    let mut backward =
        Backward { active: active(ir), adjoints: vec![None; ir.len()], gradient: Gradient::default(), ir };
    let scale = backward.ir.intern(Op::Input(Input::Scale), Vec::new());
    backward.add(root, scale, Type::Scalar);
    for id in (0..=root).rev() {
        if let Some(adjoint) = backward.adjoints[id] {
            backward.pass_on(id, adjoint);
        }
    }
    backward.gradient
}

/// Which nodes depend on the logits in a way that has a derivative.
fn active(ir: &Ir) -> Vec<bool> {
    let mut active = vec![false; ir.len()];
    for id in 0..ir.len() {
        let node = ir.node(id);
        active[id] = match node.op {
            Op::Input(input) => input == Input::Logits,
            Op::StopGradient | Op::Argmax | Op::IndexEqual => false,
            Op::Binary(Binary::Less | Binary::LessEqual | Binary::Equal) => false,
            Op::Select => active[node.inputs[1]] || active[node.inputs[2]],
            _ => node.inputs.iter().any(|&input| active[input]),
        };
    }
    active
}

struct Backward<'a> {
    ir: &'a mut Ir,
    active: Vec<bool>,
    /// The gradient of the root with respect to each node; none where it is 0.
    adjoints: Vec<Option<Id>>,
    gradient: Gradient,
}

impl Backward<'_> {
    /// Adds to the adjoint of `id` what comes from a node of type `from`, summed over the dimensions that `id` lacks.
    fn add(&mut self, id: Id, adjoint: Id, from: Type) {
        if !self.active[id] {
            return;
        }
        let ir = &mut *self.ir;
        let adjoint = match (from, ir.ty(id)) {
            (Type::Vocab, Type::Row) => ir.sum_vocab(adjoint),
            (Type::Vocab, Type::Scalar) => {
                let rows = ir.sum_vocab(adjoint);
                ir.sum_rows(rows)
            }
            (Type::Row, Type::Scalar) => ir.sum_rows(adjoint),
            (Type::Sequence, Type::Scalar) => ir.sum_sequences(adjoint),
            _ => adjoint,
        };
        self.adjoints[id] = Some(match self.adjoints[id] {
            Some(other) => ir.binary(Binary::Add, other, adjoint),
            None => adjoint,
        });
    }

    /// The rule of one node: `dr` goes to its inputs.
    fn pass_on(&mut self, id: Id, dr: Id) {
        let node = self.ir.node(id).clone();
        let inputs = node.inputs.as_slice();
        match (node.op, inputs) {
            (Op::Unary(op), &[x]) => {
                let dx = self.unary(op, x, id, dr);
                self.add(x, dx, node.ty);
            }
            (Op::Binary(op), &[x, y]) => self.binary(op, x, y, id, dr),
            (Op::Select, &[x, y, z]) => {
                let zero = self.ir.constant(0.0);
                let (dy, dz) = (self.ir.select(x, dr, zero), self.ir.select(x, zero, dr));
                self.add(y, dy, node.ty);
                self.add(z, dz, node.ty);
            }
            (Op::Softmax, &[x]) => {
                let weighted = self.ir.binary(Binary::Mul, dr, id);
                let mean = self.ir.sum_vocab(weighted);
                let centred = self.ir.binary(Binary::Sub, dr, mean);
                let dx = self.ir.binary(Binary::Mul, id, centred);
                self.add(x, dx, Type::Vocab);
            }
            (Op::SoftmaxAt, &[x, wide]) => {
                let dx = self.ir.binary(Binary::Mul, dr, id);
                self.add(x, dx, Type::Row);
                let (softmax, minus) = (self.ir.softmax(wide), self.ir.unary(Unary::Neg, dx));
                let dwide = self.ir.binary(Binary::Mul, softmax, minus);
                self.add(wide, dwide, Type::Vocab);
            }
            (Op::LogSumExp, &[x]) => {
                let softmax = self.ir.softmax(x);
                let dx = self.ir.binary(Binary::Mul, softmax, dr);
                self.add(x, dx, Type::Vocab);
            }
            (Op::Gather, &[_, index]) => self.gradient.add_at(self.ir, index, dr),
            (Op::Input(Input::Logits), _) => self.gradient.dense = Some(dr),
            (Op::SumVocab, &[x]) => self.add(x, dr, Type::Vocab),
            (Op::SumRows, &[x]) => self.add(x, dr, Type::Row),
            (Op::SumSequences, &[x]) => self.add(x, dr, Type::Sequence),
            (Op::SumSequence, &[x]) => {
                let dx = self.ir.expand_sequence(dr);
                self.add(x, dx, Type::Row);
            }
            (Op::ExpandSequence, &[x]) => {
                let dx = self.ir.sum_sequence(dr);
                self.add(x, dx, Type::Sequence);
            }
            // Inactive nodes never get an adjoint.
            _ => {}
        }
    }

    /// dx of r = op(x), where r is node `r`.
    fn unary(&mut self, op: Unary, x: Id, r: Id, dr: Id) -> Id {
        use Binary::{Add, Div, Equal, Less, LessEqual, Mul, Sub};
        let ir = &mut *self.ir;
        let (zero, one, two) = (ir.constant(0.0), ir.constant(1.0), ir.constant(2.0));
        // dr times a factor.
        let factor = match op {
            Unary::Neg => return ir.unary(Unary::Neg, dr),
            Unary::Log => return ir.binary(Div, dr, x),
            Unary::Log1p => {
                let divisor = ir.binary(Add, x, one);
                return ir.binary(Div, dr, divisor);
            }
            Unary::Reciprocal => {
                // One factor after the other: 0 stays 0 where the square would overflow.
                let half = ir.binary(Mul, dr, r);
                let whole = ir.binary(Mul, half, r);
                return ir.unary(Unary::Neg, whole);
            }
            Unary::Sqrt => {
                let divisor = ir.binary(Mul, r, two);
                let quotient = ir.binary(Div, dr, divisor);
                let is_zero = ir.binary(Equal, dr, zero);
                return ir.select(is_zero, zero, quotient);
            }
            Unary::Powf(a) if a.get() == 0.0 => return zero,
            Unary::Powf(a) => {
                let power = ir.unary(Unary::Powf(Number::new(a.get() - 1.0)), x);
                let exponent = ir.constant(a.get());
                let scaled = ir.binary(Mul, power, exponent);
                let product = ir.binary(Mul, scaled, dr);
                let is_zero = ir.binary(Equal, dr, zero);
                return ir.select(is_zero, zero, product);
            }
            Unary::Relu => {
                let passes = ir.binary(Less, zero, x);
                return ir.select(passes, dr, zero);
            }
            Unary::Clamp(a, b) => {
                let (a, b) = (ir.constant(a.get()), ir.constant(b.get()));
                let (above, below) = (ir.binary(LessEqual, a, x), ir.binary(LessEqual, x, b));
                let passes = ir.binary(Mul, above, below);
                return ir.select(passes, dr, zero);
            }
            Unary::Abs => ir.unary(Unary::Sign, x),
            Unary::Sign => zero,
            Unary::Exp => r,
            Unary::Expm1 => ir.binary(Add, r, one),
            Unary::Square => ir.binary(Mul, x, two),
            Unary::Sigmoid => {
                let rest = ir.binary(Sub, one, r);
                ir.binary(Mul, r, rest)
            }
            Unary::LogSigmoid => {
                let minus = ir.unary(Unary::Neg, x);
                ir.unary(Unary::Sigmoid, minus)
            }
            Unary::Softplus => ir.unary(Unary::Sigmoid, x),
            Unary::Tanh => {
                let square = ir.unary(Unary::Square, r);
                ir.binary(Sub, one, square)
            }
        };
        ir.binary(Mul, factor, dr)
    }

    /// dx and dy of r = op(x, y), where r is node `r`.
    fn binary(&mut self, op: Binary, x: Id, y: Id, r: Id, dr: Id) {
        use Binary::{Add, Div, Less, LessEqual, Maximum, Minimum, Mul, Sub};
        let ty = self.ir.ty(r);
        let ir = &mut *self.ir;
        let (dx, dy) = match op {
            Add => (dr, dr),
            Sub => (dr, ir.unary(Unary::Neg, dr)),
            Mul => (ir.binary(Mul, dr, y), ir.binary(Mul, dr, x)),
            Div => {
                let dx = ir.binary(Div, dr, y);
                let product = ir.binary(Mul, dx, r);
                (dx, ir.unary(Unary::Neg, product))
            }
            Minimum | Maximum => {
                let zero = ir.constant(0.0);
                let first = if op == Minimum { ir.binary(LessEqual, x, y) } else { ir.binary(LessEqual, y, x) };
                let second = if op == Minimum { ir.binary(Less, y, x) } else { ir.binary(Less, x, y) };
                (ir.select(first, dr, zero), ir.select(second, dr, zero))
            }
            // Comparisons have no derivative; `ExpSub` appears after differentiation.
            Binary::Less | LessEqual | Binary::Equal | Binary::ExpSub => return,
        };
        self.add(x, dx, ty);
        self.add(y, dy, ty);
    }
}

impl Gradient {
    fn add_at(&mut self, ir: &mut Ir, index: Id, value: Id) {
        match self.at.iter_mut().find(|(other, _)| *other == index) {
            Some((_, sum)) => *sum = ir.binary(Binary::Add, *sum, value),
            None => self.at.push((index, value)),
        }
    }

    /// Every node that the gradient is made of.
    pub fn roots(&self) -> impl Iterator<Item = Id> {
        self.dense.into_iter().chain(self.at.iter().flat_map(|&(index, value)| [index, value]))
    }
}
