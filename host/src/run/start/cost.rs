//! What a network costs, counted from its description.

use trainyard_plugin::network::{Attributes, Layer, Network, Space, Type};

/// Floating-point operations of a forward pass per token, for sequences of `context` tokens: 2 per weight that is
/// multiplied, and 4 per column and key of attention, of which a causal one sees half on average. `types` are those of
/// the layers. Of an encoder and a decoder, one token of each is counted.
pub fn flops_per_token(network: &Network, types: &[Type], context: usize) -> f64 {
    let layers = network.layers.iter().zip(types);
    layers.map(|(layer, of)| of_layer(network, layer, *of, context as f64) / rows_per(of, context as f64)).sum()
}

/// Tokens for each row of a value.
fn rows_per(of: &Type, context: f64) -> f64 {
    match of {
        Type::Matrix { space: Space::Sequence, .. } => context.max(1.0),
        _ => 1.0,
    }
}

fn of_layer(network: &Network, layer: &Layer, of: Type, context: f64) -> f64 {
    let elements = |&index: &u32| {
        let shape = network.parameters.get(index as usize).map(|parameter| parameter.shape.as_slice());
        shape.map_or(0.0, |shape| shape.iter().map(|&size| f64::from(size)).product())
    };
    let weights = |n: usize| layer.parameters.iter().take(n).map(elements).sum::<f64>();
    match layer.op.as_str() {
        "linear" | "conv" => 2.0 * weights(1),
        "rnn" | "gru" | "lstm" => 2.0 * weights(2),
        "attention" => {
            let attributes = Attributes(&layer.attributes);
            let keys = match attributes.text("span") {
                Some("full") => context,
                Some("window") => attributes.integer("window").map_or(context, f64::from).min(context / 2.0),
                _ => context / 2.0,
            };
            4.0 * f64::from(of.columns()) * keys
        }
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_plugin::network::{Attention, Linear, Net, Pool, check};

    #[test]
    fn products_and_attention_are_counted() {
        let g = Net::new();
        let x = g.embedding("e", g.ids(), 50, 8);
        let q = g.linear("q", x, 8, Linear::PLAIN);
        let x = q.attend(x, x, &Attention::causal(2));
        let x = x + q.attend(x, x, &Attention::full(2));
        g.head("logits", g.linear("c", x.pool(Pool::Mean), 3, Linear::BIAS));
        let network = g.network().expect("a network");
        let types = check(&network).expect("well typed");
        // q: 2 · 8 · 8; attention: 4 · 8 · 16 / 2 and 4 · 8 · 16; c: 2 · 8 · 3 once per 16 tokens
        assert_eq!(flops_per_token(&network, &types, 16), 128.0 + 256.0 + 512.0 + 3.0);
    }
}
