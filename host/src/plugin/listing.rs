//! A network as text, for people.

use crate::base::clean;
use std::fmt::Write;
use trainyard_plugin::network::{Attributes, Layer, Network, Type, count};
use trainyard_plugin::{Setting, Value};

/// Layers that are shown; the rest is counted.
const LAYERS_MAX: usize = 2000;
/// Characters of a name, and of an attribute's value.
const NAME_CHARS: usize = 100;
/// Numbers of a list that are shown.
const NUMBERS_MAX: usize = 4;

/// The layers with their scopes, inputs, types and parameters, the heads, and the number of parameters by scope.
/// `types` are those of the layers.
pub fn listing(network: &Network, types: &[Type]) -> String {
    let mut text = String::new();
    for (index, (layer, of)) in network.layers.iter().zip(types).enumerate().take(LAYERS_MAX) {
        // writing to a text cannot fail
        let _ = writeln!(text, "{index:>5}  {}", line(network, layer, *of));
    }
    if network.layers.len() > LAYERS_MAX {
        let _ = writeln!(text, "       and {} more layers", network.layers.len() - LAYERS_MAX);
    }
    for head in &network.heads {
        let of = types.get(head.value as usize).map(Type::to_string).unwrap_or_default();
        let _ = writeln!(text, "\nhead {} = {} {of}", clean::clip(&head.name, NAME_CHARS), head.value);
    }
    let _ = writeln!(text, "\nparameters");
    for (scope, n) in by_scope(network) {
        let _ = writeln!(text, "{:>14}  {}", n, if scope.is_empty() { "(root)" } else { &*scope });
    }
    let _ = write!(text, "{:>14}  all, {} tensors", count(network), network.parameters.len());
    text
}

fn line(network: &Network, layer: &Layer, of: Type) -> String {
    let mut text = clean::clip(&layer.op, NAME_CHARS).into_owned();
    let inputs: Vec<_> = layer.inputs.iter().map(u32::to_string).collect();
    let _ = write!(text, "({})", inputs.join(", "));
    for Setting { key, value } in Attributes(&layer.attributes).0 {
        let _ = write!(text, " {}={}", clean::clip(key, NAME_CHARS), shown(value));
    }
    let _ = write!(text, " -> {of}");
    for &parameter in &layer.parameters {
        if let Some(parameter) = network.parameters.get(parameter as usize) {
            let _ = write!(text, "  {} {:?}", clean::clip(&parameter.name, NAME_CHARS), parameter.shape);
        }
    }
    if layer.parameters.is_empty() && !layer.scope.is_empty() {
        let _ = write!(text, "  in {}", clean::clip(&layer.scope, NAME_CHARS));
    }
    text
}

fn shown(value: &Value) -> String {
    match value {
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::Text(text) => clean::clip(text, NAME_CHARS).into_owned(),
        Value::Numbers(values) => {
            let shown: Vec<_> = values.iter().take(NUMBERS_MAX).map(f64::to_string).collect();
            let more = if values.len() > NUMBERS_MAX { ", …" } else { "" };
            format!("[{}{more}]", shown.join(", "))
        }
        Value::Texts(values) => format!("{} texts", values.len()),
    }
}

/// Numbers of parameters in each block, in the order of the network; what is in no block stands under its first name.
fn by_scope(network: &Network) -> Vec<(String, u64)> {
    let mut scopes: Vec<(String, u64)> = Vec::new();
    for parameter in &network.parameters {
        let inside =
            |block: &&String| parameter.name.strip_prefix(block.as_str()).is_some_and(|rest| rest.starts_with('.'));
        let scope = match network.blocks.iter().filter(inside).max_by_key(|block| block.len()) {
            Some(block) => block.clone(),
            None => parameter.name.rsplit_once('.').map(|(scope, _)| scope.to_owned()).unwrap_or_default(),
        };
        let scope = clean::clip(&scope, NAME_CHARS).into_owned();
        let n = parameter.shape.iter().fold(1_u64, |n, &size| n.saturating_mul(size.into()));
        match scopes.last_mut().filter(|(last, _)| *last == scope) {
            Some((_, sum)) => *sum = sum.saturating_add(n),
            None => scopes.push((scope, n)),
        }
    }
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::network::{Linear, Net, check};

    #[test]
    fn layers_and_parameters_are_listed() {
        let g = Net::new();
        let x = g.embedding("wte", g.ids(), 10, 4);
        let x = g.block("h.0", || x + g.linear("fc", g.layer_norm("ln", x, 1e-5), 4, Linear::BIAS).gelu());
        g.head("logits", g.tied("wte", x));
        let network = g.network().expect("it is well typed");
        let expected = "    0  input.ids() -> an index per row\n    1  embedding(0) -> [row, 4]  wte.weight [10, 4]\n    \
                        2  layer_norm(1) epsilon=0.00001 -> [row, 4]  h.0.ln.weight [4]  h.0.ln.bias [4]\n    \
                        3  linear(2) -> [row, 4]  h.0.fc.weight [4, 4]  h.0.fc.bias [4]\n    \
                        4  gelu(3) form=erf -> [row, 4]  in h.0\n    5  add(1, 4) -> [row, 4]  in h.0\n    \
                        6  linear(5) -> [row, 10]  wte.weight [10, 4]\n\nhead logits = 6 [row, 10]\n\n\
                        parameters\n            \
                        40  wte\n            28  h.0\n            68  all, 5 tensors";
        assert_eq!(listing(&network, &check(&network).expect("it is well typed")), expected);
    }
}
