//! The families of models: what they read of `config.json`, what they describe, and what that computes.
//!
//! `golden/networks` is made by `peers/networks_golden.py`, which says what is in it.

mod computed;
mod describe;
mod import;
mod random;

use crate::device;
use candle_core::Tensor;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trainyard::loss::{Program, Totals};
use trainyard::model::{self, Dropout, Purpose, Spec};
use trainyard::ops::{self, Precision};
use trainyard::rows::{PlacedRows, Rows, Tokens};
use trainyard_plugin::network::Network;
use trainyard_plugin::{Builder, Config, Create, Model, Result, Setting, Sizes, Value};

type Make = fn(&[Setting]) -> Result<Box<dyn Model>>;

/// Name of a family and how it is made.
const FAMILIES: [(&str, Make); 18] = [
    ("autoencoder", make::<trainyard_autoencoder::Autoencoder>),
    ("bart", make::<trainyard_bart::Bart>),
    ("bert", make::<trainyard_bert::Bert>),
    ("features", make::<trainyard_features::Features>),
    ("gemma2", make::<trainyard_gemma2::Gemma2>),
    ("gemma3", make::<trainyard_gemma3::Gemma3>),
    ("gpt2", make::<trainyard_gpt2::Gpt2>),
    ("gru", make::<trainyard_gru::Gru>),
    ("llama", make::<trainyard_llama::Llama>),
    ("lstm", make::<trainyard_lstm::Lstm>),
    ("mistral", make::<trainyard_mistral::Mistral>),
    ("phi", make::<trainyard_phi::Phi>),
    ("phi3", make::<trainyard_phi3::Phi3>),
    ("qwen2", make::<trainyard_qwen2::Qwen2>),
    ("qwen3", make::<trainyard_qwen3::Qwen3>),
    ("rnn", make::<trainyard_rnn::Rnn>),
    ("roberta", make::<trainyard_roberta::Roberta>),
    ("t5", make::<trainyard_t5::T5>),
];

fn make<T: Create + Model + 'static>(settings: &[Setting]) -> Result<Box<dyn Model>> {
    Ok(Box::new(T::create(T::Config::from_settings(settings)?)?))
}

/// The family of a `model_type`.
fn family(model_type: &str) -> Make {
    let name = match model_type {
        "gemma3_text" => "gemma3",
        "xlm-roberta" => "roberta",
        "mt5" => "t5",
        other => other,
    };
    FAMILIES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no family {name}")).1
}

fn setting(key: &str, value: Value) -> Setting {
    Setting { key: key.into(), value }
}

/// A `config.json` as families get it.
fn flat(json: &Json) -> Vec<Setting> {
    let mut settings = Vec::new();
    flatten("", json, &mut settings);
    settings
}

fn flatten(key: &str, json: &Json, settings: &mut Vec<Setting>) {
    let numbers = |items: &[Json]| items.iter().map(Json::as_f64).collect::<Option<Vec<_>>>();
    let texts = |items: &[Json]| items.iter().map(|item| Some(item.as_str()?.to_owned())).collect::<Option<_>>();
    let value = match json {
        Json::Null => return,
        Json::Object(inside) => {
            for (inner, json) in inside {
                let dot = if key.is_empty() { "" } else { "." };
                flatten(&format!("{key}{dot}{inner}"), json, settings);
            }
            return;
        }
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => number.as_i64().map_or(Value::Number(number.as_f64().unwrap()), Value::Integer),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => numbers(items).map(Value::Numbers).or(texts(items).map(Value::Texts)).unwrap(),
    };
    settings.push(setting(key, value));
}

/// The model that a `config.json` is of, and its network.
fn imported(config: &Json) -> Result<(Box<dyn Model>, Network)> {
    let make = family(config["model_type"].as_str().unwrap());
    let settings = make(&[])?.import(&flat(config))?;
    let model = make(&settings)?;
    let network = model.describe(&sizes(config))?;
    Ok((model, network))
}

/// A context that every model here has positions for.
fn sizes(config: &Json) -> Sizes {
    Sizes::new(config["vocab_size"].as_u64().unwrap() as u32, 16)
}

fn json(path: &Path) -> Json {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// Folders of `golden/networks`.
fn folders() -> Vec<PathBuf> {
    let root = Path::new(&device::manifest_dir()).join("golden/networks");
    let mut folders: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert_eq!(folders.len(), 33);
    folders
}

/// Folders with each spelling of their `config.json`.
fn configs() -> impl Iterator<Item = (PathBuf, Json)> {
    let spellings = |folder: PathBuf| ["config.json", "config_v5.json"].map(|name| (folder.clone(), folder.join(name)));
    let all = folders().into_iter().flat_map(spellings).filter(|(_, path)| path.is_file());
    all.map(|(folder, path)| (folder, json(&path)))
}

/// Values of parameters, by name.
type Weights = BTreeMap<String, Tensor>;

/// A model for sequences of `context` tokens with these weights.
fn model(
    network: &Network,
    (context, purpose, precision): (usize, Purpose, Precision),
    weights: &Weights,
) -> model::Model {
    let model = model::Model::new(&Spec::new(network, context, purpose), device::engine(precision), 1).unwrap();
    model.params().load(weights.clone()).unwrap();
    model
}

/// `[n, vocab]`
fn logits(model: &mut model::Model, tokens: &Tokens<'_>) -> Vec<f64> {
    let engine = device::engine(model.engine().precision());
    let hidden = model.forward(tokens, None).unwrap();
    let out = device::zeros(&[hidden.dims()[0], model.vocab()], hidden.dtype());
    model.head().logits(&engine, &hidden, &out).unwrap();
    device::values(&out)
}

/// Adds the cross-entropy of the rows that `rows` gives for their number to `totals`, and its gradients to those of the
/// model.
fn train(
    model: &mut model::Model,
    tokens: &Tokens<'_>,
    rows: impl FnOnce(usize) -> Rows,
    dropout: Option<Dropout>,
    totals: &mut Totals,
) -> Rows {
    let engine = device::engine(model.engine().precision());
    let g = Builder::new();
    let program = Program::compile(&[&g.mean(-g.logits().log_softmax().gather(g.target()))]).unwrap();
    let hidden = model.forward(tokens, dropout).unwrap();
    let rows = rows(hidden.dims()[0]);
    let placed = PlacedRows::new(&engine, &rows, program.inputs()).unwrap();
    let dhidden = device::zeros(hidden.dims(), hidden.dtype());
    program.backward(&engine, &hidden, model.head(), &placed, 0, &dhidden, totals).unwrap();
    backward(model, tokens, dropout, &dhidden);
    rows
}

/// A backward by stages: nothing adds to a gradient after it is said to be whole, when it may be on its way to other
/// ranks.
fn backward(model: &mut model::Model, tokens: &Tokens<'_>, dropout: Option<Dropout>, dhidden: &ops::Tensor) {
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let stages: Vec<Vec<String>> = model.stages().into_iter().map(owned).collect();
    let gradients: BTreeMap<_, _> =
        model.params().iter().map(|(name, param)| (name.to_owned(), param.grad.clone().unwrap())).collect();
    let mut whole = BTreeMap::new();
    for (stage, names) in stages.into_iter().enumerate() {
        model.backward_stage(stage, tokens, dropout, dhidden).unwrap();
        whole.extend(names.into_iter().map(|name| (name.clone(), device::values(&gradients[&name]))));
    }
    let last: BTreeMap<_, _> = gradients.iter().map(|(name, grad)| (name.clone(), device::values(grad))).collect();
    assert_eq!(whole, last);
}
