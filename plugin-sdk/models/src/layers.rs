//! Layers whose parameters have names of their own.

use trainyard_plugin::network::{Init, Net, Value};
use trainyard_plugin::{Setting, Value as Constant};

/// `x` times the embedding `table` transposed, plus `bias`: an output layer that is tied and has a bias. Both are names
/// of parameters, in full.
#[track_caller]
pub fn tied_head<'g>(g: &'g Net, table: &str, bias: &str, x: Value<'g>, vocab: u32) -> Value<'g> {
    tied_head_with(g, table, (bias, &[vocab]), x, vocab)
}

/// The same with a bias of this shape, `[vocab]` or `[1, vocab]`.
#[track_caller]
pub fn tied_head_with<'g>(
    g: &'g Net,
    table: &str,
    (bias, shape): (&str, &[u32]),
    x: Value<'g>,
    vocab: u32,
) -> Value<'g> {
    let table = g.parameter(table, &[vocab, x.columns()], Init::Normal(0.02));
    let bias = g.parameter(bias, shape, Init::Zeros);
    g.push("linear", "logits", &[x], &[table, bias], Vec::new())
}

/// Layer norm of each `width` columns of `x`.
#[track_caller]
pub fn head_norm<'g>(g: &'g Net, name: &str, x: Value<'g>, epsilon: f64, width: u32) -> Value<'g> {
    let weight = g.parameter(&format!("{name}.weight"), &[width], Init::Ones);
    let bias = g.parameter(&format!("{name}.bias"), &[width], Init::Zeros);
    let epsilon = Setting { key: "epsilon".into(), value: Constant::Number(epsilon) };
    g.push("layer_norm", name, &[x], &[weight, bias], vec![epsilon])
}
