//! What families read of `config.json`, and their errors.

use super::{FAMILIES, Make, configs, family, imported, json, setting};
use crate::device;
use serde_json::json as value;
use std::path::Path;
use trainyard_plugin::{ErrorKind, Value};

/// The message of a config with one more key.
fn refused(name: &str, key: &str, changed: serde_json::Value) -> String {
    let (_, mut config) = configs().find(|(folder, _)| folder.ends_with(name)).unwrap();
    config[key] = changed;
    let error = imported(&config).err().unwrap_or_else(|| panic!("{name}: {key} is taken"));
    assert_eq!(error.kind, ErrorKind::Config);
    error.message
}

/// Keys as the published configs of 21 models have them; `golden/hub_configs.json` was written by hand after them.
#[test]
fn configs_of_published_models_are_read() {
    let configs = json(&Path::new(&device::manifest_dir()).join("golden/hub_configs.json"));
    for (name, config) in configs.as_object().unwrap() {
        let (_, network) = imported(config).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let n: u64 = network.parameters.iter().map(|p| p.shape.iter().map(|&n| u64::from(n)).product::<u64>()).sum();
        // millions, as published; T5's and BART's count the embedding once
        let millions = match name.as_str() {
            "gpt2" => 124,
            "distilgpt2" => 82,
            "smollm2" => 135,
            "llama32" => 1236,
            "llama1" => 6738,
            "mistral" => 7242,
            "qwen25" => 494,
            "qwen3" => 596,
            "gemma2" => 2614,
            "gemma3" => 1000,
            "phi2" => 2780,
            "phi3" => 3821,
            "bert" => 110,
            "bert-zh" => 102,
            "minilm" => 23,
            "roberta" => 125,
            "xlmr" => 278,
            "t5" => 61,
            "flan" => 77,
            "mt5" => 300,
            "bart" => 139,
            other => panic!("{other}"),
        };
        assert!((n as f64 / 1e6 - f64::from(millions)).abs() <= 1.0, "{name}: {n}");
    }
}

#[test]
fn a_key_that_is_not_known_is_named() {
    for (folder, mut config) in configs() {
        config["router"] = value!({"experts": 8});
        let message = imported(&config).err().unwrap_or_else(|| panic!("{}", folder.display())).message;
        assert!(message.starts_with("config.json: router.experts = Integer(8)"), "{message}");
    }
}

#[test]
fn what_a_family_cannot_compute_is_refused() {
    let message = refused("llama", "architectures", value!(["LlamaForQuestionAnswering"]));
    let expected = "LlamaForCausalLM or LlamaModel or LLaMAForCausalLM, got LlamaForQuestionAnswering";
    assert_eq!(message, format!("config.json: architectures: expected {expected}"));
    let message = refused("llama", "hidden_act", value!("xielu"));
    assert!(message.starts_with("config.json: hidden_act: expected one of silu, ") && message.ends_with("\"xielu\""));
    let message = refused("llama", "rope_scaling", value!({"type": "longrope", "factor": 2.0}));
    let expected = "default or linear or dynamic or llama3 or yarn, got \"longrope\"";
    assert_eq!(message, format!("config.json: rope_scaling: expected {expected}"));
    let message = refused("llama", "rope_scaling", value!({"rope_type": "linear"}));
    assert_eq!(message, "rope_scaling: linear needs factor, got \"linear\"");
    let message = refused("llama", "hidden_size", value!("wide"));
    assert!(message.starts_with("config.json: hidden_size: expected a whole number"), "{message}");
    let message = refused("llama", "num_attention_heads", value!(3));
    assert!(message.starts_with("kv_heads: expected a divisor of heads"), "{message}");
    for (name, key, changed) in [
        ("gpt2", "scale_attn_by_inverse_layer_idx", value!(true)),
        ("gpt2", "activation_function", value!("relu6")),
        ("gemma3", "use_bidirectional_attention", value!(true)),
        ("bert-mlm", "position_embedding_type", value!("relative_key")),
        ("bert-mlm", "is_decoder", value!(true)),
        ("t5", "is_encoder_decoder", value!(false)),
        ("bart", "normalize_before", value!(true)),
        ("llama", "quantization_config", value!({"bits": 4})),
    ] {
        let message = refused(name, key, changed);
        assert!(message.starts_with(&format!("config.json: {key}")), "{message}");
    }
}

/// Scalings whose angles depend on the length of a text are exact up to the positions of the model, and refused beyond.
#[test]
fn dynamic_scaling_is_refused_beyond_its_positions() {
    let make = family("llama");
    let settings = |context| {
        [setting("rope_scaling", Value::Text("dynamic factor=2".into())), setting("context", Value::Integer(context))]
    };
    let sizes = trainyard_plugin::Sizes::new(40, 16);
    assert!(make(&settings(16)).unwrap().describe(&sizes).is_ok());
    let message = make(&settings(15)).unwrap().describe(&sizes).err().unwrap().message;
    assert_eq!(message, "context: expected at most 15, the positions that the model has, got 16");
}

fn message(make: Make, key: &str, value: Value) -> String {
    make(&[setting(key, value)]).err().map_or(String::new(), |error| error.message)
}

#[test]
fn settings_out_of_their_ranges() {
    for (name, make) in FAMILIES {
        let message = |key: &str, value| message(make, key, value);
        let range = "expected a whole number from 1 to 16777216, got";
        assert_eq!(message("width", Value::Integer(0)), format!("width: {range} 0"), "{name}");
        assert_eq!(message("width", Value::Integer(1 << 25)), format!("width: {range} 33554432"), "{name}");
        assert_eq!(message("dropout", Value::Number(1.0)), "dropout: expected at least 0 and below 1, got 1", "{name}");
        if name != "autoencoder" {
            let expected = "layers: expected a whole number from 1 to 10000, got 10001";
            assert_eq!(message("layers", Value::Integer(10_001)), expected, "{name}");
        }
        assert!(message("wdith", Value::Integer(8)).starts_with("wdith: unknown setting"), "{name}");
    }
    let llama = |key: &str, value| message(family("llama"), key, value);
    assert_eq!(llama("heads", Value::Integer(3)), "heads: expected a divisor of width, which is 256, got 3");
    assert_eq!(llama("kv_heads", Value::Integer(3)), "kv_heads: expected a divisor of heads, which is 4, got 3");
    let expected = "head_width: expected an even number, as rotary positions turn pairs, got 3";
    assert_eq!(llama("head_width", Value::Integer(3)), expected);
    let expected = "heads · head_width: expected a whole number from 1 to 16777216, got 67108864";
    assert_eq!(llama("head_width", Value::Integer(1 << 24)), expected);
    assert_eq!(llama("rope_theta", Value::Number(-1.0)), "rope_theta: expected a number above 0, got -1");
    let expected = "rope_scaling: expected linear with factor, each as name=number above 0, got \"factor=x\"";
    assert_eq!(llama("rope_scaling", Value::Text("linear factor=x".into())), expected);
    let expected = "attention_dropout: expected -1, or at least 0 and below 1, got 2";
    assert_eq!(llama("attention_dropout", Value::Number(2.0)), expected);
    let lstm = |key: &str, value| message(family("lstm"), key, value);
    assert_eq!(lstm("activation", Value::Text("relu".into())), "activation: expected \"tanh\", got \"relu\"");
    let tied = family("lstm")(&[setting("tied", Value::Boolean(true)), setting("embedding", Value::Integer(8))]);
    let expected = "embedding: expected 256, the columns of the last layer, as tied is true, got 8";
    assert_eq!(tied.err().unwrap().message, expected);
    let t5 = message(family("t5"), "buckets", Value::Integer(7));
    assert_eq!(t5, "buckets: expected an even number from 4 to 2 · max_distance, got 7");
}
