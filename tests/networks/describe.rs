//! What families describe.

use super::{FAMILIES, Json, configs, flat, imported, make, setting, sizes};
use std::collections::BTreeMap;
use trainyard_plugin::network::{Network, Parameter, Type, check};
use trainyard_plugin::{Sizes, Value};

fn matches(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name == pattern,
        Some((start, rest)) => name
            .strip_prefix(start)
            .is_some_and(|name| (0..=name.len()).any(|end| name.is_char_boundary(end) && matches(&name[end..], rest))),
    }
}

/// Names and shapes in the header of a file.
fn tensors(path: &std::path::Path) -> BTreeMap<String, Vec<u32>> {
    let bytes = std::fs::read(path).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let shape = |info: &safetensors::tensor::TensorInfo| info.shape.iter().map(|&size| size as u32).collect();
    metadata.tensors().into_iter().map(|(name, info)| (name, shape(info))).collect()
}

/// The parameters are the tensors that transformers saved: no more, no fewer, in these shapes.
#[test]
fn parameters_are_the_tensors_of_transformers() {
    for (folder, config) in configs() {
        let (_, network) = imported(&config).unwrap_or_else(|error| panic!("{}: {error:?}", folder.display()));
        let mut file = tensors(&folder.join("model.safetensors"));
        for Parameter { name, shape, .. } in &network.parameters {
            assert_eq!(file.remove(name).as_ref(), Some(shape), "{} {name}", folder.display());
        }
        file.retain(|name, _| !network.ignored.iter().any(|pattern| matches(name, pattern)));
        assert!(file.is_empty(), "{}: {file:?}", folder.display());
    }
}

/// Settings → `config.json` → settings: the same network.
#[test]
fn what_is_exported_is_read_again() {
    for (folder, config) in configs() {
        let (model, network) = imported(&config).unwrap();
        let exported = model.export(&sizes(&config)).unwrap();
        let settings = model.import(&exported).unwrap_or_else(|error| panic!("{}: {error:?}", folder.display()));
        let again = super::family(config["model_type"].as_str().unwrap())(&settings).unwrap();
        assert_eq!(again.describe(&sizes(&config)).unwrap(), network, "{}", folder.display());
    }
}

#[test]
fn defaults_make_a_model_of_every_family() {
    for (name, make) in FAMILIES {
        let model = make(&[]).unwrap();
        let network = model.describe(&Sizes::new(300, 64)).unwrap();
        let types = check(&network).unwrap();
        let logits = network.heads.iter().find(|head| head.name == "logits").unwrap();
        assert!(matches!(types[logits.value as usize], Type::Matrix { columns: 300, .. }), "{name}");
        assert_eq!(network, make(&[]).unwrap().describe(&Sizes::new(300, 64)).unwrap(), "{name}");
        let parameters: u64 = network.parameters.iter().map(elements).sum();
        assert!((50_000..8_000_000).contains(&parameters), "{name}: {parameters}");
        // what a default model exports, it reads
        model.import(&model.export(&Sizes::new(300, 64)).unwrap()).unwrap();
    }
}

fn elements(parameter: &Parameter) -> u64 {
    parameter.shape.iter().map(|&size| u64::from(size)).product()
}

fn parameter<'a>(network: &'a Network, name: &str) -> &'a Parameter {
    network.parameters.iter().find(|parameter| parameter.name == name).unwrap_or_else(|| panic!("no {name}"))
}

/// As the models that these families replace began.
#[test]
fn gpt2_and_llama_begin_as_before() {
    let layers = [setting("layers", Value::Integer(8))];
    let network = make::<trainyard_gpt2::Gpt2>(&layers).unwrap().describe(&Sizes::new(50, 16)).unwrap();
    let of = |name: &str| (parameter(&network, name).init.clone(), parameter(&network, name).scale);
    assert_eq!(of("transformer.wpe.weight"), ("normal".into(), 0.02));
    assert_eq!(of("transformer.h.7.attn.c_attn.weight"), ("normal".into(), 0.02));
    assert_eq!(of("transformer.h.7.attn.c_proj.weight"), ("normal".into(), 0.005));
    assert_eq!(of("transformer.h.0.mlp.c_proj.weight"), ("normal".into(), 0.005));
    assert_eq!(of("transformer.h.0.mlp.c_proj.bias").0, "zeros");
    assert_eq!(of("transformer.ln_f.weight").0, "ones");
    assert_eq!(parameter(&network, "transformer.h.0.mlp.c_fc.weight").shape, [256, 1024]);
    let network = make::<trainyard_llama::Llama>(&layers).unwrap().describe(&Sizes::new(50, 16)).unwrap();
    let of = |name: &str| (parameter(&network, name).init.clone(), parameter(&network, name).scale);
    assert_eq!(of("model.layers.7.self_attn.o_proj.weight"), ("normal".into(), 0.005));
    assert_eq!(of("model.layers.7.mlp.down_proj.weight"), ("normal".into(), 0.005));
    assert_eq!(of("model.layers.7.mlp.up_proj.weight"), ("normal".into(), 0.02));
    assert_eq!(parameter(&network, "model.layers.0.mlp.up_proj.weight").shape, [704, 256]);
    let decayed = network.parameters.iter().filter(|parameter| parameter.decay);
    assert!(decayed.into_iter().all(|parameter| parameter.shape.len() == 2));
}

/// The hub's names of old files.
#[test]
fn old_names_of_tensors_are_known() {
    let folder = |name: &str| configs().find(|(folder, _)| folder.ends_with(name)).unwrap().1;
    let network = imported(&folder("gpt2")).unwrap().1;
    assert_eq!(parameter(&network, "transformer.h.1.ln_1.bias").aliases, ["h.1.ln_1.bias"]);
    for name in ["h.0.attn.bias", "h.1.attn.masked_bias", "transformer.h.0.attn.bias", "lm_head.weight"] {
        assert!(network.ignored.iter().any(|pattern| matches(name, pattern)), "{name}");
    }
    let hidden = |name: &str| network.ignored.iter().any(|pattern| matches(name, pattern));
    assert!(network.parameters.iter().all(|parameter| !hidden(&parameter.name)));
    let network = imported(&folder("bert-pretraining")).unwrap().1;
    let aliases = &parameter(&network, "bert.encoder.layer.0.output.LayerNorm.weight").aliases;
    let short = "encoder.layer.0.output.LayerNorm";
    assert_eq!(aliases[..], [format!("{short}.weight"), format!("bert.{short}.gamma"), format!("{short}.gamma"),]);
}

/// Parameters of another context or with other numbers of classes are of the sizes that the host gives.
#[test]
fn sizes_of_the_host_are_taken() {
    let make = super::family("gpt2");
    let network = make(&[]).unwrap().describe(&Sizes::new(70, 33)).unwrap();
    assert_eq!(parameter(&network, "transformer.wpe.weight").shape, [33, 256]);
    let message = |make: super::Make, key: &str, value: Value, sizes: Sizes| {
        make(&[setting(key, value)]).and_then(|model| model.describe(&sizes)).err().unwrap().message
    };
    let expected = "context: expected at most 32, the positions that the model has, got 33";
    assert_eq!(message(make, "context", Value::Integer(32), Sizes::new(70, 33)), expected);
    let bert = super::family("bert");
    let head = || Value::Text("tokens".into());
    let expected = "labels: expected a number of classes for this head, got 0";
    assert_eq!(message(bert, "head", head(), Sizes::new(70, 33)), expected);
    let network = bert(&[setting("head", head())]).unwrap().describe(&Sizes::new(70, 33).labels(5)).unwrap();
    assert_eq!(parameter(&network, "classifier.weight").shape, [5, 256]);
}

/// Nothing in a description depends on keys of the config in another order.
#[test]
fn the_order_of_keys_does_not_matter() {
    for (folder, config) in configs() {
        let make = super::family(config["model_type"].as_str().unwrap());
        let mut settings = flat(&config);
        settings.reverse();
        let settings = make(&[]).unwrap().import(&settings).unwrap();
        let network = make(&settings).unwrap().describe(&sizes(&config)).unwrap();
        let Json::Object(_) = &config else { panic!("{}", folder.display()) };
        assert_eq!(network, imported(&config).unwrap().1);
    }
}
