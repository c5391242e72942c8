//! Classifiers of bags of features: what scikit-learn learns, resumed runs, and what does not go together.

use crate::device;
use crate::program::{Outcome, trainyard};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Gradient descent over all documents at once: it ends at the minimum of logistic regression.
const CONFIG: &str = r#"
[data]
validation = 0.0
test = 0.0
fields = { text = "text", label = "label" }
source = [{ path = "train.jsonl" }]
[tokenizer]
plugin = "byte"
[task]
kind = "labels"
weights = "tf-idf"
sublinear = true
ngrams = 2
buckets = 64
[model]
plugin = "features"
context = 256
[optimizer]
kind = "sgd"
lr = 1.0
momentum = 0.95
weight_decay = 0.01
[schedule]
kind = "constant"
warmup = 0
[train]
steps = 1500
batch = 72
clip = 0.0
threads = 1
checkpoint_every = 0
"#;

/// A folder with documents and the config.
fn folder(texts: &[Value]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let line = |document: &Value| format!("{}\n", json!({ "text": document[0], "label": document[1] }));
    fs::write(folder.path().join("train.jsonl"), texts.iter().map(line).collect::<String>()).unwrap();
    fs::write(folder.path().join("run.toml"), CONFIG).unwrap();
    folder
}

/// Trains with these settings: `key=value`, `!key` without one, or another argument.
fn train(folder: &Path, settings: &[&str]) -> Outcome {
    let mut arguments = vec!["train", "run.toml"];
    for setting in settings {
        match setting.strip_prefix('!') {
            Some(key) => arguments.extend(["--unset", key]),
            None if setting.starts_with("--") => arguments.push(setting),
            None => arguments.extend(["--set", setting]),
        }
    }
    trainyard(&arguments).in_folder(folder).run()
}

/// The runs of `golden/tfidf.json`, which `peers/tfidf_sklearn.py` made.
fn golden() -> Vec<Value> {
    let text = fs::read_to_string(Path::new(&device::manifest_dir()).join("golden/tfidf.json")).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    golden["logistic"].as_array().unwrap().clone()
}

#[test]
fn a_linear_classifier_of_tf_idf_is_logistic_regression() {
    for case in golden() {
        let documents = case["train"].as_array().unwrap();
        let folder = folder(documents);
        let outcome = train(folder.path(), &[&format!("train.batch={}", documents.len())]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        let texts = case["test"].as_array().unwrap();
        let lines: String = texts.iter().map(|text| format!("{}\n", json!({ "text": text }))).collect();
        let outcome = trainyard(&["predict", "runs/run"]).in_folder(folder.path()).input(lines).run();
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        let answers: Vec<Value> = outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(answers.len(), texts.len());
        for (answer, expected) in answers.iter().zip(case["expected"].as_array().unwrap()) {
            for (label, expected) in case["labels"].as_array().unwrap().iter().zip(expected.as_array().unwrap()) {
                let got = answer["probabilities"][label.as_str().unwrap()].as_f64().unwrap();
                let expected = expected.as_f64().unwrap();
                assert!((got - expected).abs() < 1e-4, "{answer}: {label} is {expected}");
            }
        }
    }
}

/// Runs of every kind of features, with the order of documents, masks of dropout and frequencies of words as before.
#[test]
fn a_resumed_run_ends_with_the_same_bytes() {
    let case = &golden()[1];
    let all = ["optimizer.kind=adamw", "!optimizer.momentum", "train.steps=12", "train.batch=8"];
    let saves = ["train.checkpoint_every=5", "train.keep_checkpoints=0"];
    let kinds: [&[&str]; 3] = [
        &["model.config.dropout=0.3"],
        &["model.config.layers=2", "model.config.width=8", "task.weights=binary", "!task.sublinear"],
        &["model.config.reads=mean", "model.config.width=8", "task.weights=count", "!task.sublinear"],
    ];
    for kind in kinds {
        let folder = folder(case["train"].as_array().unwrap());
        let run = |more: &[&str]| {
            let outcome = train(folder.path(), &[&all[..], &saves, kind, more].concat());
            assert_eq!(outcome.code, 0, "{kind:?}: {}", outcome.stderr);
        };
        let checkpoint = |step: u64| folder.path().join(format!("runs/run/checkpoints/step-{step}"));
        let last = || fs::read(checkpoint(12).join("model.safetensors")).unwrap();
        run(&[]);
        let whole = last();
        for step in [10, 12] {
            fs::remove_dir_all(checkpoint(step)).unwrap();
        }
        run(&["--resume"]);
        assert!(last() == whole, "{kind:?}");
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let folder = folder(golden()[0]["train"].as_array().unwrap());
    let cases: [(&[&str], &str); 5] = [
        (
            &["model.config.reads=mean"],
            "task.weights: the model does not read what words count for; set model.plugin = ",
        ),
        (&["task.pair=true"], "task.weights: a pair of texts is no bag of features: remove one"),
        (&["task.ngrams=1"], "task.buckets: are for runs of tokens: expected task.ngrams of 2 or more as well"),
        (&["task.weights=count"], "task.sublinear: is for weights = \"tf-idf\": remove it"),
        (&["task.weights=idf"], "task.weights: expected \"count\" or \"binary\" or \"tf-idf\", got \"idf\""),
    ];
    for (settings, expected) in cases {
        let outcome = train(folder.path(), settings);
        assert!(outcome.code != 0 && outcome.stderr.contains(expected), "{settings:?}: {}", outcome.stderr);
    }
}
