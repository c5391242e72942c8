//! Formulas as text, in the notation of the op table.

use super::ir::{Binary, Id, Input, Ir, Op, Size, Unary};
use super::lower::Roots;
use std::fmt::Write;

/// A formula that is used more than once and longer than this gets a name.
const INLINE_MAX: usize = 24;

/// A formula of any length gets a name when it is longer than this.
const LINE_MAX: usize = 100;

/// A formula and how tightly its outermost operator binds.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub text: String,
    binds: u8,
}

const SUM: u8 = 0;
const PRODUCT: u8 = 1;
const PREFIX: u8 = 2;
const ATOM: u8 = 3;

impl Text {
    pub fn atom(text: impl Into<String>) -> Self {
        Self { text: text.into(), binds: ATOM }
    }

    /// In parentheses unless it binds at least this tightly.
    fn within(&self, binds: u8) -> String {
        if self.binds >= binds { self.text.clone() } else { format!("({})", self.text) }
    }
}

/// One line per output, and one per expression that several places share.
pub(super) fn formulas(ir: &Ir, roots: &Roots) -> String {
    let needed = ir.reachable(roots.ids());
    let mut n_uses = vec![0_usize; ir.len()];
    for id in (0..ir.len()).filter(|&id| needed[id]) {
        ir.node(id).inputs.iter().for_each(|&input| n_uses[input] += 1);
    }
    let mut texts: Vec<Text> = Vec::with_capacity(ir.len());
    let mut lines = String::new();
    let mut n_names = 0;
    for id in 0..ir.len() {
        let mut text = if needed[id] { node_text(ir, id, &texts) } else { Text::atom("") };
        let length = text.text.chars().count();
        if (n_uses[id] > 1 && length > INLINE_MAX) || length > LINE_MAX {
            n_names += 1;
            let name = format!("v{n_names}");
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "{name} = {}  [{}]", text.text, ir.ty(id));
            text = Text::atom(name);
        }
        texts.push(text);
    }
    for output in &roots.outputs {
        let (sum, weight) = (texts[output.sum].within(PRODUCT), texts[output.weight].within(PREFIX));
        let _ = writeln!(lines, "{} = {sum} / {weight}", output.name);
    }
    lines
}

fn node_text(ir: &Ir, id: Id, texts: &[Text]) -> Text {
    let node = ir.node(id);
    let at = |i: usize| &texts[node.inputs[i]];
    let call = |name: &str| Text::atom(format!("{name}({})", at(0).text));
    match node.op {
        Op::Input(_) | Op::Constant(_) | Op::Size(_) => leaf_text(node.op),
        Op::Unary(op) => unary_text(op, at(0)),
        Op::Binary(op) => binary_text(op, at(0), at(1)),
        Op::Select => select_text(at(0), at(1), at(2)),
        Op::StopGradient => call("stop_gradient"),
        Op::Softmax => call("softmax"),
        Op::SoftmaxAt => Text::atom(format!("exp({} - log_sum_exp({}))", at(0).text, at(1).text)),
        Op::LogSumExp => call("log_sum_exp"),
        Op::SumVocab => call("sum_vocab"),
        Op::MaxVocab => call("max_vocab"),
        Op::Argmax => call("argmax"),
        Op::Gather => Text::atom(format!("{}[{}]", at(0).text, at(1).text)),
        Op::IndexEqual => binary_text(Binary::Equal, at(0), at(1)),
        Op::SumRows => call("sum_rows"),
        Op::SumSequence => call("sum_sequence"),
        Op::ExpandSequence => call("expand_sequence"),
        Op::SumSequences => call("sum_sequences"),
    }
}

/// An input, a constant or a size.
pub(super) fn leaf_text(op: Op) -> Text {
    Text::atom(match op {
        Op::Constant(value) if value.get() < 0.0 => format!("({})", value.get()),
        Op::Constant(value) => value.get().to_string(),
        Op::Size(Size::Vocab) => "n_vocab".into(),
        Op::Size(Size::Rows) => "n_rows".into(),
        Op::Size(Size::Sequences) => "n_sequences".into(),
        Op::Size(Size::RowsOfSequence) => "rows_of_sequence".into(),
        Op::Input(input) => input_name(input).into(),
        _ => String::new(),
    })
}

pub(super) fn input_name(input: Input) -> &'static str {
    match input {
        Input::Logits => "logits",
        Input::Step => "step",
        Input::Scale => "scale",
        Input::Row(input) => input.short_name(),
        Input::HeldLogits => "held logits",
    }
}

pub(super) fn unary_text(op: Unary, x: &Text) -> Text {
    let name = match op {
        Unary::Neg => return Text { text: format!("-{}", x.within(PREFIX)), binds: PREFIX },
        Unary::Square => return Text { text: format!("{}^2", x.within(ATOM)), binds: PREFIX },
        Unary::Powf(a) => return Text { text: format!("{}^{}", x.within(ATOM), a.get()), binds: PREFIX },
        Unary::Reciprocal => return Text { text: format!("1 / {}", x.within(PREFIX)), binds: PRODUCT },
        Unary::Clamp(a, b) => return Text::atom(format!("clamp({}, {}, {})", x.text, a.get(), b.get())),
        Unary::Abs => "abs",
        Unary::Sign => "sign",
        Unary::Exp => "exp",
        Unary::Log => "log",
        Unary::Log1p => "log1p",
        Unary::Expm1 => "expm1",
        Unary::Sqrt => "sqrt",
        Unary::Relu => "relu",
        Unary::Sigmoid => "sigmoid",
        Unary::LogSigmoid => "log_sigmoid",
        Unary::Softplus => "softplus",
        Unary::Tanh => "tanh",
    };
    Text::atom(format!("{name}({})", x.text))
}

pub(super) fn binary_text(op: Binary, x: &Text, y: &Text) -> Text {
    // The right operand of an operator that does not associate is set in parentheses one level earlier.
    let infix = |sign: &str, binds: u8, right: u8| Text {
        text: format!("{} {sign} {}", x.within(binds), y.within(right)),
        binds,
    };
    let comparison = |sign: &str| Text::atom(format!("({} {sign} {})", x.text, y.text));
    match op {
        Binary::Add => infix("+", SUM, SUM),
        Binary::Sub => infix("-", SUM, PRODUCT),
        Binary::Mul => infix("*", PRODUCT, PRODUCT),
        Binary::Div => infix("/", PRODUCT, PREFIX),
        Binary::Less => comparison("<"),
        Binary::LessEqual => comparison("<="),
        Binary::Equal => comparison("="),
        Binary::Minimum => Text::atom(format!("minimum({}, {})", x.text, y.text)),
        Binary::Maximum => Text::atom(format!("maximum({}, {})", x.text, y.text)),
        Binary::ExpSub => Text::atom(format!("exp({} - {})", x.text, y.within(PRODUCT))),
    }
}

pub(super) fn select_text(x: &Text, y: &Text, z: &Text) -> Text {
    Text::atom(format!("select({}, {}, {})", x.text, y.text, z.text))
}
