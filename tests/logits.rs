//! `trainyard logits` and `trainyard model inspect`: what imported models compute, as transformers and torch.nn do
//! (tests/golden/networks), and what is said of wrong folders.

use crate::program::trainyard;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use trainyard::eval::{Logits, LogitsRequest, logits};
use trainyard::ops::Precision;
use trainyard::run::ModelReport;

fn networks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/networks")
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().into_iter().flatten().map(|id| id.as_u64().unwrap() as u32).collect()
}

fn row(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// The ids that the decoder reads for these labels: shifted by the token that it begins with.
fn shifted(labels: &Value, config: &Value) -> Vec<u32> {
    let padding = config["pad_token_id"].as_u64().unwrap() as u32;
    let start = config["decoder_start_token_id"].as_u64().unwrap() as u32;
    let labels = labels.as_array().unwrap().iter().map(|id| id.as_u64().map_or(padding, |id| id as u32));
    let mut ids: Vec<_> = [start].into_iter().chain(labels).collect();
    ids.pop();
    ids
}

/// The largest difference of the logits of a folder from those in its reference.json, as a share of the largest logit.
fn difference(folder: &Path, precision: Precision) -> f64 {
    let (reference, config) = (json(&folder.join("reference.json")), json(&folder.join("config.json")));
    let inputs = &reference["inputs"];
    let (mut largest, mut worst) = (0.0_f64, 0.0_f64);
    for (i, sequence) in inputs["input_ids"].as_array().unwrap().iter().enumerate() {
        let mask = ids(&inputs["attention_mask"][i]);
        let has_decoder = config["is_encoder_decoder"] == true;
        let decoder_ids = if has_decoder { shifted(&inputs["labels"][i], &config) } else { Vec::new() };
        let (sequence, token_types) = (ids(sequence), ids(&inputs["token_type_ids"][i]));
        let request = LogitsRequest {
            ids: &sequence,
            token_types: &token_types,
            mask: &mask,
            decoder_ids: &decoder_ids,
            all: true,
            precision,
            hidden: false,
        };
        let found = rows(logits(folder, None, &request).unwrap());
        let expected = &reference["logits_f64"][i];
        let is_sequence = expected[0].is_number();
        let expected: Vec<_> = match is_sequence {
            true => vec![row(expected)],
            false => expected.as_array().unwrap().iter().map(row).collect(),
        };
        assert_eq!(found.len(), expected.len(), "{}", folder.display());
        let is_padding = |at: usize| !is_sequence && !has_decoder && mask.get(at) == Some(&0);
        for (_, (found, expected)) in found.iter().zip(&expected).enumerate().filter(|(at, _)| !is_padding(*at)) {
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                largest = largest.max(expected.abs());
                worst = worst.max((found - expected).abs());
            }
        }
    }
    worst / largest
}

#[test]
fn every_family_computes_what_the_reference_computes() {
    let mut folders: Vec<_> = fs::read_dir(networks()).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    // what tokens count for is made by a task: tests/networks/computed.rs gives it
    folders.retain(|folder| json(&folder.join("reference.json"))["inputs"]["token_weights"].is_null());
    assert!(folders.len() > 20);
    for folder in folders {
        let (double, single) = (difference(&folder, Precision::F64), difference(&folder, Precision::F32));
        assert!(double < 1e-9, "{}: {double}", folder.display());
        assert!(single < 1e-4, "{}: {single}", folder.display());
    }
}

fn golden(name: &str) -> String {
    networks().join(name).to_str().unwrap().to_owned()
}

#[track_caller]
fn fails(arguments: &[&str], code: i32, expected: &str) {
    let outcome = trainyard(arguments).run();
    assert_eq!(outcome.code, code, "{}", outcome.stderr);
    assert!(outcome.stderr.contains(expected) && outcome.stdout.is_empty(), "{}", outcome.stderr);
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
}

#[test]
fn logits_are_printed_as_json() {
    let shape = |arguments: &[&str]| {
        let outcome = trainyard(&[&["logits"], arguments, &["--json"]].concat()).run();
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        let printed: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let rows = printed["logits"].as_array().unwrap().clone();
        (rows.len(), rows[0].as_array().unwrap().len(), rows)
    };
    let llama = golden("llama");
    let (rows, columns, all) = shape(&[&llama, "--ids", "1,2,3", "--all"]);
    assert_eq!((rows, columns), (3, 40));
    let (rows, _, last) = shape(&[&llama, "--ids", "1,2,3"]);
    assert_eq!((rows, &last[0]), (1, &all[2]));
    let (rows, columns, _) = shape(&[&golden("bert-sequence"), "--ids", "1,2,3", "--all", "--token-types", "0,0,1"]);
    assert_eq!((rows, columns), (1, 3));
    let (rows, _, padded) = shape(&[&golden("bert-mlm"), "--ids", "1,2,3,0", "--mask", "1,1,1,0", "--all"]);
    assert!(rows == 4 && padded[3][0].is_null() && padded[2][0].is_number());
    let (rows, _, _) = shape(&[&golden("t5"), "--ids", "1,2,3", "--decoder-ids", "0,5", "--all", "--precision", "f64"]);
    assert_eq!(rows, 2);
    let text = trainyard(&["logits", &llama, "--ids", "1"]).run();
    assert!(text.code == 0 && text.stdout.contains("largest logits of each row"), "{}", text.stderr);
}

#[test]
fn wrong_requests_are_usage_errors() {
    let llama = golden("llama");
    fails(&["logits", "/nowhere", "--ids", "1"], 2, "/nowhere: there is no such folder, expected the folder of");
    fails(&["logits", &llama, "--ids", "1,2", "--mask", "1"], 2, "--mask: expected one number for each of the 2 ids");
    fails(&["logits", &llama, "--ids", "1", "--decoder-ids", "1"], 2, "--decoder-ids: this model has no decoder");
    fails(&["logits", &llama, "--ids", "40"], 1, "token id 40 is outside the model's vocabulary of 40");
    let long = (0..33).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    fails(&["logits", &llama, "--ids", &long], 1, "position 32 is outside the model's context of 32 tokens");
}

/// A copy of a golden folder whose config.json has another value.
fn changed(dir: &Path, name: &str, key: &str, value: Value) -> String {
    let folder = dir.join("changed");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(networks().join(name).join("model.safetensors"), folder.join("model.safetensors")).unwrap();
    let mut config = json(&networks().join(name).join("config.json"));
    config[key] = value;
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    folder.to_str().unwrap().to_owned()
}

#[test]
fn wrong_folders_are_named_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let logits = |folder: &str, code, expected: &str| fails(&["logits", folder, "--ids", "1"], code, expected);
    let folder = changed(dir.path(), "llama", "model_type", "unheard".into());
    logits(&folder, 2, "model_type is \"unheard\", which no built-in model reads; name a plugin that does");
    let folder = changed(dir.path(), "llama", "model_type", "gpt2".into());
    logits(&folder, 2, "config.json");
    let folder = changed(dir.path(), "llama", "new_key", 5.into());
    logits(&folder, 2, "new_key");
    let folder = changed(dir.path(), "llama", "intermediate_size", 32.into());
    logits(
        &folder,
        1,
        "has 6 tensors of another shape: model.layers.0.mlp.gate_proj.weight [24, 16], expected [32, 16]",
    );
    let folder = changed(dir.path(), "llama", "num_hidden_layers", 3.into());
    logits(&folder, 1, "misses 9 tensors that config.json asks for: model.layers.2.");
    let folder = changed(dir.path(), "llama", "num_hidden_layers", 1.into());
    logits(&folder, 1, "has 9 tensors that are nothing in this llama: model.layers.1.");
    let folder = changed(dir.path(), "llama", "vocab_size", 1_000_000.into());
    logits(&folder, 1, "expected [1000000, 16]");
    let folder = changed(dir.path(), "llama", "hidden_size", 16_777_216.into());
    logits(&folder, 1, "of another shape");
    fs::write(Path::new(&folder).join("config.json"), "{").unwrap();
    logits(&folder, 1, "config.json: not JSON");
    fs::remove_file(Path::new(&folder).join("config.json")).unwrap();
    logits(&folder, 2, "has neither, expected the folder of a Hugging Face model");
}

#[test]
fn models_are_inspected() {
    let report = ModelReport::of_folder(&networks().join("llama3"), None).unwrap();
    assert_eq!(report.family.as_deref(), Some("llama"));
    assert_eq!((report.vocabulary, report.context, report.blocks), (40, 32, Some(2)));
    let n: usize = report.tensors.iter().map(|tensor| tensor.shape.iter().product::<usize>()).sum();
    assert_eq!((report.parameters, report.bytes), (n as u64, 4 * n as u64));
    let outcome = trainyard(&["model", "inspect", &golden("bert-mlm")]).run();
    for line in ["family          bert", "layers          2 blocks", "  bert.embeddings.LayerNorm.weight"] {
        assert!(outcome.stdout.contains(line), "{}{}", outcome.stdout, outcome.stderr);
    }
    let outcome = trainyard(&["model", "inspect", "llama", "--config", "layers = 3", "--json"]).run();
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((&report["family"], &report["blocks"], &report["context"]), (&"llama".into(), &3.into(), &1024.into()));
    let dir = tempfile::tempdir().unwrap();
    let folder = changed(dir.path(), "llama", "model_type", "unheard".into());
    let outcome = trainyard(&["model", "inspect", &folder]).run();
    assert!(outcome.stdout.contains("llama (100 %)"), "{}{}", outcome.stdout, outcome.stderr);
    fails(&["model", "inspect", "lama"], 2, "lama: there is no such folder, and no built-in model of this name");
}

fn rows(result: Logits) -> Vec<Vec<f64>> {
    match result {
        Logits::Logits(rows) | Logits::Hidden(rows) => rows,
    }
}

/// What `--hidden` prints is what the output layer multiplies.
#[test]
fn hidden_states_make_the_logits() {
    let folder = networks().join("gpt2");
    let ask = |hidden| {
        let (ids, nothing) = ([1, 5, 2], &[][..]);
        let (all, precision) = (true, Precision::F64);
        let request = LogitsRequest {
            ids: &ids,
            token_types: nothing,
            mask: nothing,
            decoder_ids: nothing,
            all,
            hidden,
            precision,
        };
        rows(logits(&folder, None, &request).unwrap())
    };
    let weights = candle_core::safetensors::load(folder.join("model.safetensors"), &candle_core::Device::Cpu).unwrap();
    let table = weights["transformer.wte.weight"].to_dtype(candle_core::DType::F64).unwrap().to_vec2::<f64>().unwrap();
    for (hidden, logits) in ask(true).iter().zip(ask(false)) {
        for (row, logit) in table.iter().zip(logits) {
            let product: f64 = row.iter().zip(hidden).map(|(a, b)| a * b).sum();
            assert!((product - logit).abs() < 1e-12, "{product} and {logit}");
        }
    }
}
