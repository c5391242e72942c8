//! Training compared with PyTorch, finite differences and itself.

use crate::device::{self, values};
use candle_core::{Device, Tensor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use trainyard::loss::{Program, Totals};
use trainyard::model::Decoder;
use trainyard::ops;
use trainyard::rows::{Columns, InputSet, PlacedRows, Rows};
use trainyard::run::RunConfig;
use trainyard::train::Trainer;
use trainyard_plugin::{Builder, Graph};

// The shapes and formulas of peers/gpt2_golden.py and peers/llama_golden.py.
const CONTEXT: usize = 12;
const VOCAB: usize = 29;
const BATCH: usize = 3;
const STEPS: u64 = 20;
const MODELS: [&str; 2] = ["gpt2", "llama"];

const ADAMW: [&str; 6] = [
    "optimizer.kind=adamw",
    "optimizer.lr=3e-3",
    "optimizer.beta1=0.9",
    "optimizer.beta2=0.95",
    "optimizer.eps=1e-8",
    "optimizer.weight_decay=0.1",
];
const SGD: [&str; 4] =
    ["optimizer.kind=sgd", "optimizer.lr=3e-3", "optimizer.momentum=0.9", "optimizer.weight_decay=0.1"];

/// GPT-2's golden run with AdamW and with `settings` on top.
fn golden_config(settings: &[&str]) -> RunConfig {
    config_of("gpt2", &ADAMW, settings)
}

fn config_of(model: &str, optimizer: &[&str], settings: &[&str]) -> RunConfig {
    let settings: Vec<String> = [optimizer, settings].concat().iter().map(|&setting| setting.into()).collect();
    RunConfig::load(&Path::new(&device::manifest_dir()).join(format!("golden/{model}.toml")), &settings).unwrap()
}

fn cross_entropy() -> Graph {
    let g = Builder::new();
    g.mean(-g.logits().log_softmax().gather(g.target()))
}

fn trainer(config: &RunConfig) -> Trainer {
    trainer_of(config, Program::compile(&[&cross_entropy()]).unwrap())
}

/// A trainer with the weights of the golden runs.
fn trainer_of(config: &RunConfig, program: Program) -> Trainer {
    let trainer = Trainer::new(config, config.model.described(VOCAB).unwrap(), program, device::device()).unwrap();
    let mut weights = BTreeMap::new();
    for (p, (name, param)) in trainer.model.params().iter().enumerate() {
        let is_norm = name.contains(".ln_") || name.contains("norm");
        let one = if is_norm && name.ends_with("weight") { 1.0 } else { 0.0 };
        let n = param.value.elem_count();
        let values: Vec<f64> = (1..=n).map(|i| (0.7 * i as f64 + p as f64).sin() / 10.0 + one).collect();
        weights.insert(name.to_owned(), Tensor::from_vec(values, param.value.shape(), &Device::Cpu).unwrap());
    }
    trainer.model.params().load(weights).unwrap();
    trainer
}

/// Rows `rows` of the step's tokens.
fn batch(step: usize, rows: std::ops::Range<usize>) -> Rows {
    let token = |r: usize, c: usize| ((7 * step + 5 * r + 3 * c + c * c + step * c * r) % VOCAB) as u32;
    let (mut inputs, mut target) = (Vec::new(), Vec::new());
    for r in rows {
        inputs.extend((0..CONTEXT).map(|c| token(r, c)));
        target.extend((1..=CONTEXT).map(|c| token(r, c)));
    }
    let n = inputs.len();
    let mut rows = Rows::windows(inputs, CONTEXT);
    rows.columns = Columns { target, weight: vec![1.0; n], target_bytes: vec![1.0; n], ..rows.columns };
    rows
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

#[track_caller]
fn assert_near(what: &str, got: f64, expected: f64, limit: f64) {
    let error = (got - expected).abs() / expected.abs().max(1e-3);
    assert!(error < limit, "{what}: got {got}, PyTorch has {expected} (relative error {error:.1e})");
}

/// 20 steps from the same weights give PyTorch's losses, gradient norms and final parameters.
///
/// `limit` is relative, for losses; norms and parameters, which rounding moves more, may differ by 100 times that.
fn check_golden(model: &str, case: &str, config: &RunConfig, limit: f64) {
    let path = Path::new(&device::manifest_dir()).join(format!("golden/{model}.json"));
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let golden = &golden[case];
    let mut trainer = trainer(config);
    for step in 0..STEPS {
        let report = trainer.step(step, &[batch(step as usize, 0..BATCH)]).unwrap();
        let i = step as usize;
        assert_near(&format!("loss of step {i}"), report.outputs[0], numbers(&golden["losses"])[i], limit);
        assert_near(
            &format!("gradient norm of step {i}"),
            report.grad_norm,
            numbers(&golden["grad_norms"])[i],
            limit * 100.0,
        );
    }
    for (name, param) in trainer.model.params().iter() {
        let values = values(&param.value);
        let expected = numbers(&golden["final"][name]);
        assert_near(&format!("sum of {name}"), values.iter().sum(), expected[0], limit * 100.0);
        assert_near(&format!("squares of {name}"), values.iter().map(|x| x * x).sum(), expected[1], limit * 100.0);
    }
    assert_eq!(golden["final"].as_object().unwrap().len(), trainer.model.params().iter().count());
}

#[test]
fn adamw_equals_pytorch() {
    for model in MODELS {
        check_golden(model, "tied-adamw", &config_of(model, &ADAMW, &[]), 1e-10);
        check_golden(model, "untied-adamw", &config_of(model, &ADAMW, &["model.tied=false"]), 1e-10);
    }
}

#[test]
fn sgd_equals_pytorch() {
    check_golden("gpt2", "untied-sgd", &config_of("gpt2", &SGD, &["model.tied=false"]), 1e-10);
}

#[test]
fn f32_follows_pytorch_to_rounding() {
    for model in MODELS {
        check_golden(model, "tied-adamw", &config_of(model, &ADAMW, &["train.precision=f32"]), 1e-4);
    }
}

/// The first losses stay near those in f64, and are not f32's: the factors of products are rounded, on a GPU all
/// activations. (Later ones drift apart, as AdamW's steps at this learning rate multiply any difference.)
#[test]
fn bf16_follows_f64_from_some_distance() {
    for model in MODELS {
        let losses = |precision: &str| -> Vec<f64> {
            let mut trainer = trainer(&config_of(model, &ADAMW, &[precision]));
            let loss = |step| trainer.step(step, &[batch(step as usize, 0..BATCH)]).unwrap().outputs[0];
            (0..5).map(loss).collect()
        };
        let (got, expected) = (losses("train.precision=bf16"), losses("train.precision=f64"));
        let errors: Vec<f64> = got.iter().zip(&expected).map(|(got, expected)| (got / expected - 1.0).abs()).collect();
        let worst = errors.iter().copied().fold(0.0, f64::max);
        let limit = if device::is_cpu() { 2e-3 } else { 6e-3 };
        assert!((1e-5..limit).contains(&worst), "{model}: {errors:?}");
    }
}

/// The gradient of every parameter, at a few places each, compared with central differences of the loss in f64.
#[test]
fn gradients_equal_finite_differences() {
    let cases = [("gpt2", "model.gelu=tanh"), ("gpt2", "model.gelu=erf"), ("gpt2", "model.tied=false")];
    for (model, setting) in cases.into_iter().chain([("llama", "model.tied=true"), ("llama", "model.tied=false")]) {
        let config = config_of(model, &ADAMW, &[setting]);
        let mut trainer = trainer(&config);
        let batch = batch(3, 0..BATCH);
        let program = Program::compile(&[&cross_entropy()]).unwrap();
        let placed = PlacedRows::new(trainer.model.engine(), &batch, program.inputs()).unwrap();
        let tokens = placed.tokens();
        let hidden = trainer.model.forward(&tokens, None).unwrap();
        let dhidden = hidden.zeros_like().unwrap();
        let mut totals = Totals::new(trainer.model.engine(), 1).unwrap();
        let (engine, head) = (trainer.model.engine(), trainer.model.head());
        program.backward(engine, &hidden, head, &placed, 0, &dhidden, &mut totals).unwrap();
        trainer.model.backward(&tokens, None, &dhidden).unwrap();
        let params: Vec<_> =
            trainer.model.params().iter().map(|(name, param)| (name.to_owned(), param.clone())).collect();
        for (name, param) in params {
            let (values, gradient) = (values(&param.value), values(param.grad.as_ref().unwrap()));
            let stride = (values.len() / 3).max(1);
            for i in (0..values.len()).step_by(stride) {
                let mut loss_at = |by: f64| {
                    let mut moved = values.clone();
                    moved[i] += by;
                    set(&param.value, moved);
                    let hidden = trainer.model.forward(&tokens, None).unwrap();
                    let (engine, head) = (trainer.model.engine(), trainer.model.head());
                    totals.clear().unwrap();
                    program.forward(engine, &hidden, head, &placed, 0, &mut totals).unwrap();
                    totals.read().unwrap()[0].sum
                };
                let expected = (loss_at(1e-6) - loss_at(-1e-6)) / 2e-6;
                set(&param.value, values.clone());
                let error = (gradient[i] - expected).abs();
                assert!(
                    error < 1e-6 * expected.abs().max(1.0),
                    "{name}[{i}]: got {}, expected {expected}",
                    gradient[i]
                );
            }
        }
    }
}

fn set(tensor: &ops::Tensor, values: Vec<f64>) {
    tensor.write(&Tensor::from_vec(values, tensor.shape(), &Device::Cpu).unwrap()).unwrap();
}

/// One batch of 4 sequences and 4 batches of 1, or batches of 1 and 3, train the same model, with and without dropout.
#[test]
fn accumulation_equals_the_big_batch() {
    for (precision, limit) in [("train.precision=f64", 1e-12), ("train.precision=f32", 2e-5)] {
        for dropout in ["model.dropout=0", "model.dropout=0.3"] {
            MODELS.iter().for_each(|model| check_accumulation(&config_of(model, &ADAMW, &[precision, dropout]), limit));
        }
    }
}

fn check_accumulation(config: &RunConfig, limit: f64) {
    let run = |cuts: &[std::ops::Range<usize>]| {
        let mut trainer = trainer(config);
        (0..5)
            .map(|step| {
                let micro: Vec<Rows> = cuts.iter().map(|rows| batch(step, rows.clone())).collect();
                trainer.step(step as u64, &micro).unwrap()
            })
            .map(|report| (report.outputs[0], report.grad_norm))
            .collect::<Vec<_>>()
    };
    let whole = run(std::slice::from_ref(&(0..4)));
    for cut in [vec![0..1, 1..2, 2..3, 3..4], vec![0..1, 1..4]] {
        for ((loss, norm), (whole_loss, whole_norm)) in run(&cut).into_iter().zip(&whole) {
            assert_near("loss", loss, *whole_loss, limit);
            // AdamW divides by tiny second moments at first, which multiplies rounding from step to step: in f32
            // each of the two runs is up to 1.5e-5 away from that in f64.
            assert_near("gradient norm", norm, *whole_norm, limit * 2.0);
        }
    }
}

#[test]
fn one_batch_can_be_learned_by_heart() {
    let config = golden_config(&[
        "train.precision=f32",
        "train.steps=400",
        "optimizer.lr=1e-2",
        "schedule.kind=constant",
        "train.clip=1",
    ]);
    let mut trainer = trainer(&config);
    let mut loss = f64::NAN;
    for step in 0..400 {
        loss = trainer.step(step, &[batch(1, 0..BATCH)]).unwrap().outputs[0];
    }
    assert!(loss < 0.02, "the loss of a batch seen 400 times is still {loss}");
}

#[test]
fn cached_decoding_equals_the_forward_pass() {
    MODELS.iter().for_each(|model| check_decoding(&config_of(model, &ADAMW, &[])));
}

fn check_decoding(config: &RunConfig) {
    let mut trainer = trainer(config);
    let batch = batch(2, 0..1);
    let placed = PlacedRows::new(trainer.model.engine(), &batch, InputSet::NONE).unwrap();
    let hidden = trainer.model.forward(&placed.tokens(), None).unwrap().to_cpu().unwrap();
    let head = trainer.model.head().weight.value.to_cpu().unwrap();
    let expected = hidden.matmul(&head.t().unwrap()).unwrap().to_vec2::<f64>().unwrap();
    let mut decoder = Decoder::new(&trainer.model, &[]).unwrap();
    for (id, expected) in batch.inputs.iter().zip(expected) {
        let logits = decoder.read(&[*id]).unwrap();
        assert!(logits.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12));
    }
    assert_eq!(decoder.read(&[0]).unwrap_err().to_string(), "the context of 12 tokens is full");
}

#[test]
fn dropout_changes_training_and_not_evaluation() {
    let config = golden_config(&["model.dropout=0.2"]);
    let (mut with, mut without) = (trainer(&config), trainer(&golden_config(&[])));
    let losses: Vec<f64> = (0..3).map(|step| with.step(step, &[batch(0, 0..BATCH)]).unwrap().outputs[0]).collect();
    assert_ne!(losses[0], without.step(0, &[batch(0, 0..BATCH)]).unwrap().outputs[0]);
    let batch = batch(2, 0..1);
    let placed = PlacedRows::new(with.model.engine(), &batch, InputSet::NONE).unwrap();
    let first = values(&with.model.forward(&placed.tokens(), None).unwrap());
    assert_eq!(first, values(&with.model.forward(&placed.tokens(), None).unwrap()));
}

#[test]
fn a_loss_that_ignores_the_model_is_named_before_the_first_update() {
    let g = Builder::new();
    let graph = g.mean(g.position());
    let program = Program::compile(&[&graph]).unwrap();
    let config = golden_config(&[]);
    let described = config.model.described(VOCAB).unwrap();
    let mut trainer = Trainer::new(&config, described, program, device::device()).unwrap();
    let error = trainer.step(0, &[batch(0, 0..BATCH)]).unwrap_err().to_string();
    assert!(error.contains("has no gradient after step 1"), "{error}");
}

#[test]
fn a_step_that_is_not_finite_updates_nothing() {
    let g = Builder::new();
    let graph = g.mean(g.logits().log_softmax().gather(g.target()).log());
    let program = Program::compile(&[&graph]).unwrap();
    let config = golden_config(&[]);
    let described = config.model.described(VOCAB).unwrap();
    let mut trainer = Trainer::new(&config, described, program, device::device()).unwrap();
    let values = |trainer: &Trainer| -> Vec<Vec<f64>> {
        trainer.model.params().iter().map(|(_, p)| device::values(&p.value)).collect()
    };
    let before = values(&trainer);
    let error = trainer.step(4, &[batch(0, 0..BATCH)]).unwrap_err().to_string();
    assert!(error.starts_with("step 4: loss is NaN and the norm of the gradient "), "{error}");
    assert!(error.contains("nothing was updated"), "{error}");
    assert_eq!(before, values(&trainer));
}

/// A step reads what its batches carry, whoever filled it: a column of halves halves loss and gradient.
#[test]
fn a_step_reads_inputs_that_prepared_data_does_not_have() {
    let g = Builder::new();
    let graph = g.mean(-g.logits().log_softmax().gather(g.target()) * g.advantage());
    let program = || Program::compile(&[&graph]).unwrap();
    let micro_batches = [batch(0, 0..1), batch(0, 1..3)];
    let with = |advantage: f32| {
        let mut micro_batches = micro_batches.clone();
        micro_batches.iter_mut().for_each(|rows| rows.columns.advantage = vec![advantage; rows.len()]);
        micro_batches
    };
    let config = golden_config(&[]);
    let plain = trainer(&config).step(0, &micro_batches).unwrap();
    for factor in [1.0, 0.5] {
        let mut trainer = trainer_of(&config, program());
        let report = trainer.step(0, &with(factor)).unwrap();
        let factor = f64::from(factor);
        assert_near("loss", report.outputs[0], factor * plain.outputs[0], 1e-12);
        assert_near("gradient norm", report.grad_norm, factor * plain.grad_norm, 1e-12);
        let error = trainer.step(1, &micro_batches).unwrap_err().to_string();
        let expected =
            "loss: input \"input.advantage\" is in no row of the batch; use a plugin that does not ask for it";
        assert_eq!(error, expected);
    }
}
