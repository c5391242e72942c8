//! Networks and configs that no host may accept.

use trainyard_plugin::network::{Attention, Layer, Linear, Net, Network, Parameter, Rotary};
use trainyard_plugin::{Setting, Sizes, Value};

/// A good network for `sizes`: embedding, positions, one block with attention, tied head.
fn good(sizes: &Sizes) -> Network {
    let g = Net::new();
    let x = g.embedding("wte", g.ids(), sizes.vocab, 8) + g.embedding("wpe", g.positions(), sizes.context, 8);
    let x = g.block("h.0", || {
        let h = g.layer_norm("ln", x, 1e-5);
        let rotary = Rotary::new(4, 10_000.0);
        let [q, k] = ["q", "k"].map(|name| g.linear(name, h, 8, Linear::BIAS).rotary(&rotary));
        let v = g.linear("v", h, 8, Linear::BIAS);
        x + q.attend(k, v, &Attention::causal(2))
    });
    g.head("logits", g.tied("wte", x));
    g.network().expect("it is well typed")
}

/// A good network with what `behaviour` names changed; `call` counts from 1.
pub fn network(behaviour: &str, sizes: &Sizes, call: u32) -> Network {
    let mut network = match behaviour {
        "wrong-vocab" => good(&Sizes::new(sizes.vocab + 1, sizes.context)),
        "few-tokens" => good(&Sizes::new(sizes.vocab - 1, sizes.context)),
        "few-positions" => good(&Sizes::new(sizes.vocab, sizes.context - 1)),
        _ => good(sizes),
    };
    let last = network.layers.len() - 1;
    let at = |op: &str, network: &Network| network.layers.iter().position(|layer| layer.op == op).expect("it is there");
    match behaviour {
        "cyclic" => {
            let add = at("add", &network);
            network.layers[add].inputs[1] = add as u32;
        }
        "forward" => {
            let add = at("add", &network);
            network.layers[add].inputs[1] = last as u32;
        }
        "input-outside" => network.layers[last].inputs[0] = u32::MAX,
        "parameter-outside" => network.layers[last].parameters[0] = u32::MAX,
        "ill-typed" => network.layers[last].inputs[0] = 0,
        "unequal-widths" => network.parameters[1].shape[1] = 9,
        "wrong-head" => network.heads[0].value = last as u32 - 1,
        "unknown-op" => network.layers[last].op = "linearr".into(),
        "control-op" => network.layers[last].op = "\u{1b}[2J".into(),
        "long-op" => network.layers[last].op = "x".repeat(1 << 20),
        "long-scope" => network.layers[last].scope = "x".repeat(1 << 20),
        "control-name" => network.parameters[0].name = "\u{1b}[2J".into(),
        "name-clash" => network.parameters[1].name = network.parameters[0].name.clone(),
        "alias-clash" => network.parameters[1].aliases = vec![network.parameters[0].name.clone()],
        "many-aliases" => network.parameters[0].aliases = vec!["x".into(); 100_000],
        "many-dimensions" => network.parameters[0].shape = vec![1; 1 << 20],
        "huge-parameter" => network.parameters[0].shape = vec![u32::MAX; 8],
        "empty-parameter" => network.parameters[0].shape[0] = 0,
        "unknown-init" => network.parameters[0].init = "glorot".into(),
        _ => change_more(behaviour, &mut network, call),
    }
    network
}

fn change_more(behaviour: &str, network: &mut Network, call: u32) {
    let last = network.layers.len() - 1;
    let at = |op: &str, network: &Network| network.layers.iter().position(|layer| layer.op == op).expect("it is there");
    match behaviour {
        "unused-parameter" => {
            network.parameters.push(Parameter { name: "unused".into(), ..network.parameters[0].clone() })
        }
        "unused-layer" => {
            let mut layer = network.layers[last].clone();
            layer.scope = "nowhere".into();
            network.layers.push(layer);
        }
        "no-heads" => network.heads.clear(),
        "same-heads" => network.heads.push(network.heads[0].clone()),
        "head-outside" => network.heads[0].value = u32::MAX,
        "newer-op-set" => network.op_set = 1000,
        "empty" => network.layers.clear(),
        "nan-attribute" => {
            let norm = at("layer_norm", network);
            network.layers[norm].attributes[0].value = Value::Number(f64::NAN);
        }
        "long-attribute" => {
            let layout = Setting { key: "layout".into(), value: Value::Text("x".repeat(1 << 20)) };
            network.layers[last].attributes.push(layout);
        }
        "many-attributes" => {
            let layout = Setting { key: "layout".into(), value: Value::Text("out-in".into()) };
            network.layers[last].attributes = vec![layout; 100_000];
        }
        "other-heads" => {
            let attention = at("attention", network);
            network.layers[attention].attributes[0].value = Value::Integer(3);
        }
        "changes" if call > 1 => network.blocks.clear(),
        "enormous" => deepen(network, 200_000),
        "enormous-parameters" => {
            let parameter = Parameter { name: "p".into(), ..network.parameters[0].clone() };
            network.parameters.resize(200_000, parameter);
        }
        "deep" => deepen(network, 100_000),
        _ => {}
    }
}

/// Scales the head's input until the network has `n` layers.
fn deepen(network: &mut Network, n: usize) {
    let Some(mut head) = network.layers.pop() else { return };
    network.layers.reserve(n);
    while network.layers.len() + 1 < n {
        let attributes = vec![Setting { key: "factor".into(), value: Value::Number(1.0) }];
        let inputs = vec![network.layers.len() as u32 - 1];
        let layer = Layer { op: "scale".into(), scope: "deep".into(), inputs, parameters: vec![], attributes };
        network.layers.push(layer);
    }
    head.inputs[0] = network.layers.len() as u32 - 1;
    network.layers.push(head);
    network.heads[0].value = network.layers.len() as u32 - 1;
}

/// A good config with what `behaviour` names changed.
pub fn settings(behaviour: &str) -> Vec<Setting> {
    let setting = |key: &str, value| Setting { key: key.into(), value };
    let mut settings = vec![setting("model_type", Value::Text("hostile".into())), setting("theta", Value::Number(0.5))];
    match behaviour {
        "config-nan" => settings[1].value = Value::Number(f64::NAN),
        "config-twice" => settings.push(settings[0].clone()),
        "config-control" => settings[0].key = "\u{1b}[2J".into(),
        "config-enormous" => settings = vec![settings[0].clone(); 1_000_000],
        "huge-config" => settings[0].value = Value::Text("x".repeat(300 << 20)),
        _ => {}
    }
    settings
}
