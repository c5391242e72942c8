//! Operations and numbers as CUDA.

use super::flow::Apply;
use crate::loss::ir::{Binary, Unary};
use crate::loss::row_program::NumberOp;
use crate::ops::linear::Transform;

/// A double.
pub(super) fn literal(value: f64) -> String {
    if value.is_finite() {
        // The shortest form that reads back as the same number.
        return if value.is_sign_negative() { format!("({value:?})") } else { format!("{value:?}") };
    }
    format!("__longlong_as_double({:#x}ull)", value.to_bits())
}

fn unary_name(op: Unary) -> &'static str {
    match op {
        Unary::Neg => "negative",
        Unary::Abs => "absolute",
        Unary::Sign => "sign_of",
        Unary::Exp => "exp_of",
        Unary::Log => "log_of",
        Unary::Log1p => "log1p_of",
        Unary::Expm1 => "expm1_of",
        Unary::Sqrt => "sqrt_of",
        Unary::Square => "square",
        Unary::Reciprocal => "reciprocal",
        Unary::Relu => "relu",
        Unary::Sigmoid => "sigmoid",
        Unary::LogSigmoid => "log_sigmoid",
        Unary::Softplus => "softplus",
        Unary::Tanh => "tanh_of",
        Unary::Powf(_) => "power",
        Unary::Clamp(..) => "clamp",
    }
}

fn binary_name(op: Binary) -> &'static str {
    match op {
        Binary::Add => "add",
        Binary::Sub => "subtract",
        Binary::Mul => "multiply",
        Binary::Div => "divide",
        Binary::Minimum => "minimum",
        Binary::Maximum => "maximum",
        Binary::Less => "less",
        Binary::LessEqual => "less_equal",
        Binary::Equal => "equal",
        Binary::ExpSub => "exp_subtract",
    }
}

/// `ty` is the format of the numbers: `S` or `double`.
pub(super) fn unary(op: Unary, x: &str, ty: &str) -> String {
    let name = unary_name(op);
    match op {
        Unary::Powf(a) => format!("{name}({x}, {ty}({}))", literal(a.get())),
        Unary::Clamp(a, b) => format!("{name}({x}, {ty}({}), {ty}({}))", literal(a.get()), literal(b.get())),
        _ => format!("{name}({x})"),
    }
}

pub(super) fn binary(op: Binary, x: &str, y: &str) -> String {
    format!("{}({x}, {y})", binary_name(op))
}

pub(super) fn select(x: &str, y: &str, z: &str) -> String {
    format!("select({x}, {y}, {z})")
}

pub(super) fn apply(op: Apply, inputs: &[String], ty: &str) -> String {
    match (op, inputs) {
        (Apply::Unary(op), [x]) => unary(op, x, ty),
        (Apply::Binary(op), [x, y]) => binary(op, x, y),
        (Apply::Select, [x, y, z]) => select(x, y, z),
        // Every operation was given its number of inputs.
        _ => unreachable!("an operation with {} inputs", inputs.len()),
    }
}

/// A logit from what the product gave.
pub(super) fn logit(transform: Transform, product: &str) -> String {
    let scaled = match transform.scale {
        1.0 => product.to_owned(),
        scale => format!("multiply({product}, S({}))", literal(scale)),
    };
    match transform.soft_cap {
        None => scaled,
        Some(cap) => format!("soft_cap({scaled}, S({}))", literal(cap)),
    }
}

/// The gradient with respect to the product from that with respect to the logit `x`.
pub(super) fn product_gradient(transform: Transform, gradient: &str, x: &str) -> String {
    let gradient = match transform.soft_cap {
        None => gradient.to_owned(),
        Some(cap) => format!("multiply({gradient}, soft_cap_slope({x}, S({})))", literal(cap)),
    };
    match transform.scale {
        1.0 => gradient,
        scale => format!("multiply({gradient}, S({}))", literal(scale)),
    }
}

/// An operation on registers.
pub(super) fn number(op: NumberOp, transform: Transform) -> String {
    let register = |register: usize| format!("r{register}");
    match op {
        NumberOp::Unary(op, x) => unary(op, &register(x), "S"),
        NumberOp::Binary(op, x, y) => binary(op, &register(x), &register(y)),
        NumberOp::Select(x, y, z) => select(&register(x), &register(y), &register(z)),
        NumberOp::Gather(_, index) => element(transform, index),
    }
}

/// The logit at the index in a register.
pub(super) fn element(transform: Transform, index: usize) -> String {
    logit(transform, &format!("element(logits, r{index}, vocab)"))
}
