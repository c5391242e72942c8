//! Builds a graph by writing its formula.

use super::{Graph, Node, Output, ops::set_of};
use std::cell::{Cell, RefCell};
use std::ops::{Add, Div, Mul, Neg, Sub};
use std::panic::Location;

/// Collects the nodes of a graph. Its functions give the inputs; [`Expr`] has the operations.
///
/// # Panics
/// An expression belongs to the builder that made it. Every function and operation panics at its caller's line when it
/// is given one of another builder, whose numbers would name other nodes here; [`Builder::log_mean`] panics when the
/// graph was already made. A host hears of it as of any error of `describe`.
///
/// ```
/// # use trainyard_plugin::Builder;
/// let g = Builder::new();
/// let logp = g.logits().log_softmax().gather(g.target());
/// let graph = g.mean(-logp);
/// assert_eq!(graph.outputs[0].name, "loss");
/// ```
#[derive(Debug, Default)]
pub struct Builder {
    nodes: RefCell<Vec<Node>>,
    extras: RefCell<Vec<Output>>,
    /// Where the graph was made first.
    made: Cell<Option<&'static Location<'static>>>,
}

/// A node of the graph that its [`Builder`] collects. Copied freely: using one twice computes it once.
#[derive(Debug, Clone, Copy)]
pub struct Expr<'g> {
    builder: &'g Builder,
    id: u32,
}

macro_rules! inputs {
    ($( $(#[$doc:meta])* $name:ident = $op:literal ),+ $(,)?) => {
        impl Builder {
            $( $(#[$doc])* pub fn $name(&self) -> Expr<'_> { self.input($op) } )+
        }
    };
}

inputs! {
    /// `[row, vocab]` The model's output before softmax.
    logits = "input.logits",
    /// `[row, vocab]` The output of a frozen teacher model.
    teacher_logits = "input.teacher_logits",
    /// `[row]` Id of the token to predict.
    target = "input.target",
    /// `[row]` 1 where the row counts, 0 where it is padding or masked.
    weight = "input.weight",
    /// `[row]` Number of bytes of the target token, 0 for special tokens.
    target_bytes = "input.target_bytes",
    /// `[row]` Position of the row in its sequence.
    position = "input.position",
    /// `[row]` Log-probability of the target under a frozen reference model.
    reference_logp = "input.reference_logp",
    /// `[row]` Log-probability of the target when the text was sampled.
    old_logp = "input.old_logp",
    /// `[row]` Advantage of the target token.
    advantage = "input.advantage",
    /// `[row, vocab]` What each logit is to predict: 1 or 0 for a label that a document has or not, or a number.
    targets = "input.targets",
    /// Scalar: number of the optimizer step, from 0.
    step = "input.step",
}

impl Builder {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// A constant.
    pub fn constant(&self, value: f64) -> Expr<'_> {
        self.push("constant", &[], &[value])
    }

    /// A graph whose value is the mean of `x` (`[row]`) over the rows that count.
    #[track_caller]
    pub fn mean(&self, x: Expr<'_>) -> Graph {
        self.own(x);
        let weight = self.weight();
        self.ratio((x * weight).sum_rows(), weight.sum_rows())
    }

    /// A graph whose value is `sum` / `weight`, both scalars. The host divides once, after adding up all micro-batches.
    #[track_caller]
    pub fn ratio(&self, sum: Expr<'_>, weight: Expr<'_>) -> Graph {
        self.own(sum);
        self.own(weight);
        self.made.set(self.made.get().or(Some(Location::caller())));
        let mut outputs = vec![Output { name: "loss".into(), sum: sum.id, weight: weight.id }];
        outputs.extend(self.extras.borrow().iter().cloned());
        let nodes = self.nodes.borrow().clone();
        // no newer set than it needs, so that older hosts run it
        Graph { op_set: set_of(nodes.iter().map(|node| node.op.as_str())), nodes, outputs }
    }

    /// Logs the mean of `x` (`[row]`) over the rows that count as `name`, next to the loss. It comes before
    /// [`Builder::mean`] or [`Builder::ratio`], which return the graph with everything that is logged.
    #[track_caller]
    pub fn log_mean(&self, name: &str, x: Expr<'_>) {
        self.own(x);
        if let Some(made) = self.made.get() {
            panic!(
                "{}: log_mean({name:?}) comes after the graph was made at {made}; move it before",
                Location::caller()
            );
        }
        let weight = self.weight();
        let (sum, weight) = ((x * weight).sum_rows(), weight.sum_rows());
        self.extras.borrow_mut().push(Output { name: name.into(), sum: sum.id, weight: weight.id });
    }

    /// Refuses an expression of another builder.
    #[track_caller]
    fn own(&self, x: Expr<'_>) {
        if !std::ptr::eq(self, x.builder) {
            panic!("{}: an expression of another builder; use one Builder for a graph", Location::caller());
        }
    }

    fn input(&self, op: &str) -> Expr<'_> {
        let known = self.nodes.borrow().iter().position(|node| node.op == op);
        match known {
            Some(id) => Expr { builder: self, id: id as u32 },
            None => self.push(op, &[], &[]),
        }
    }

    fn push(&self, op: &str, inputs: &[u32], attributes: &[f64]) -> Expr<'_> {
        let mut nodes = self.nodes.borrow_mut();
        let id = nodes.len() as u32;
        nodes.push(Node { op: op.into(), inputs: inputs.into(), attributes: attributes.into() });
        Expr { builder: self, id }
    }
}

macro_rules! unary {
    ($( $(#[$doc:meta])* $name:ident ),+ $(,)?) => {
        impl<'g> Expr<'g> {
            $( $(#[$doc])* pub fn $name(self) -> Self { self.builder.push(stringify!($name), &[self.id], &[]) } )+
        }
    };
}

// The method's name is the op's name, so the table and the builder cannot drift apart.
unary! {
    /// |x|.
    abs,
    /// e^x.
    exp,
    /// ln x.
    log,
    /// ln(1 + x), exact for small x.
    log1p,
    /// e^x - 1, exact for small x.
    expm1,
    /// Square root.
    sqrt,
    /// x².
    square,
    /// 1 / x.
    reciprocal,
    /// max(x, 0).
    relu,
    /// 1 / (1 + e^-x).
    sigmoid,
    /// ln sigmoid(x), without overflow.
    log_sigmoid,
    /// ln(1 + e^x), without overflow.
    softplus,
    /// Hyperbolic tangent.
    tanh,
    /// x, through which no gradient flows.
    stop_gradient,
    /// `[row, vocab]` → `[row, vocab]`: x - ln Σ e^x.
    log_softmax,
    /// `[row, vocab]` → `[row, vocab]`: e^x / Σ e^x.
    softmax,
    /// `[row, vocab]` → `[row]`: ln Σ e^x.
    log_sum_exp,
    /// `[row, vocab]` → `[row]`: sum over the vocabulary.
    sum_vocab,
    /// `[row, vocab]` → `[row]`: mean over the vocabulary.
    mean_vocab,
    /// `[row, vocab]` → `[row]`: largest value.
    max_vocab,
    /// `[row, vocab]` → `[row]` index of the first largest value.
    argmax,
    /// `[row]` → scalar: sum over all rows.
    sum_rows,
    /// `[row]` → `[sequence]`: sum over the rows of each sequence.
    sum_sequence,
    /// `[sequence]` → `[row]`: the value of the row's sequence.
    expand_sequence,
    /// `[sequence]` → scalar: sum over all sequences.
    sum_sequences,
}

impl<'g> Expr<'g> {
    /// x^exponent, for a constant exponent.
    pub fn powf(self, exponent: f64) -> Self {
        self.builder.push("powf", &[self.id], &[exponent])
    }

    /// x, but at least `low` and at most `high`.
    pub fn clamp(self, low: f64, high: f64) -> Self {
        self.builder.push("clamp", &[self.id], &[low, high])
    }

    /// The smaller of both.
    #[track_caller]
    pub fn minimum(self, other: impl Operand<'g>) -> Self {
        self.binary("minimum", other)
    }

    /// The larger of both.
    #[track_caller]
    pub fn maximum(self, other: impl Operand<'g>) -> Self {
        self.binary("maximum", other)
    }

    /// 1 where self < other, else 0.
    #[track_caller]
    pub fn less(self, other: impl Operand<'g>) -> Self {
        self.binary("less", other)
    }

    /// 1 where self <= other, else 0.
    #[track_caller]
    pub fn less_equal(self, other: impl Operand<'g>) -> Self {
        self.binary("less_equal", other)
    }

    /// 1 where both are equal, else 0.
    #[track_caller]
    pub fn equal(self, other: impl Operand<'g>) -> Self {
        self.binary("equal", other)
    }

    /// Where self is not 0 the first value, else the second.
    #[track_caller]
    pub fn select(self, if_true: impl Operand<'g>, if_false: impl Operand<'g>) -> Self {
        let (if_true, if_false) = (if_true.expr(self.builder), if_false.expr(self.builder));
        self.builder.own(if_true);
        self.builder.own(if_false);
        self.builder.push("select", &[self.id, if_true.id, if_false.id], &[])
    }

    /// `[row, vocab]`, index `[row]` → `[row]`: the value at the index.
    #[track_caller]
    pub fn gather(self, index: Expr<'g>) -> Self {
        self.builder.own(index);
        self.builder.push("gather", &[self.id, index.id], &[])
    }

    /// index `[row]`, index `[row]` → `[row]`: 1 where both are equal, else 0.
    #[track_caller]
    pub fn index_equal(self, other: Expr<'g>) -> Self {
        self.builder.own(other);
        self.builder.push("index_equal", &[self.id, other.id], &[])
    }

    #[track_caller]
    fn binary(self, op: &str, other: impl Operand<'g>) -> Self {
        let other = other.expr(self.builder);
        self.builder.own(other);
        self.builder.push(op, &[self.id, other.id], &[])
    }
}

/// An expression or a number.
pub trait Operand<'g> {
    /// As a node of `builder`.
    fn expr(self, builder: &'g Builder) -> Expr<'g>;
}

impl<'g> Operand<'g> for Expr<'g> {
    fn expr(self, _builder: &'g Builder) -> Expr<'g> {
        self
    }
}

impl<'g> Operand<'g> for f64 {
    fn expr(self, builder: &'g Builder) -> Expr<'g> {
        builder.constant(self)
    }
}

impl<'g> Neg for Expr<'g> {
    type Output = Expr<'g>;

    fn neg(self) -> Self {
        self.builder.push("neg", &[self.id], &[])
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident),+) => {
        $(
            impl<'g, T: Operand<'g>> $trait<T> for Expr<'g> {
                type Output = Expr<'g>;

                #[track_caller]
                fn $method(self, other: T) -> Expr<'g> {
                    self.binary(stringify!($method), other)
                }
            }

            impl<'g> $trait<Expr<'g>> for f64 {
                type Output = Expr<'g>;

                fn $method(self, other: Expr<'g>) -> Expr<'g> {
                    other.builder.constant(self).binary(stringify!($method), other)
                }
            }
        )+
    };
}

operators!(Add add, Sub sub, Mul mul, Div div);
