//! Adapters train as PEFT's do, and are read and written as PEFT's are: `golden/adapters` is made by
//! `peers/lora_peft.py`, which says what is in it.

use crate::device::{self, probe, values};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use trainyard::formats::peft::Adapter;
use trainyard::formats::safetensors::Weights;
use trainyard::loss::Program;
use trainyard::ops::BlockFormat;
use trainyard::rows::{Columns, Rows};
use trainyard::run::{DataSizes, RunConfig, RunPlugins};
use trainyard::train::Trainer;

const VOCAB: usize = 40;
const TOLERANCE: f64 = 1e-9;
/// What is saved is rounded to f32, and so are products of it.
const ROUNDED: f64 = 2e-6;

const CASES: [&str; 4] = ["query-value", "all-rslora", "patterns", "gpt2"];

fn folder(name: &str) -> PathBuf {
    Path::new(&device::manifest_dir()).join("golden/adapters").join(name)
}

fn reference(name: &str) -> Json {
    serde_json::from_slice(&std::fs::read(folder(name).join("reference.json")).unwrap()).unwrap()
}

fn base(reference: &Json) -> PathBuf {
    folder("..").join("networks").join(reference["base"].as_str().unwrap())
}

/// The config of a run with the adapter that is in `from`.
fn config(base: &Path, from: &Path, adamw: &Json, text: &Path) -> RunConfig {
    let [lr, beta1, beta2, eps, decay] = ["lr", "beta1", "beta2", "eps", "weight_decay"].map(|key| &adamw[key]);
    let (base, from, text) = (base.display(), from.display(), text.display());
    let config = format!(
        "[[data.source]]\npath = '{text}'\n[start]\nfrom = '{base}'\n[adapter]\nfrom = '{from}'\n\
         [tokenizer]\nplugin = 'byte'\n[model]\ncontext = 8\n[train]\nprecision = 'f64'\nclip = 0.0\n\
         [optimizer]\nlr = {lr}\nbeta1 = {beta1}\nbeta2 = {beta2}\neps = {eps}\nweight_decay = {decay}\n\
         [schedule]\nkind = 'constant'\nwarmup = 0\n"
    );
    RunConfig::parse(&config, &[]).unwrap()
}

fn trainer(config: &RunConfig) -> Trainer {
    let plugins = RunPlugins::open(config).unwrap();
    let loss = plugins.loss.loss().unwrap().describe().unwrap();
    let program = Program::compile_for(&[&loss], config.task.supplied()).unwrap();
    let described = plugins.described(config, DataSizes { vocab: VOCAB, labels: 0 }).unwrap();
    let trainer = Trainer::new(config, described, program, device::device()).unwrap();
    let (described, start) = (trainer.described(), config.start.as_ref().unwrap());
    start.load(config.model.named_plugin(), (described, &[]), trainer.model.params()).unwrap();
    let adapted = described.adapter.as_ref().unwrap();
    config.adapter.as_ref().unwrap().load(adapted, trainer.model.params()).unwrap();
    trainer
}

/// Sequences whose tokens predict the next one.
fn rows(batch: &Json) -> Rows {
    let sequences: Vec<Vec<u32>> = serde_json::from_value(batch.clone()).unwrap();
    let inputs: Vec<u32> = sequences.iter().flat_map(|ids| &ids[..ids.len() - 1]).copied().collect();
    let target: Vec<u32> = sequences.iter().flat_map(|ids| &ids[1..]).copied().collect();
    let rows = Rows::windows(inputs, sequences[0].len() - 1);
    let n = target.len();
    let position = rows.columns.position.clone();
    let columns = Columns { target, weight: vec![1.0; n], target_bytes: vec![1.0; n], position, ..Columns::default() };
    Rows { columns, ..rows }
}

#[track_caller]
fn assert_near(what: &str, got: f64, expected: f64, tolerance: f64) {
    let error = (got - expected).abs() / expected.abs().max(1.0);
    assert!(error < tolerance, "{what}: got {got}, expected {expected} (error {error:.1e})");
}

#[test]
fn adapters_are_trained_as_by_peft() {
    let scratch = tempfile::tempdir().unwrap();
    let text = scratch.path().join("text.txt");
    std::fs::write(&text, "text").unwrap();
    for name in CASES {
        let expected = reference(name);
        let config = config(&base(&expected), &folder(name).join("initial"), &expected["adamw"], &text);
        let mut trainer = trainer(&config);
        let batches: Vec<Rows> = expected["batches"].as_array().unwrap().iter().map(rows).collect();
        let frozen: Vec<_> = trainer.model.params().iter().filter(|(_, param)| param.grad.is_none()).collect();
        let frozen: Vec<_> = frozen.into_iter().map(|(name, param)| (name.to_owned(), values(&param.value))).collect();
        for (step, loss) in expected["losses"].as_array().unwrap().iter().enumerate() {
            let report = trainer.step(step as u64, &[batches[step % batches.len()].clone()]).unwrap();
            assert_near(&format!("{name}: step {step}"), report.outputs[0], loss.as_f64().unwrap(), TOLERANCE);
        }
        // what is trained is what PEFT has saved, and nothing else has changed
        let mut saved = Adapter::open(&folder(name).join("trained")).unwrap();
        let trained: Vec<String> = saved.names().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(trained.len(), trainer.model.params().iter().filter(|(_, param)| param.grad.is_some()).count());
        for (key, param) in trainer.model.params().iter() {
            if let Some((_, before)) = frozen.iter().find(|(name, _)| name == key) {
                assert_eq!(*before, values(&param.value), "{name}: {key} has changed");
                continue;
            }
            let saved = saved.read(key).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            for (got, saved) in values(&param.value).into_iter().zip(saved) {
                assert_near(&format!("{name}: {key}"), got, saved.into(), 1e-7);
            }
        }
    }
}

/// The weights beside an adapter are held in blocks, and computed with as if they were the numbers that these hold.
#[test]
fn blocks_train_as_the_numbers_that_they_hold() {
    let scratch = tempfile::tempdir().unwrap();
    let text = scratch.path().join("text.txt");
    std::fs::write(&text, "text").unwrap();
    for (name, format) in CASES.into_iter().flat_map(|name| BlockFormat::ALL.map(|format| (name, format))) {
        let expected = reference(name);
        let dense = config(&base(&expected), &folder(name).join("initial"), &expected["adamw"], &text);
        let mut quantized = dense.clone();
        quantized.adapter.as_mut().unwrap().quantize = Some(format);
        let (mut dense, mut quantized) = (trainer(&dense), trainer(&quantized));
        let held = quantized.model.params().quantized().unwrap().tensors.clone();
        assert!(held.iter().any(|name| name.ends_with("up_proj.weight") || name.ends_with("c_fc.weight")), "{held:?}");
        for (key, param) in dense.model.params().iter().filter(|(key, _)| held.contains(*key)) {
            assert!(param.grad.is_none(), "{key}");
            let rounded = format.rounded(&param.value.to_cpu().unwrap()).unwrap();
            dense.model.params().set(key, &rounded).unwrap();
        }
        let batches: Vec<Rows> = expected["batches"].as_array().unwrap().iter().map(rows).collect();
        let plain = expected["losses"][0].as_f64().unwrap();
        for step in 0..4 {
            let batch = &batches[step as usize % batches.len()];
            let [got, of_dense] = [&mut quantized, &mut dense]
                .map(|trainer| trainer.step(step, std::slice::from_ref(batch)).unwrap().outputs[0]);
            assert_near(&format!("{name}, {format:?}: step {step}"), got, of_dense, 1e-12);
            // it is another model than the one that is not rounded
            assert!(step > 0 || (got - plain).abs() > 1e-9, "{name}, {format:?}: {got}");
        }
    }
}

#[test]
fn weights_of_an_adapter_are_merged_as_by_peft() {
    for name in CASES.into_iter().chain(["dora"]) {
        let expected = reference(name);
        let mut weights = Weights::open(&folder(name).join("trained")).unwrap();
        let mut plain = Weights::open(&base(&expected)).unwrap();
        let names: Vec<String> = weights.entries().map(|(name, _)| name.to_owned()).collect();
        let merged = expected["merged"].as_object().unwrap();
        assert!(merged.keys().all(|key| names.contains(key)), "{name}");
        for key in names {
            let read = |weights: &mut Weights| -> Vec<f64> {
                let values = weights.read(&key).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
                values.into_iter().map(f64::from).collect()
            };
            let got = read(&mut weights);
            match merged.get(&key) {
                None => assert_eq!(got, read(&mut plain), "{name}: {key}"),
                Some(expected) => {
                    for (got, expected) in probe(&got).into_iter().zip(expected.as_array().unwrap()) {
                        assert_near(&format!("{name}: {key}"), got, expected.as_f64().unwrap(), ROUNDED);
                    }
                }
            }
        }
    }
}
