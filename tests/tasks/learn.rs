//! Runs of every task learn, and do the same again when they are cut and resumed.

use super::toys::Toy;
use crate::records::{kind, of_run};
use serde_json::Value as Json;
use std::fs;

/// The metric `name` of a split.
#[track_caller]
fn metric(result: &Json, split: &str, name: &str) -> f64 {
    let values = result[split].as_array().unwrap();
    let found = values.iter().find(|value| value["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {result}"))["value"].as_f64().unwrap()
}

/// Records of the run that do not depend on the process.
fn records(toy: &Toy) -> Vec<Json> {
    let records = of_run(&toy.run()).into_iter();
    records.filter(|record| !["run", "resume", "plugins"].contains(&kind(record))).collect()
}

/// Trains, cuts the run at step 50 and resumes it to the same bytes; the loss of the whole validation text falls below
/// `loss`. Returns what `eval` says, which is the same each time.
#[track_caller]
fn learns(toy: &Toy, loss: f64) -> Json {
    let shown = toy.trains(&[]);
    let (expected, told) = (toy.checkpoint(120), records(toy));
    for step in [100, 120] {
        fs::remove_dir_all(toy.run().join(format!("checkpoints/step-{step}"))).unwrap();
    }
    let resumed = toy.trains(&["--resume"]);
    assert!(resumed.contains("resumed after step 50"), "{resumed}");
    assert!(toy.checkpoint(120) == expected, "the resumed run has other bytes");
    assert_eq!(records(toy), told);

    let result = toy.evaluated(&[]);
    assert_eq!(toy.evaluated(&[]), result);
    // the last validation of training was the same
    let last = told.iter().rev().find(|record| kind(record) == "validation").unwrap();
    let of_training = last.to_string();
    let got = metric(&result, "validation", "loss");
    assert!(of_training.contains(&format!("{got}")), "{got} is not in {of_training}");
    assert!(got < loss, "loss {got}\n{shown}");
    result
}

#[test]
fn labels() {
    let result = learns(&Toy::labels(), 0.1);
    let test = &result["predictions"]["test"];
    assert_eq!((&test["accuracy"], &test["macro"]["f1"]), (&1.0.into(), &1.0.into()));
    let confusion = test["confusion"].as_array().unwrap();
    assert!(confusion.iter().all(|cell| cell["gold"] == cell["predicted"]), "{confusion:?}");
    // sure of what is right, by the probability that is missing
    let ece = test["ece"].as_f64().unwrap();
    assert!((0.0..0.1).contains(&ece), "{ece}");
    assert_eq!(metric(&result, "test", "token-accuracy"), 1.0);
}

#[test]
fn several_labels() {
    let result = learns(&Toy::several(), 0.4);
    let f1 = result["predictions"]["test"]["micro"]["f1"].as_f64().unwrap();
    assert!(f1 > 0.9, "{result}");
}

#[test]
fn numbers() {
    // the variance of the shares is 0.13
    let result = learns(&Toy::number(), 0.03);
    let test = &result["predictions"]["test"];
    assert!(test["r2"].as_f64().unwrap() > 0.7, "{test}");
    let (mse, loss) = (test["mse"].as_f64().unwrap(), metric(&result, "test", "loss"));
    assert!((mse - loss).abs() < 1e-6, "{mse} {loss}");
}

#[test]
fn pairs_of_texts() {
    let result = learns(&Toy::pair(), 0.3);
    assert!(result["predictions"]["test"]["accuracy"].as_f64().unwrap() > 0.8, "{result}");
}

#[test]
fn tags() {
    let result = learns(&Toy::tags(false), 0.1);
    assert!(result["predictions"]["test"]["micro"]["f1"].as_f64().unwrap() > 0.9, "{result}");
}

#[test]
fn tags_with_a_field() {
    let result = learns(&Toy::tags(true), 0.1);
    assert!(result["predictions"]["test"]["micro"]["f1"].as_f64().unwrap() > 0.9, "{result}");
}

#[test]
fn tags_of_features() {
    let result = learns(&Toy::word_tags(), 0.05);
    assert!(result["predictions"]["test"]["micro"]["f1"].as_f64().unwrap() > 0.99, "{result}");
}

#[test]
fn hidden_tokens() {
    // four letters by chance are 1.4 nats, the bytes 5.5
    let result = learns(&Toy::masked(), 1.2);
    assert!(metric(&result, "test", "token-accuracy") > 0.6, "{result}");
}

#[test]
fn texts_from_texts() {
    let result = learns(&Toy::pairs(), 0.2);
    assert!(metric(&result, "test", "token-accuracy") > 0.9, "{result}");
}
