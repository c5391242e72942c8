//! Makes nodes and simplifies on the way: constants are folded, what changes nothing is left out, factors that are
//! equal along the vocabulary are kept out of vocabulary-wide products, and values at one index are computed at that
//! index only.

use super::ir::{Binary, Id, Ir, Number, Op, Size, Unary, width};
use super::math;
use trainyard_plugin::graph::Type;

impl Ir {
    pub fn constant(&mut self, value: f64) -> Id {
        self.intern(Op::Constant(Number::new(value)), Vec::new())
    }

    pub fn size(&mut self, size: Size) -> Id {
        self.intern(Op::Size(size), Vec::new())
    }

    pub fn unary(&mut self, op: Unary, x: Id) -> Id {
        if let Some(value) = self.constant_of(x) {
            return self.constant(math::unary(op, value));
        }
        match op {
            Unary::Powf(a) if a.get() == 1.0 => return x,
            Unary::Powf(a) if a.get() == 2.0 => return self.unary(Unary::Square, x),
            // A narrower type stands for all rows; vocabulary-wide values keep their type, reductions rely on it.
            Unary::Powf(a) if a.get() == 0.0 && self.ty(x) != Type::Vocab => return self.constant(1.0),
            _ => {}
        }
        let node = self.node(x);
        let simpler = match (op, node.op, node.inputs.as_slice()) {
            (Unary::Neg, Op::Unary(Unary::Neg), &[inner]) => Some(inner),
            (Unary::Neg, Op::Binary(Binary::Sub), &[a, b]) => Some(self.binary(Binary::Sub, b, a)),
            (Unary::Neg, Op::Binary(Binary::Mul), &[a, b]) if self.is_scaled(a, b) => {
                let factor = self.unary(Unary::Neg, b);
                Some(self.binary(Binary::Mul, a, factor))
            }
            (Unary::Exp, Op::Binary(Binary::Sub), &[a, b]) => self.softmax_of(a, b),
            // Stays finite where the softmax underflows.
            (Unary::Log, Op::Softmax, &[inner]) => Some(self.log_softmax(inner)),
            (Unary::Log, Op::SoftmaxAt, &[element, wide]) => {
                let log_sum_exp = self.log_sum_exp(wide);
                Some(self.binary(Binary::Sub, element, log_sum_exp))
            }
            _ => None,
        };
        simpler.unwrap_or_else(|| self.intern(Op::Unary(op), vec![x]))
    }

    pub fn binary(&mut self, op: Binary, x: Id, y: Id) -> Id {
        if let (Some(a), Some(b)) = (self.constant_of(x), self.constant_of(y)) {
            return self.constant(math::binary(op, a, b));
        }
        let commutes = matches!(op, Binary::Add | Binary::Mul | Binary::Equal);
        let order = |ir: &Self, id: Id| (ir.constant_of(id).is_some(), u8::MAX - width(ir.ty(id)), id);
        let (x, y) = if commutes && order(self, x) > order(self, y) { (y, x) } else { (x, y) };
        self.simpler(op, x, y).unwrap_or_else(|| self.intern(Op::Binary(op), vec![x, y]))
    }

    fn simpler(&mut self, op: Binary, x: Id, y: Id) -> Option<Id> {
        match (op, self.constant_of(x), self.constant_of(y)) {
            (Binary::Add | Binary::Sub, _, Some(0.0)) | (Binary::Mul | Binary::Div, _, Some(1.0)) => return Some(x),
            (Binary::Sub, Some(0.0), _) | (Binary::Mul, _, Some(-1.0)) => {
                return Some(self.unary(Unary::Neg, if op == Binary::Sub { y } else { x }));
            }
            // A product is much cheaper than a quotient, vocabulary-wide.
            (Binary::Div, _, Some(c)) if self.ty(x) == Type::Vocab && (1e-30..1e30).contains(&c.abs()) => {
                let factor = self.constant(1.0 / c);
                return Some(self.binary(Binary::Mul, x, factor));
            }
            _ => {}
        }
        let (left, right) = (self.node(x), self.node(y));
        let neg = Op::Unary(Unary::Neg);
        match (op, left.op, right.op) {
            (Binary::Add, _, other) if other == neg => Some(self.binary(Binary::Sub, x, right.inputs[0])),
            (Binary::Sub, _, other) if other == neg => Some(self.binary(Binary::Add, x, right.inputs[0])),
            (Binary::Mul, other, _) if other == neg && self.is_scaled(x, y) => {
                let (inner, factor) = (left.inputs[0], self.unary(Unary::Neg, y));
                Some(self.binary(Binary::Mul, inner, factor))
            }
            (Binary::Mul, Op::Binary(Binary::Mul), _) if self.reassociates && self.is_scaled(x, y) => {
                let (inner, first) = (left.inputs[0], left.inputs[1]);
                self.is_scaled(inner, first).then(|| {
                    let factor = self.binary(Binary::Mul, first, y);
                    self.binary(Binary::Mul, inner, factor)
                })
            }
            (Binary::Add, Op::Binary(first), Op::Binary(second)) if self.reassociates => {
                let (left, right) = ([left.inputs[0], left.inputs[1]], [right.inputs[0], right.inputs[1]]);
                self.simpler_sum(x, (first, left), y, (second, right))
            }
            _ => None,
        }
    }

    /// x + y of two wide values in a gradient: v a + v b is v (a + b), and what is equal along the vocabulary is added
    /// last.
    fn simpler_sum(&mut self, x: Id, left: (Binary, [Id; 2]), y: Id, right: (Binary, [Id; 2])) -> Option<Id> {
        let ((first, [a, b]), (second, [c, d])) = (left, right);
        if first == Binary::Mul && second == Binary::Mul && a == c && self.is_scaled(a, b) && self.is_scaled(c, d) {
            let factor = self.binary(Binary::Add, b, d);
            return Some(self.binary(Binary::Mul, a, factor));
        }
        let (wide, narrow) = match (first, second) {
            (Binary::Add, _) if self.is_scaled(a, b) && self.ty(y) == Type::Vocab => {
                (self.binary(Binary::Add, a, y), b)
            }
            (_, Binary::Add) if self.is_scaled(c, d) && self.ty(x) == Type::Vocab => {
                (self.binary(Binary::Add, x, c), d)
            }
            _ => return None,
        };
        Some(self.binary(Binary::Add, wide, narrow))
    }

    /// Whether x times y is a vocabulary-wide value times a factor that is equal along the vocabulary.
    fn is_scaled(&self, x: Id, y: Id) -> bool {
        self.ty(x) == Type::Vocab && self.ty(y) != Type::Vocab
    }

    /// e^(x - y), if that is a softmax or one of its elements.
    fn softmax_of(&mut self, x: Id, y: Id) -> Option<Id> {
        if self.node(y).op != Op::LogSumExp {
            return None;
        }
        let wide = self.node(y).inputs[0];
        match self.elements.contains(&(x, wide)) {
            true => Some(self.intern(Op::SoftmaxAt, vec![x, wide])),
            false => (x == wide).then(|| self.softmax(x)),
        }
    }

    pub fn select(&mut self, condition: Id, if_true: Id, if_false: Id) -> Id {
        if if_true == if_false && width(self.ty(condition)) <= width(self.ty(if_true)) {
            return if_true;
        }
        self.intern(Op::Select, vec![condition, if_true, if_false])
    }

    pub fn softmax(&mut self, x: Id) -> Id {
        self.intern(Op::Softmax, vec![x])
    }

    pub fn log_sum_exp(&mut self, x: Id) -> Id {
        self.intern(Op::LogSumExp, vec![x])
    }

    pub fn log_softmax(&mut self, x: Id) -> Id {
        let log_sum_exp = self.log_sum_exp(x);
        self.binary(Binary::Sub, x, log_sum_exp)
    }

    /// Sum over the vocabulary.
    pub fn sum_vocab(&mut self, x: Id) -> Id {
        self.sum_or_multiply(Op::SumVocab, x, Type::Vocab, Size::Vocab)
    }

    /// Sum over all rows.
    pub fn sum_rows(&mut self, x: Id) -> Id {
        self.sum_or_multiply(Op::SumRows, x, Type::Row, Size::Rows)
    }

    /// Sum over the rows of each sequence.
    pub fn sum_sequence(&mut self, x: Id) -> Id {
        self.sum_or_multiply(Op::SumSequence, x, Type::Row, Size::RowsOfSequence)
    }

    /// Sum over all sequences.
    pub fn sum_sequences(&mut self, x: Id) -> Id {
        self.sum_or_multiply(Op::SumSequences, x, Type::Sequence, Size::Sequences)
    }

    /// Every row gets the value of its sequence.
    pub fn expand_sequence(&mut self, x: Id) -> Id {
        if self.ty(x) == Type::Sequence { self.intern(Op::ExpandSequence, vec![x]) } else { x }
    }

    /// A value that is equal along the summed dimension is multiplied by its size.
    fn sum_or_multiply(&mut self, sum: Op, x: Id, summed: Type, size: Size) -> Id {
        if self.ty(x) == summed {
            return self.intern(sum, vec![x]);
        }
        let n = self.size(size);
        self.binary(Binary::Mul, x, n)
    }

    /// x `[row, vocab]` at `index` `[row]`. Everything elementwise is computed at the index only, so that what remains
    /// is to read the logits there: `log_softmax(x)[t]` becomes `x[t] - log_sum_exp(x)`.
    pub fn gather(&mut self, x: Id, index: Id) -> Id {
        let mut pending = vec![x];
        while let Some(&id) = pending.last() {
            if self.gathered.contains_key(&(id, index)) {
                pending.pop();
                continue;
            }
            let node = self.node(id).clone();
            let is_wide = |ir: &Self, input: Id| ir.ty(input) == Type::Vocab;
            let missing = |input: &Id| is_wide(self, *input) && !self.gathered.contains_key(&(*input, index));
            let missing: Vec<_> = node.inputs.iter().copied().filter(missing).collect();
            if !missing.is_empty() {
                pending.extend(missing);
                continue;
            }
            let at: Vec<_> =
                node.inputs.iter().map(|&i| self.gathered.get(&(i, index)).copied().unwrap_or(i)).collect();
            let result = match (node.op, node.ty) {
                (_, ty) if ty != Type::Vocab => id,
                (Op::Softmax, _) => self.intern(Op::SoftmaxAt, vec![at[0], node.inputs[0]]),
                (Op::Unary(_) | Op::Binary(_) | Op::Select | Op::StopGradient, _) => self.remake(node.op, &at),
                _ => self.intern(Op::Gather, vec![id, index]),
            };
            self.gathered.insert((id, index), result);
            self.elements.insert((result, id));
        }
        self.gathered[&(x, index)]
    }

    /// The same operation on other inputs, simplified.
    pub fn remake(&mut self, op: Op, inputs: &[Id]) -> Id {
        match (op, inputs) {
            (Op::Unary(op), &[x]) => self.unary(op, x),
            (Op::Binary(op), &[x, y]) => self.binary(op, x, y),
            (Op::Select, &[x, y, z]) => self.select(x, y, z),
            (Op::SumVocab, &[x]) => self.sum_vocab(x),
            (Op::SumRows, &[x]) => self.sum_rows(x),
            (Op::SumSequence, &[x]) => self.sum_sequence(x),
            (Op::SumSequences, &[x]) => self.sum_sequences(x),
            (Op::ExpandSequence, &[x]) => self.expand_sequence(x),
            (Op::Gather, &[x, index]) => self.gather(x, index),
            (op, inputs) => self.intern(op, inputs.to_vec()),
        }
    }
}
