//! Searches with models of transformers equal those of transformers.
//!
//! `tests/golden/beams` is made by `tests/peers/beams_hf.py`, which says what is in it.

use crate::eval::{BeamConfig, BeamSearch};
use crate::formats::hf::NewRows;
use crate::model::{Model, Purpose, Spec};
use crate::ops::{Engine, Precision};
use crate::run::{Imported, StartWeights};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/beams").join(name)
}

fn model(folder: &Path) -> Model {
    let imported = Imported::open(folder, None).unwrap();
    let network = imported.network(imported.vocab, imported.context).unwrap();
    let mut weights = StartWeights::new(&imported, &network, imported.vocab).unwrap();
    let spec = Spec::new(&network, imported.context, Purpose::Inference);
    let model = Model::new(&spec, Engine::new(Precision::F64), 0).unwrap();
    weights.load(NewRows::default(), model.params()).unwrap();
    model
}

fn ids(json: &Json) -> Vec<u32> {
    json.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

fn texts(json: &Json) -> Vec<Vec<u32>> {
    json.as_array().unwrap().iter().map(ids).collect()
}

fn config(search: &Json, vocab: usize) -> BeamConfig {
    let number = |key: &str| search[key].as_u64().unwrap() as usize;
    let token = |key: &str| search[key].as_u64().map(|id| id as u32);
    BeamConfig {
        beams: number("beams"),
        length_penalty: search["length_penalty"].as_f64().unwrap(),
        max_tokens: number("max_tokens"),
        min_tokens: number("min_tokens"),
        no_repeat_ngram: number("no_repeat_ngram"),
        end: token("end"),
        first: token("first"),
        last: token("last"),
        n_tokens: vocab,
    }
}

/// All searches of a fixture; how many hypotheses were compared.
fn check(name: &str) -> usize {
    let folder = folder(name);
    let model = model(&folder);
    let fixture: Json = serde_json::from_slice(&std::fs::read(folder.join("beams.json")).unwrap()).unwrap();
    let (sources, prompts) = (texts(&fixture["sources"]), texts(&fixture["prompts"]));
    let [sources, prompts] = [&sources, &prompts].map(|texts| texts.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let mut compared = 0;
    for search in fixture["searches"].as_array().unwrap() {
        let config = config(search, model.vocab());
        let what = format!("{name}: {config:?}");
        let mut beams = BeamSearch::of_model(&model, &sources, &prompts, config).unwrap();
        while beams.step().unwrap() {}
        let (found, expected) = (beams.finish(), search["found"].as_array().unwrap());
        assert_eq!(found.len(), expected.len(), "{what}");
        for (text, (found, expected)) in found.iter().zip(expected).enumerate() {
            let expected = expected.as_array().unwrap();
            let got: Vec<_> = found.iter().map(|hypothesis| hypothesis.ids.clone()).collect();
            let known: Vec<_> = expected.iter().map(|hypothesis| ids(&hypothesis["ids"])).collect();
            assert_eq!(got, known, "{what}: text {text}");
            for (found, expected) in found.iter().zip(expected) {
                // transformers adds up float32, and a greedy search of it has no scores
                let Some(score) = expected["score"].as_f64() else { continue };
                let error = (found.score - score).abs();
                assert!(error <= 1e-5 * score.abs().max(1.0), "{what}: text {text}: {} is not {score}", found.score);
                compared += 1;
            }
        }
    }
    compared
}

#[test]
fn searches_equal_those_of_transformers() {
    for (name, compared) in [("t5", 148), ("bart", 148), ("gpt2", 116)] {
        assert_eq!(check(name), compared, "{name}");
    }
}

#[test]
fn a_context_that_is_too_short_is_named() {
    let model = model(&folder("bart"));
    let search = Json::from_iter([
        ("beams", Json::from(2)),
        ("length_penalty", 1.0.into()),
        ("max_tokens", 17.into()),
        ("min_tokens", 0.into()),
        ("no_repeat_ngram", 0.into()),
    ]);
    let refused = BeamSearch::of_model(&model, &[&[5]], &[&[2]], config(&search, 40)).err().unwrap().to_string();
    let expected =
        "max_tokens = 17 after a prompt of 1 tokens is more than the model's context of 16; write fewer tokens";
    assert_eq!(refused, expected);
}
