//! Many runs through the program: swept, listed, compared, exported.

use crate::program::trainyard;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use tempfile::TempDir;

const CONFIG: &str = r#"
[run]
tags = ["small"]
note = "for a test"
[[data.source]]
path = "a.txt"
document_bytes = 200
[data]
validation = 0.2
test = 0.2
[tokenizer]
plugin = "byte"
[model]
plugin = "gpt2"
context = 16
config.layers = 1
config.heads = 2
config.width = 16
[train]
steps = 12
batch = 4
threads = 1
validate_every = 6
[schedule]
kind = "constant"
warmup = 0
[sample]
tokens = 8
"#;

const SWEEP: &str = r#"
base = "x.toml"
name = "lr"
seeds = 2
design = "one-at-a-time"
[axes]
"optimizer.lr" = [1e-3, 3e-2]
"loss.plugin" = ["cross-entropy", "z-loss"]
"#;

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

/// A folder with a sweep that has run.
fn swept() -> &'static Path {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "a.txt", &"the cat sat on the mat, and the dog in the garden\n".repeat(200));
        write(folder.path(), "x.toml", &(CONFIG.to_owned() + "[optimizer]\nlr = 1e-3\n"));
        write(folder.path(), "s.toml", SWEEP);
        trainyard(&["sweep", "s.toml", "--jobs", "2"]).in_folder(folder.path()).succeeds();
        folder
    };
    MADE.get_or_init(make).path()
}

fn says(arguments: &[&str]) -> String {
    trainyard(arguments).in_folder(swept()).succeeds().stdout
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&says(arguments)).unwrap()
}

#[test]
fn a_sweep_runs_compares_and_is_done_only_once() {
    let said = says(&["compare", "runs/lr", "--metric", "bits-per-byte"]);
    assert!(said.contains("paired t over 2 seeds") && said.contains("lr=0.03"), "{said}");
    let comparison = json(&["compare", "runs/lr", "--json"]);
    assert_eq!(comparison["variants"].as_array().unwrap().len(), 3);
    // the same command again trains nothing
    let again = trainyard(&["sweep", "s.toml"]).in_folder(swept()).succeeds();
    assert!(again.stderr.contains("6 of 6 runs are done") && !again.stderr.contains("started"), "{}", again.stderr);
    let planned = says(&["sweep", "s.toml", "--dry-run"]);
    assert!(planned.contains("6 runs, 6 done"), "{planned}");
    // a run of a sweep is the run of its config
    let (own, config) = (swept().join("runs/lr/base/seed-1"), ["train", "x.toml", "--set", "run.name=own"]);
    trainyard(&config).in_folder(swept()).succeeds();
    let bytes = |run: &Path| fs::read(run.join("checkpoints/step-12/model.safetensors")).unwrap();
    assert_eq!(bytes(&own), bytes(&swept().join("runs/own")));
}

#[test]
fn runs_are_listed() {
    let all = json(&["runs", "runs/lr", "--json"]);
    assert_eq!(all.as_array().unwrap().len(), 6);
    let one = |conditions: &[&str]| {
        let wheres: Vec<&str> = conditions.iter().flat_map(|condition| ["--where", condition]).collect();
        json(&[&["runs", "runs/lr", "--json"], &wheres[..]].concat()).as_array().unwrap().len()
    };
    assert_eq!(one(&["loss.plugin=z-loss"]), 2);
    assert_eq!(one(&["optimizer.lr>0.01", "run.seed=2"]), 1);
    assert_eq!(one(&["state=done", "tag=small"]), 6);
    assert!(says(&["runs", "runs/lr", "--sort", "-test"]).contains("done"));
    let csv = says(&["runs", "runs/lr", "--csv"]);
    assert!(csv.lines().count() == 7 && csv.contains("for a test"), "{csv}");
    let wrong = trainyard(&["runs", "runs/lr", "--where", "los.plugin=a"]).in_folder(swept()).run();
    assert!(wrong.code == 2 && wrong.stderr.contains("did you mean \"loss.plugin\"?"), "{}", wrong.stderr);
    let plan = says(&["runs", "clean", "runs/lr"]);
    assert!(swept().join("runs/lr/base/seed-1/checkpoints/step-12").is_dir(), "{plan}");
}

#[test]
fn records_are_exported() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path().to_str().unwrap();
    let run = "runs/lr/base/seed-1";
    let file = says(&["export", run, "--to", "tensorboard", "--out", &format!("{out}/tb")]);
    assert!(file.contains("events.out.tfevents."), "{file}");
    let tables = says(&["export", run, "--to", "csv", "--out", &format!("{out}/csv")]);
    assert!(tables.contains("steps.csv") && tables.contains("final.csv"), "{tables}");
    let steps = fs::read_to_string(Path::new(out).join("csv/steps.csv")).unwrap();
    assert_eq!(steps.lines().count(), 13, "{steps}");
    let schema: Value = serde_json::from_str(&says(&["schema", "metrics"])).unwrap();
    assert!(schema["oneOf"].as_array().is_some_and(|kinds| kinds.len() >= 10), "{schema}");
    assert!(says(&["schema", "config"]).contains("\"$schema\""));
    let fails = trainyard(&["export", "nothing", "--to", "csv", "--out", out]).in_folder(swept()).run();
    assert_eq!(fails.code, 2, "{}", fails.stderr);
}

#[test]
fn reports_are_pages_of_their_own() {
    let run = swept().join("runs/lr/base/seed-1");
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") || page.starts_with("<!DOCTYPE html>"), "{}", &page[..100]);
    for part in ["<svg", "bits-per-byte", "Content-Security-Policy", "byte", "seed-1"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("src=\"http") && !page.contains("href=\"http"));
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("all.html");
    says(&["report", "runs/lr", "--out", file.to_str().unwrap()]);
    assert!(fs::read_to_string(&file).unwrap().contains("lr=0.03"));
    let config = ["train", "x.toml", "--set", "run.name=shown", "--set", "report.page=false"];
    let shown = [&config[..], &["--set", "report.tensorboard=true"]].concat();
    trainyard(&shown).in_folder(swept()).succeeds();
    let shown = swept().join("runs/shown");
    assert!(!shown.join("report.html").exists());
    let events: Vec<_> = fs::read_dir(shown.join("tensorboard")).unwrap().map(Result::unwrap).collect();
    assert!(events.len() == 1 && events[0].metadata().unwrap().len() > 1000);
    // a file of the user's stays
    fs::write(shown.join("report.html"), "mine").unwrap();
    let again = ["train", "x.toml", "--set", "run.name=shown", "--resume"];
    let said = trainyard(&again).in_folder(swept()).succeeds().stderr;
    assert!(said.contains("report.html: was not written by trainyard, and stays"), "{said}");
    let refused = trainyard(&["report", "runs/shown"]).in_folder(swept()).run();
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("report.html: was not written by trainyard, and stays"), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(shown.join("report.html")).unwrap(), "mine");
    // neither changes anything of the run
    let bytes = |run: &Path| fs::read(run.join("checkpoints/step-12/model.safetensors")).unwrap();
    assert_eq!(bytes(&shown), bytes(&run));
}

#[test]
fn a_run_is_planned() {
    let plan = json(&["plan", "x.toml", "--seconds", "0.2", "--json"]);
    assert_eq!((plan["vocab"].as_u64(), plan["steps"].as_u64()), (Some(257), Some(12)));
    assert!(plan["memory"].as_f64().unwrap() > 1e6 && plan["seconds_per_step"].as_f64().unwrap() > 0.0, "{plan}");
    assert!(plan["proposal"].is_null());
    let plan = json(&["plan", "x.toml", "--seconds", "0.2", "--hours", "0.1", "--json"]);
    let [parameters, tokens] = ["parameters", "tokens"].map(|key| plan["proposal"][key].as_f64().unwrap());
    assert_eq!(tokens, 20.0 * parameters, "{plan}");
    assert!(plan["proposal"]["layers"] == 1 || plan["proposal"]["seconds"].as_f64().unwrap() <= 360.0, "{plan}");
    let less = json(&["plan", "x.toml", "--seconds", "0.2", "--hours", "100", "--memory", "0.04", "--json"]);
    assert_eq!(less["proposal"]["limit"], "memory", "{less}");
    assert!(less["proposal"]["memory"].as_f64().unwrap() <= 0.04 * (1 << 30) as f64);
}

#[test]
fn what_cannot_be_compared_or_swept_is_named() {
    let fails = |arguments: &[&str], expected: &str| {
        let ran = trainyard(arguments).in_folder(swept()).run();
        assert!(ran.code == 2 && ran.stderr.contains(expected), "{arguments:?}: {}", ran.stderr);
    };
    fails(&["compare", "runs/lr/base/seed-1"], "expected at least 2 runs to compare, got only ");
    fails(&["compare", "runs/lr", "nowhere"], "nowhere");
    fails(&["sweep", "x.toml", "--grid", "los.plugin=a,b"], "unknown");
    write(swept(), "t.toml", &SWEEP.replace("design", "desing"));
    fails(&["sweep", "t.toml"], "did you mean \"design\"?");
    write(swept(), "u.toml", &SWEEP.replace("seeds = 2", "seeds = 2\nset = [\"train.steps=0\"]"));
    fails(&["sweep", "u.toml"], "train.steps: expected a whole number, 1 or more, got 0");
}
