//! Many runs through the program: swept, listed, compared, exported.

use crate::program::trainyard;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use tempfile::TempDir;
use trainyard::report::{DOCUMENTS, read_documents};

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

/// Documents of `split` that were measured in a file, as bytes, bits.
fn documents(path: &Path, split: &str) -> Vec<(u64, f64)> {
    read_documents(path, split).unwrap().iter().map(|of| (of.bytes, of.bits)).collect()
}

#[test]
fn losses_of_documents_add_up_to_those_of_the_text() {
    for (packing, run) in [("concatenate", "runs/lr/base/seed-1"), ("best-fit", "runs/fit"), ("pad", "runs/padded")] {
        if packing != "concatenate" {
            let (name, packing) = (run.replace("runs/", "run.name="), format!("data.packing={packing}"));
            trainyard(&["train", "x.toml", "--set", &name, "--set", &packing]).in_folder(swept()).succeeds();
        }
        let report = json(&["eval", run, "--documents", "again.parquet", "--overwrite", "--json"]);
        assert_eq!(
            fs::read(swept().join("again.parquet")).unwrap(),
            fs::read(swept().join(run).join(DOCUMENTS)).unwrap()
        );
        for split in ["validation", "test"] {
            let found = documents(&swept().join(run).join(DOCUMENTS), split);
            assert_eq!(report["texts"][split]["documents"], found.len(), "{report}");
            let (bytes, bits) = found.iter().fold((0, 0.0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
            assert_eq!(report["texts"][split]["bytes"], bytes);
            let values = report[split].as_array().unwrap();
            let value = values.iter().find(|value| value["name"] == "bits-per-byte").unwrap()["value"].as_f64();
            assert!((bits / bytes as f64 - value.unwrap()).abs() < 1e-6, "{packing} {split}");
        }
    }
    // a document that attends to itself alone costs the same by itself
    let texts = ["a dog in the garden", "the cat sat on the mat, and the cat sat on the mat", "on"];
    let folder = swept().join("texts");
    fs::create_dir(&folder).unwrap();
    texts.iter().enumerate().for_each(|(i, text)| write(&folder, &format!("{i}.txt"), text));
    let of = |data: &str| {
        let out = ["--documents", "some.parquet", "--overwrite"];
        trainyard(&[&["eval", "runs/fit", "--data", data], &out[..]].concat()).in_folder(swept()).succeeds();
        documents(&swept().join("some.parquet"), "test")
    };
    let (together, alone) = (of("texts"), ["texts/0.txt", "texts/1.txt", "texts/2.txt"].map(|data| of(data)[0]));
    for ((bytes, bits), of) in together.iter().zip(alone) {
        assert!(*bytes == of.0 && (bits - of.1).abs() < 1e-5, "{together:?} {alone:?}");
    }
}

#[test]
fn one_seed_is_judged_by_documents() {
    let said = says(&["compare", "runs/lr/base/seed-1", "runs/lr/lr=0.03/seed-1", "--metric", "bits-per-byte"]);
    assert!(said.contains("documents of one seed, for that seed alone") && said.contains("95 % interval"), "{said}");
}

#[test]
fn losses_are_drawn_and_texts_are_kept_while_training() {
    let plots = says(&["runs", "runs/lr/base/seed-1", "--plot"]);
    assert!(plots.contains("Loss: training (cross-entropy, nats/token)") && plots.contains('\u{2800}'), "{plots}");
    let several = says(&["compare", "runs/lr", "--plot"]);
    assert!(several.contains("Validation, bits per byte: lr=0.03/seed-1"), "{several}");
    let config = ["train", "x.toml", "--set", "run.name=told", "--set", "sample.every=5"];
    let said = trainyard(&config).in_folder(swept()).succeeds().stderr;
    assert!(said.contains("sample after step 5: ") && said.contains("sample after step 10: "), "{said}");
    let log = fs::read_to_string(swept().join("runs/told/metrics.jsonl")).unwrap();
    assert_eq!(log.lines().filter(|line| line.contains("\"kind\":\"sample\"")).count(), 2);
    let page = fs::read_to_string(swept().join("runs/told/report.html")).unwrap();
    assert!(["step 5", "step 10", "step 12"].iter().all(|at| page.contains(at)));
    // what is written on the way changes nothing of the run
    let model = |run: &str| fs::read(swept().join(run).join("checkpoints/step-12/model.safetensors")).unwrap();
    assert_eq!(model("runs/told"), model("runs/lr/base/seed-1"));
}

#[test]
fn a_law_needs_more_runs_than_these() {
    let few = trainyard(&["plan", "--fit", "runs/lr"]).in_folder(swept()).run();
    assert!(few.code == 2 && few.stderr.contains("got 6 runs with 1, 1 and 1; train more"), "{}", few.stderr);
}

#[test]
fn a_dry_run_says_what_would_run_and_writes_nothing() {
    let dry = |more: &[&str]| trainyard(&[&["train", "x.toml", "--dry-run"], more].concat()).in_folder(swept()).run();
    let new = dry(&["--set", "run.name=dry", "--set", "loss.plugin=z-loss"]);
    assert_eq!(new.code, 0, "{}", new.stderr);
    assert!(new.stderr.contains("runs/dry: would start, 12 steps\ntokenizer: byte 0.1.0 (builtin)"), "{}", new.stderr);
    assert!(new.stdout.contains("plugin = \"z-loss\"") && !swept().join("runs/dry").exists(), "{}", new.stdout);
    let of_sweep = ["--set", "run.dir=runs/lr/base", "--set", "run.name=seed-1"];
    let taken = dry(&of_sweep);
    assert!(taken.code == 2 && taken.stderr.contains("this run exists; pass --resume"), "{}", taken.stderr);
    let resumed = dry(&[&of_sweep[..], &["--resume", "--json"]].concat());
    let resumed: Value = serde_json::from_str(&resumed.stdout).unwrap();
    assert_eq!((&resumed["action"], resumed["from_step"].as_u64()), (&Value::from("resume"), Some(12)));
    let wrong = dry(&["--set", "run.name=dry", "--set", "data.source.0.path=nothing.txt"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("nothing.txt"), "{}", wrong.stderr);
    assert!(dry(&["--set", "run.name=dry", "--resume"]).stderr.contains("no run to resume"));
}

#[test]
fn shells_and_man_know_the_program() {
    for (shell, part) in
        [("bash", "complete -F _trainyard"), ("zsh", "#compdef trainyard"), ("fish", "complete -c trainyard")]
    {
        assert!(says(&["completions", shell]).contains(part), "{shell}");
    }
    let out = tempfile::tempdir().unwrap();
    assert!(says(&["man", out.path().to_str().unwrap()]).ends_with(" pages\n"));
    let page = fs::read_to_string(out.path().join("trainyard-train.1")).unwrap();
    assert!(page.contains("dry\\-run"), "{page}");
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
