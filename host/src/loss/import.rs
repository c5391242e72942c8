//! A plugin's graph becomes the compiler's form.

use super::ir::{Binary, Id, Input, Ir, Number, Op, Size, Unary};
use crate::rows::{InputSet, LOGITS, RowInput, STEP};
use crate::{Error, Result};
use trainyard_plugin::Graph;
use trainyard_plugin::graph;

/// Sum and weight of one output.
#[derive(Debug, Clone)]
pub(super) struct Output {
    pub name: String,
    pub sum: Id,
    pub weight: Id,
}

/// Checks `graph` and adds it to `ir`, and the row inputs that it names to `inputs`.
pub(super) fn import(ir: &mut Ir, graph: &Graph, inputs: &mut InputSet) -> Result<Vec<Output>> {
    graph::check(graph)?;
    let mut ids: Vec<Id> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let operands: Vec<_> = node.inputs.iter().map(|&input| ids[input as usize]).collect();
        let id = match node.op.starts_with("input.") {
            true => {
                let input = input(&node.op)?;
                if let Input::Row(input) = input {
                    inputs.insert(input);
                }
                ir.intern(Op::Input(input), Vec::new())
            }
            false => operation(ir, &node.op, &operands, &node.attributes)?,
        };
        ids.push(id);
    }
    let output = |output: &graph::Output| Output {
        name: output.name.clone(),
        sum: ids[output.sum as usize],
        weight: ids[output.weight as usize],
    };
    Ok(graph.outputs.iter().map(output).collect())
}

fn input(name: &str) -> Result<Input> {
    match name {
        _ if name == LOGITS.name => Ok(Input::Logits),
        _ if name == STEP.name => Ok(Input::Step),
        _ => RowInput::named(name).map(Input::Row).ok_or_else(|| not_in_this_host(name)),
    }
}

fn not_in_this_host(op: &str) -> Error {
    Error::plugin(format!("op {op:?} is in the op set, but this host does not know it: use a newer host"))
}

fn operation(ir: &mut Ir, name: &str, inputs: &[Id], attributes: &[f64]) -> Result<Id> {
    if let Some(op) = unary(name, attributes) {
        return Ok(ir.unary(op, inputs[0]));
    }
    if let Some(op) = binary(name) {
        return Ok(ir.binary(op, inputs[0], inputs[1]));
    }
    Ok(match (name, inputs) {
        ("constant", []) => ir.constant(attributes[0]),
        ("stop_gradient", &[x]) => ir.intern(Op::StopGradient, vec![x]),
        ("select", &[x, y, z]) => ir.select(x, y, z),
        ("log_softmax", &[x]) => ir.log_softmax(x),
        ("softmax", &[x]) => ir.softmax(x),
        ("log_sum_exp", &[x]) => ir.log_sum_exp(x),
        ("sum_vocab", &[x]) => ir.sum_vocab(x),
        ("mean_vocab", &[x]) => {
            let (sum, n) = (ir.sum_vocab(x), ir.size(Size::Vocab));
            ir.binary(Binary::Div, sum, n)
        }
        // The value at the first largest element: so its derivative is, too.
        ("max_vocab", &[x]) => {
            let index = ir.intern(Op::Argmax, vec![x]);
            ir.gather(x, index)
        }
        ("argmax", &[x]) => ir.intern(Op::Argmax, vec![x]),
        ("gather", &[x, index]) => ir.gather(x, index),
        ("index_equal", &[x, y]) => ir.intern(Op::IndexEqual, vec![x.min(y), x.max(y)]),
        ("sum_rows", &[x]) => ir.sum_rows(x),
        ("sum_sequence", &[x]) => ir.sum_sequence(x),
        ("expand_sequence", &[x]) => ir.expand_sequence(x),
        ("sum_sequences", &[x]) => ir.sum_sequences(x),
        _ => return Err(not_in_this_host(name)),
    })
}

fn unary(name: &str, attributes: &[f64]) -> Option<Unary> {
    Some(match (name, attributes) {
        ("neg", []) => Unary::Neg,
        ("abs", []) => Unary::Abs,
        ("exp", []) => Unary::Exp,
        ("log", []) => Unary::Log,
        ("log1p", []) => Unary::Log1p,
        ("expm1", []) => Unary::Expm1,
        ("sqrt", []) => Unary::Sqrt,
        ("square", []) => Unary::Square,
        ("reciprocal", []) => Unary::Reciprocal,
        ("relu", []) => Unary::Relu,
        ("sigmoid", []) => Unary::Sigmoid,
        ("log_sigmoid", []) => Unary::LogSigmoid,
        ("softplus", []) => Unary::Softplus,
        ("tanh", []) => Unary::Tanh,
        ("powf", &[a]) => Unary::Powf(Number::new(a)),
        ("clamp", &[a, b]) => Unary::Clamp(Number::new(a), Number::new(b)),
        _ => return None,
    })
}

fn binary(name: &str) -> Option<Binary> {
    Some(match name {
        "add" => Binary::Add,
        "sub" => Binary::Sub,
        "mul" => Binary::Mul,
        "div" => Binary::Div,
        "minimum" => Binary::Minimum,
        "maximum" => Binary::Maximum,
        "less" => Binary::Less,
        "less_equal" => Binary::LessEqual,
        "equal" => Binary::Equal,
        _ => return None,
    })
}
