//! The transformer's parts: recomputation, memory, names, the contents of `config.json`.

use crate::device::{self, on, values};
use candle_core::Tensor;
use serde_json::json;
use std::path::Path;
use trainyard::base::random::Stream;
use trainyard::model::{Dropout, Model, Purpose, Spec};
use trainyard::ops::{self, Device, Precision};
use trainyard::rows::Tokens;
use trainyard::run::RunConfig;

const VOCAB: usize = 29;
const MODELS: [&str; 2] = ["gpt2", "llama"];

fn golden(model: &str, settings: &[&str]) -> RunConfig {
    let settings: Vec<String> = settings.iter().map(|&setting| setting.into()).collect();
    RunConfig::load(&Path::new(&device::manifest_dir()).join(format!("golden/{model}.toml")), &settings).unwrap()
}

fn transformer(config: &RunConfig, recompute: bool) -> Model {
    let described = config.model.described(VOCAB).unwrap();
    let spec = Spec::new(&described.network, config.model.context(), purpose(recompute));
    Model::new(&spec, device::engine(config.train.precision), 7).unwrap()
}

fn purpose(recompute: bool) -> Purpose {
    if recompute { Purpose::Recomputing } else { Purpose::Training }
}

/// Bytes of a model for `sequences` sequences of `length` tokens on the CPU.
fn bytes_of(config: &RunConfig, precision: Precision, size: (usize, usize), purpose: Purpose) -> u64 {
    let described = config.model.described(VOCAB).unwrap();
    let spec = Spec::new(&described.network, config.model.context(), purpose);
    Model::bytes(&spec, (precision, &Device::Cpu), size).unwrap()
}

/// Hidden states and gradients of all parameters after forward and backward over 3 sequences of 11 tokens.
fn gradients(config: &RunConfig, recompute: bool) -> (Vec<f64>, Vec<(String, Vec<f64>)>) {
    let mut model = transformer(config, recompute);
    let (rows, length) = (33_u32, 11);
    let ids: Vec<u32> = (0..rows).map(|i| i * i % VOCAB as u32).collect();
    let positions: Vec<u32> = (0..rows).map(|i| i % length).collect();
    let engine = device::engine(config.train.precision);
    let tokens = Tokens::new(&engine, &ids, &positions, length as usize).unwrap();
    let dropout = Some(Dropout { stream: Stream::new(3, "dropout"), first_sequence: 5 });
    let hidden = model.forward(&tokens, dropout).unwrap();
    let dhidden: Vec<f64> = (0..hidden.elem_count()).map(|i| (i as f64).sin()).collect();
    let dhidden = like(&hidden, &dhidden);
    model.backward(&tokens, dropout, &dhidden).unwrap();
    (
        values(&hidden),
        model.params().iter().map(|(name, param)| (name.to_owned(), values(param.grad.as_ref().unwrap()))).collect(),
    )
}

/// A tensor with these values and the shape, type and device of `tensor`.
fn like(tensor: &ops::Tensor, values: &[f64]) -> ops::Tensor {
    let values = Tensor::from_slice(values, tensor.shape(), &candle_core::Device::Cpu).unwrap();
    on(&values.to_dtype(tensor.dtype()).unwrap())
}

#[test]
fn recomputation_changes_no_bit() {
    for model in MODELS {
        for settings in [["model.dropout=0.3", "model.layers=3"], ["train.precision=f32", "model.layers=1"]] {
            let config = golden(model, &settings);
            let kept = gradients(&config, false);
            assert!(
                kept.1.iter().all(|(name, gradient)| name == "lm_head.weight" || gradient.iter().any(|&x| x != 0.0))
            );
            let again = gradients(&config, true);
            assert!(kept.0 == again.0, "{model} {settings:?}: hidden states");
            for ((name, kept), (_, again)) in kept.1.iter().zip(&again.1) {
                assert!(kept == again, "{model} {settings:?}: {name}");
            }
        }
    }
}

/// Documents that share a sequence have the same hidden states and gradients as alone.
///
/// A document alone is a batch of other sizes, whose products may be added in another order: 1e-12 in f64.
#[test]
fn packed_documents_are_as_if_each_were_alone() {
    for (model, recompute) in [("gpt2", false), ("llama", false), ("llama", true)] {
        let config = golden(model, &["train.precision=f64"]);
        let (lengths, length): ([u32; 6], _) = ([4, 1, 6, 11, 2, 9], 11);
        let rows: u32 = lengths.iter().sum();
        let ids: Vec<u32> = (0..rows).map(|i| i * i % VOCAB as u32).collect();
        let positions: Vec<u32> = lengths.into_iter().flat_map(|length| 0..length).collect();
        let width = config.model.size("width").unwrap();
        let dhidden: Vec<f64> = (0..rows as usize * width).map(|i| (i as f64).sin()).collect();
        let mut model = transformer(&config, recompute);
        let packed = pass(&mut model, &ids, &positions, length, &dhidden);
        let packed_gradients = gradients_of(&model);
        let mut model = transformer(&config, recompute);
        let (mut alone, mut start) = (Vec::new(), 0);
        for length in lengths.map(|length| length as usize) {
            let rows = start..start + length;
            let (ids, positions) = (&ids[rows.clone()], &positions[rows]);
            let dhidden = &dhidden[start * width..(start + length) * width];
            // Gradients of parameters add up.
            alone.extend(pass(&mut model, ids, positions, length, dhidden));
            start += length;
        }
        assert_near("hidden states", &packed, &alone);
        for ((name, packed), (_, alone)) in packed_gradients.iter().zip(&gradients_of(&model)) {
            assert_near(name, packed, alone);
        }
    }
}

/// The hidden states of a forward; gradients are added to those of the model.
fn pass(model: &mut Model, ids: &[u32], positions: &[u32], length: usize, dhidden: &[f64]) -> Vec<f64> {
    let engine = device::engine(Precision::F64);
    let tokens = Tokens::new(&engine, ids, positions, length).unwrap();
    let hidden = model.forward(&tokens, None).unwrap();
    let dhidden = like(&hidden, dhidden);
    let result = values(&hidden);
    model.backward(&tokens, None, &dhidden).unwrap();
    result
}

fn gradients_of(model: &Model) -> Vec<(String, Vec<f64>)> {
    model.params().iter().map(|(name, param)| (name.to_owned(), values(param.grad.as_ref().unwrap()))).collect()
}

#[track_caller]
fn assert_near(what: &str, got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1e-3, |a: f64, b| a.max(b.abs()));
    for (i, (a, b)) in got.iter().zip(expected).enumerate() {
        assert!((a - b).abs() < 1e-12 * scale, "{what}[{i}]: got {a}, expected {b}");
    }
}

/// The counts, by hand: C = width, Q = columns of q, k and v, E and H = network before and after its activation, S =
/// the values that a norm keeps of a row.
#[test]
fn bytes_are_known_before_anything_is_allocated() {
    let (sequences, length) = (3, 11);
    let rows = sequences * length;
    for (name, heads, q, e, h, s) in [("gpt2", 2, 48, 64, 64, 2), ("llama", 4, 48, 80, 40, 1)] {
        let config = golden(name, &["model.layers=3"]);
        let c = config.model.size("width").unwrap();
        let block = rows * (c + s + q + c + heads + c + c + s + e + h);
        let fixed = rows * (4 * c + c + s);
        let gradients = rows * (c + c + q + if e == h { h } else { e + h });
        let values = transformer(&config, false).params().n_values();
        let parameters = 2 * values;
        for (precision, size) in [(Precision::F64, 8), (Precision::F32, 4), (Precision::Bf16, 4)] {
            let bytes = |purpose| bytes_of(&config, precision, (sequences, length), purpose);
            let kept = (parameters + 3 * block + fixed + gradients) * size;
            assert_eq!(bytes(Purpose::Training), kept as u64, "{name}");
            let recomputed = (parameters + block + fixed + gradients) * size;
            assert_eq!(bytes(Purpose::Recomputing), recomputed as u64, "{name}");
            // a parameter that is only read has no gradient, and a block's values go when the next begins
            let read = bytes(Purpose::Inference);
            assert!(read < ((values + block + fixed) * size) as u64, "{name} {read}");
        }
        // a branch before it is added
        let dropout = golden(name, &["model.layers=3", "model.dropout=0.1"]);
        let bytes = |config: &RunConfig| bytes_of(config, Precision::F32, (sequences, length), Purpose::Training);
        assert_eq!(bytes(&dropout) - bytes(&config), (rows * c * 4) as u64);
    }
}

/// A model of about 10¹² parameters is measured without being allocated.
#[test]
fn bytes_of_a_model_that_fits_nowhere() {
    let config = golden("llama", &["model.width=65536", "model.heads=64", "model.hidden=220000", "model.layers=20"]);
    let bytes = bytes_of(&config, Precision::F32, (64, 12), Purpose::Training);
    assert!(bytes > 8_000_000_000_000, "{bytes}");
}

#[test]
fn floating_point_operations_are_those_of_the_products() {
    let flops = |model: &str| transformer(&golden(model, &["model.tied=false"]), false).flops_per_token();
    // 2 layers: q, k, v, projection and network; the output layer; causal attention over 12 positions.
    assert_eq!(flops("gpt2"), (6 * (2 * 12 * 16 * 16 + 29 * 16) + 6 * 2 * 16 * 12) as f64);
    let layer = 24 * (24 + 12 + 12) + 24 * 24 + 3 * 24 * 40;
    assert_eq!(flops("llama"), (6 * (2 * layer + 29 * 24) + 6 * 2 * 24 * 12) as f64);
}

/// q, k and v are in one matrix; each is initialised by its own name, and loading one does not change the others.
#[test]
fn stacked_parameters_are_parameters_of_their_own() {
    let config = golden("llama", &[]);
    let model = transformer(&config, false);
    let values = |name: &str| -> Vec<Vec<f64>> {
        let found = model.params().iter().find(|(key, _)| *key == name);
        found.unwrap().1.value.to_cpu().unwrap().to_vec2().unwrap()
    };
    let names = ["q_proj", "k_proj", "v_proj"].map(|name| format!("model.layers.1.self_attn.{name}.weight"));
    let before = names.each_ref().map(|name| values(name));
    assert_eq!(before.each_ref().map(Vec::len), [24, 12, 12]);
    let mut tensors: std::collections::BTreeMap<_, _> = model
        .params()
        .iter()
        .map(|(name, param)| (name.to_owned(), param.value.to_cpu().unwrap().force_contiguous().unwrap()))
        .collect();
    let twice = (&tensors[&names[1]] * 2.0).unwrap();
    tensors.insert(names[1].clone(), twice);
    model.params().load(tensors).unwrap();
    let after = names.each_ref().map(|name| values(name));
    assert_eq!((&after[0], &after[2]), (&before[0], &before[2]));
    assert!(after[1].iter().flatten().zip(before[1].iter().flatten()).all(|(after, before)| *after == 2.0 * before));
}

#[test]
fn tokens_that_the_model_does_not_have_are_errors() {
    let mut model = transformer(&golden("llama", &[]), false);
    let mut error = |ids: &[u32], positions: &[u32], length| {
        let positions: ops::Column<'_, u32> = positions.into();
        let offsets = positions.clone();
        let tokens = Tokens { ids: ids.into(), positions, offsets, types: None, weights: None, length, source: None };
        model.forward(&tokens, None).unwrap_err().to_string()
    };
    assert_eq!(error(&[1, 29], &[0, 1], 2), "token id 29 is outside the model's vocabulary of 29");
    assert_eq!(
        error(&[1, 2], &[11, 12], 2),
        "position 12 is outside the model's context of 12 tokens; raise model.context or cut the data shorter"
    );
    let expected = "a batch of 3 tokens with 3 positions is not a number of sequences of 2";
    assert_eq!(error(&[1, 2, 3], &[0, 1, 2], 2), expected);
    let expected = "a batch of 2 tokens with 1 positions is not a number of sequences of 2";
    assert_eq!(error(&[1, 2], &[0], 2), expected);
    assert_eq!(error(&[], &[], 0), "a batch of 0 tokens with 0 positions is not a number of sequences of 0");
}

#[test]
fn config_json_speaks_the_language_of_transformers() {
    let config =
        |name: &str, settings: &[&str]| golden(name, settings).model.described(VOCAB).unwrap().hugging_face(Some(2));
    let gpt = config("gpt2", &["model.gelu=erf", "model.hidden=48"]);
    assert_eq!((&gpt["activation_function"], &gpt["n_inner"]), (&json!("gelu"), &json!(48)));
    assert_eq!(config("gpt2", &[])["activation_function"], json!("gelu_new"));
    let llama = config("llama", &[]);
    let keys = ["num_key_value_heads", "intermediate_size", "rope_theta", "eos_token_id", "tie_word_embeddings"];
    assert_eq!(keys.map(|key| &llama[key]), [&json!(2), &json!(40), &json!(100.0), &json!(2), &json!(true)]);
}
