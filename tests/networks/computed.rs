//! What families compute, against transformers and torch.nn.

use super::{Json, Weights, folders, imported, json, logits, model, train};
use crate::device;
use candle_core::{Device, Tensor};
use safetensors::SafeTensors;
use std::collections::BTreeMap;
use std::path::Path;
use trainyard::loss::Totals;
use trainyard::model::{Decoder, Model, Purpose};
use trainyard::ops::{Column, Engine, Precision};
use trainyard::rows::{Columns, Rows, Source, Tokens};
use trainyard_plugin::network::Network;

const IGNORED: i64 = -100;

/// One document of a fixture.
#[derive(Debug, Default)]
struct Document {
    ids: Vec<u32>,
    types: Vec<u32>,
    /// What each token counts for; 1 each where there are none.
    weights: Vec<f32>,
    source: Vec<u32>,
    /// One for each row of logits; what is ignored counts for nothing.
    labels: Vec<i64>,
    logits: Vec<f64>,
}

fn integers(json: &Json) -> Vec<i64> {
    match json.as_array() {
        Some(items) => items.iter().map(|item| item.as_i64().unwrap()).collect(),
        None => vec![json.as_i64().unwrap()],
    }
}

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().map_or_else(|| vec![json.as_f64().unwrap()], |items| items.iter().flat_map(numbers).collect())
}

fn ids(json: &Json, n: usize) -> Vec<u32> {
    integers(json).into_iter().take(n).map(|id| id as u32).collect()
}

/// The documents of a fixture, without padding.
fn documents(reference: &Json, config: &Json) -> Vec<Document> {
    let (inputs, class) = (&reference["inputs"], reference["model_class"].as_str().unwrap());
    let n = inputs["input_ids"].as_array().unwrap().len();
    let both_ways = config["bidirectional"].as_bool().unwrap_or(false);
    let is_causal = class.contains("Causal") || class.contains("LMHead") || class == "torch.nn" && !both_ways;
    let document = |index: usize| {
        let all = inputs["input_ids"][index].as_array().unwrap().len();
        let length = inputs["attention_mask"][index].as_array();
        let length = length.map_or(all, |mask| mask.iter().filter(|one| one.as_i64() == Some(1)).count());
        let mut labels = integers(&inputs["labels"][index]);
        let mut document = Document { ids: ids(&inputs["input_ids"][index], length), ..Document::default() };
        if inputs["token_type_ids"].is_array() {
            document.types = ids(&inputs["token_type_ids"][index], length);
        }
        if let Some(weights) = inputs["token_weights"][index].as_array() {
            document.weights = weights.iter().take(length).map(|weight| weight.as_f64().unwrap() as f32).collect();
        }
        if class.contains("ConditionalGeneration") {
            // the decoder reads the labels one later, behind its first token
            let first = config["decoder_start_token_id"].as_i64().unwrap();
            let before = std::iter::once(first).chain(labels.iter().copied());
            let pad = config["pad_token_id"].as_i64().unwrap();
            let read = before.take(labels.len()).map(|id| if id == IGNORED { pad } else { id } as u32).collect();
            document.source = std::mem::replace(&mut document.ids, read);
        } else if is_causal {
            labels.remove(0);
            labels.push(IGNORED);
        } else if labels.len() > 1 {
            labels.truncate(length);
        }
        document.logits = numbers(&reference["logits_f64"][index]);
        document.labels = labels;
        document
    };
    (0..n).map(document).collect()
}

fn weights(folder: &Path, network: &Network) -> Weights {
    let bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let read = |name: &String| {
        let view = file.tensor(name).unwrap();
        let values: Vec<f64> =
            view.data().chunks_exact(4).map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect();
        Tensor::from_vec(values, view.shape(), &Device::Cpu).unwrap()
    };
    network.parameters.iter().map(|parameter| (parameter.name.clone(), read(&parameter.name))).collect()
}

fn fixture(network: &Network, precision: Precision, weights: &Weights) -> Model {
    model(network, (16, Purpose::Training, precision), weights)
}

fn positions(n: usize) -> Vec<u32> {
    (0..n as u32).collect()
}

/// A document as one sequence.
fn with_tokens<R>(engine: &Engine, document: &Document, body: impl FnOnce(&Tokens<'_>) -> R) -> R {
    let (places, n) = (positions(document.ids.len()), document.source.len());
    let (source_places, valid) = (positions(n), [n as u32]);
    let types = if document.types.is_empty() { vec![0; places.len()] } else { document.types.clone() };
    let column = |values| Column::new(engine, values).unwrap();
    let tokens = Tokens::new(engine, &document.ids, &places, places.len()).unwrap();
    let types = Some(Column::new(engine, &types[..]).unwrap());
    let source = (n > 0).then(|| Source {
        ids: column(&document.source[..]),
        positions: column(&source_places[..]),
        valid: column(&valid[..]),
        length: n,
    });
    let weights = (!document.weights.is_empty()).then(|| Column::new(engine, &document.weights[..]).unwrap());
    body(&Tokens { types, weights, source, ..tokens })
}

/// `[rows, vocab]`
fn logits_of(model: &mut Model, document: &Document) -> Vec<f64> {
    let engine = device::engine(model.engine().precision());
    with_tokens(&engine, document, |tokens| logits(model, tokens))
}

/// Mean loss over the rows that count, and gradients in the model.
fn loss(model: &mut Model, documents: &[Document]) -> f64 {
    let engine = device::engine(model.engine().precision());
    let mut totals = Totals::new(&engine, 1).unwrap();
    for document in documents {
        with_tokens(&engine, document, |tokens| {
            let n = document.labels.len();
            let mut rows = Rows::windows(vec![0; n], n);
            let counts = |label: &i64| if *label == IGNORED { 0.0 } else { 1.0 };
            rows.columns = Columns {
                target: document.labels.iter().map(|label| (*label).max(0) as u32).collect(),
                weight: document.labels.iter().map(counts).collect(),
                ..rows.columns
            };
            train(model, tokens, |_| rows, None, &mut totals);
        });
    }
    totals.read().unwrap()[0].value()
}

/// Gradients of the mean, by name.
fn gradients(model: &Model, documents: &[Document]) -> BTreeMap<String, Vec<f64>> {
    let counted = documents.iter().flat_map(|document| &document.labels).filter(|label| **label != IGNORED).count();
    let mean = |param: &trainyard::model::Param| {
        let sums = device::values(param.grad.as_ref().unwrap());
        sums.into_iter().map(|sum| sum / counted as f64).collect()
    };
    model.params().iter().map(|(name, param)| (name.to_owned(), mean(param))).collect()
}

fn check_logits(what: &str, model: &mut Model, documents: &[Document], limit: f64) {
    let largest = documents.iter().flat_map(|document| &document.logits).fold(0.0, |a: f64, b| a.max(b.abs()));
    for document in documents {
        // rows of padding are behind the others, and only in the reference
        for (i, (got, expected)) in logits_of(model, document).iter().zip(&document.logits).enumerate() {
            let error = (got - expected).abs();
            assert!(error <= limit * largest, "{what}: logit {i} is {got}, transformers has {expected}");
        }
    }
}

/// Logits of all tokens but the last two, read at once, and of these one by one. Whether the model can be read so.
fn check_decoding(what: &str, model: &Model, documents: &[Document], limit: f64) -> bool {
    let largest = documents.iter().flat_map(|document| &document.logits).fold(0.0, |a: f64, b| a.max(b.abs()));
    for document in documents {
        let Ok(mut decoder) = Decoder::new(model, &document.source) else { return false };
        let (n, width) = (document.ids.len(), model.vocab());
        let first = n.saturating_sub(2).max(1);
        for (start, end) in std::iter::once((0, first)).chain((first..n).map(|row| (row, row + 1))) {
            let got = decoder.read(&document.ids[start..end]).unwrap();
            let expected = &document.logits[(end - 1) * width..end * width];
            let error = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(error <= limit * largest, "{what}: logits after {end} tokens differ by {error}");
        }
    }
    true
}

/// Loss and gradients in float64, then the losses of ten steps of gradient descent with momentum on the same rows.
fn check_training(what: &str, network: &Network, mut weights: Weights, documents: &[Document], reference: &Json) {
    let trained = reference["gradients_f64"].as_object().unwrap();
    let sgd = &reference["sgd"];
    let (lr, momentum) = (sgd["lr"].as_f64().unwrap(), sgd["momentum"].as_f64().unwrap());
    let mut velocity: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (step, expected) in numbers(&reference["losses_f64"]).into_iter().enumerate() {
        let mut model = fixture(network, Precision::F64, &weights);
        let got = loss(&mut model, documents);
        let limit = if step == 0 { 1e-12 } else { 1e-9 };
        assert!(
            (got - expected).abs() < limit * expected.abs().max(1.0),
            "{what}: loss {step} is {got}, not {expected}"
        );
        let gradients = gradients(&model, documents);
        for name in trained.keys() {
            if step == 0 {
                let (got, expected) = (device::probe(&gradients[name]), numbers(&trained[name]));
                let near = |i: usize| (got[i] - expected[i]).abs() < 1e-9 * expected[0].max(1.0);
                assert!(near(0) && near(1), "{what}: gradient of {name} is {got:?}, not {expected:?}");
            }
            let velocity = velocity.entry(name.clone()).or_insert_with(|| vec![0.0; gradients[name].len()]);
            velocity.iter_mut().zip(&gradients[name]).for_each(|(v, g)| *v = momentum * *v + g);
            let delta = Tensor::from_vec(velocity.clone(), weights[name].dims(), &Device::Cpu).unwrap();
            let moved = (&weights[name] - (delta * lr).unwrap()).unwrap();
            weights.insert(name.clone(), moved);
        }
    }
}

#[test]
fn families_compute_what_transformers_computes() {
    let mut whole = Vec::new();
    for folder in folders() {
        let (config, reference) = (json(&folder.join("config.json")), json(&folder.join("reference.json")));
        let what = reference["name"].as_str().unwrap();
        let (_, network) = imported(&config).unwrap();
        let (documents, weights) = (documents(&reference, &config), weights(&folder, &network));
        // transformers' logits have ten digits in the file
        check_logits(what, &mut fixture(&network, Precision::F64, &weights), &documents, 2e-9);
        check_logits(what, &mut fixture(&network, Precision::F32, &weights), &documents, 1e-5);
        if !check_decoding(what, &fixture(&network, Precision::F64, &weights), &documents, 2e-9) {
            whole.push(config["model_type"].as_str().unwrap().to_owned());
        }
        check_training(what, &network, weights, &documents, &reference);
    }
    // models that read whole sequences, an LSTM in both directions among them; all others write token by token
    whole.sort();
    whole.dedup();
    assert_eq!(whole, ["autoencoder", "bert", "features", "lstm", "roberta"]);
}
