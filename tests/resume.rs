//! Runs that are killed, damaged or changed, and then resumed.

use crate::program::{Outcome, trainyard};
use crate::records::{kind, of_run};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A small run: bytes, one layer, dropout on, a checkpoint every 3 steps.
fn run_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..4000).map(|i| format!("line {} of {}\n", i * 7919 % 4001, i % 13)).collect();
    fs::create_dir(folder.path().join("text")).unwrap();
    for part in 0..12 {
        fs::write(folder.path().join(format!("text/{part}.txt")), &text[part * 4000..(part + 1) * 4000]).unwrap();
    }
    fs::write(
        folder.path().join("run.toml"),
        r#"
[data]
validation = 0.2
test = 0.0
source = [{ path = "text" }]
[tokenizer]
plugin = "byte"
[loss]
plugin = "cross-entropy"
[model]
layers = 1
heads = 2
width = 32
context = 32
dropout = 0.1
[train]
steps = 40
batch = 4
accumulate = 2
validate_every = 10
validate_batches = 2
checkpoint_every = 3
keep_checkpoints = 0
threads = 1
[schedule]
warmup = 4
[sample]
tokens = 0
"#,
    )
    .unwrap();
    folder
}

fn train(folder: &Path, arguments: &[&str]) -> Outcome {
    let mut all = vec!["train", "run.toml"];
    all.extend(arguments);
    trainyard(&all).in_folder(folder).run()
}

fn checkpoint(folder: &Path, step: u64) -> PathBuf {
    folder.join(format!("runs/run/checkpoints/step-{step}"))
}

/// Every file of the last checkpoint: parameters, optimizer, state.
fn last_checkpoint(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let root = checkpoint(folder, 40);
    ["model.safetensors", "config.json", "trainyard/optimizer.safetensors", "trainyard/state.json"]
        .iter()
        .map(|name| ((*name).to_owned(), fs::read(root.join(name)).unwrap()))
        .collect()
}

/// The records of the run, without those about processes and without times.
fn metrics(folder: &Path) -> Vec<Value> {
    let records = of_run(&folder.join("runs/run"));
    records.into_iter().filter(|record| !["run", "resume", "plugins"].contains(&kind(record))).collect()
}

#[test]
fn a_killed_run_ends_with_the_same_bytes() {
    let whole = run_folder();
    assert_eq!(train(whole.path(), &[]).code, 0);
    let expected = (last_checkpoint(whole.path()), metrics(whole.path()));
    // Moments spread over loading, steps, validations and saves; each run may be killed several times.
    for (first_ms, then_ms) in [(30, 45), (60, 20), (90, 70), (120, 35), (150, 110)] {
        let killed = run_folder();
        let mut n_killed = 0;
        for ms in [first_ms, then_ms, then_ms * 2] {
            let arguments = ["train", "run.toml", "--resume-or-start"];
            let outcome = trainyard(&arguments).in_folder(killed.path()).kill_after(Duration::from_millis(ms));
            n_killed += u32::from(outcome.is_none());
        }
        let last = train(killed.path(), &["--resume-or-start"]);
        assert_eq!(last.code, 0, "{}", last.stderr);
        assert!(last_checkpoint(killed.path()) == expected.0, "another checkpoint after {n_killed} kills");
        assert!(metrics(killed.path()) == expected.1, "other metrics after {n_killed} kills");
    }
}

/// A save that was cut short at any of its files leaves the checkpoint before it in charge.
#[test]
fn a_save_cut_short_is_as_if_it_had_not_begun() {
    let whole = run_folder();
    assert_eq!(train(whole.path(), &[]).code, 0);
    let expected = last_checkpoint(whole.path());
    let complete = checkpoint(whole.path(), 21);
    for n_files in 0..3 {
        let folder = run_folder();
        assert_eq!(train(folder.path(), &["--set", "train.steps=40"]).code, 0);
        for step in (21..=39).step_by(3).chain([40]) {
            fs::remove_dir_all(checkpoint(folder.path(), step)).unwrap();
        }
        let partial = folder.path().join("runs/run/checkpoints/.step-21.partial");
        fs::create_dir_all(partial.join("trainyard")).unwrap();
        for name in ["config.json", "model.safetensors", "trainyard/state.json"].iter().take(n_files) {
            fs::copy(complete.join(name), partial.join(name)).unwrap();
        }
        let outcome = train(folder.path(), &["--resume"]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert!(outcome.stderr.contains("resumed after step 18"), "{}", outcome.stderr);
        assert!(last_checkpoint(folder.path()) == expected);
        assert!(!partial.exists());
    }
}

/// Packed documents of two sources, whose weights change in the middle of the run.
fn mixed_folder() -> TempDir {
    let folder = run_folder();
    fs::create_dir(folder.path().join("more")).unwrap();
    for part in 0..5 {
        let [from, to] = ["text", "more"].map(|source| folder.path().join(format!("{source}/{part}.txt")));
        fs::rename(from, to).unwrap();
    }
    let config = fs::read_to_string(folder.path().join("run.toml")).unwrap();
    let data = r#"packing = "best-fit"
source = [{ path = "text", document = "line" }, { path = "more", document = "line", weight = 0.5 }]
curriculum = [{ from = 0.5, weights = { more = 3 } }]"#;
    let config = config.replace(r#"source = [{ path = "text" }]"#, data);
    fs::write(folder.path().join("run.toml"), config).unwrap();
    folder
}

/// Kills anywhere, and resuming with another number of workers.
#[test]
fn a_packed_and_mixed_run_resumes_exactly() {
    let whole = mixed_folder();
    let outcome = train(whole.path(), &["--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let expected = (last_checkpoint(whole.path()), metrics(whole.path()));
    let summary: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let sources = summary["sources"].as_array().unwrap();
    assert_eq!((&sources[0]["name"], &sources[1]["name"]), (&Value::from("text"), &Value::from("more")));
    let drawn = |source: &Value| source["sequences"].as_u64().unwrap();
    assert_eq!(drawn(&sources[0]) + drawn(&sources[1]), 40 * 4 * 2);
    assert!(summary["data_wait"].as_f64().unwrap() < summary["seconds"].as_f64().unwrap());
    assert!(outcome.stderr.contains("packing: "), "{}", outcome.stderr);
    for (ms, workers) in [(90, 0), (140, 2), (200, 5)] {
        let killed = mixed_folder();
        let arguments = ["train", "run.toml"];
        let outcome = trainyard(&arguments).in_folder(killed.path()).kill_after(Duration::from_millis(ms));
        let setting = format!("train.workers={workers}");
        let last = train(killed.path(), &["--resume-or-start", "--set", &setting]);
        assert_eq!(last.code, 0, "{}", last.stderr);
        assert!(
            last_checkpoint(killed.path()) == expected.0,
            "another checkpoint after a kill at {ms} ms: {outcome:?}"
        );
        assert!(metrics(killed.path()) == expected.1, "other metrics after a kill at {ms} ms: {outcome:?}");
    }
    let outcome = train(whole.path(), &["--resume", "--set", "data.packing=pad"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("cannot resume: data.packing changed"), "{}", outcome.stderr);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let (one, two) = (run_folder(), run_folder());
    assert_eq!(train(one.path(), &[]).code, 0);
    assert_eq!(train(two.path(), &["--set", "train.threads=2"]).code, 0);
    assert_eq!(last_checkpoint(one.path())[0], last_checkpoint(two.path())[0]);
}

/// Recomputation is not part of a run's identity: it may begin in the middle, and the result is the same.
#[test]
fn a_llama_resumed_with_recomputation_ends_with_the_same_bytes() {
    let llama = ["--set", "model.kind=llama", "--set", "model.kv_heads=1", "--set", "model.layers=2"];
    let folder = run_folder();
    assert_eq!(train(folder.path(), &llama).code, 0);
    let expected = last_checkpoint(folder.path());
    for step in (21..=39).step_by(3).chain([40]) {
        fs::remove_dir_all(checkpoint(folder.path(), step)).unwrap();
    }
    let outcome = train(folder.path(), &[&llama[..], &["--resume", "--set", "train.recompute=true"]].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("resumed after step 18"), "{}", outcome.stderr);
    assert!(last_checkpoint(folder.path()) == expected);
}

#[test]
fn a_damaged_checkpoint_is_named() {
    let folder = run_folder();
    assert_eq!(train(folder.path(), &[]).code, 0);
    let path = checkpoint(folder.path(), 40).join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let outcome = train(folder.path(), &["--resume"]);
    assert_eq!(outcome.code, 1);
    let end =
        "model.safetensors: does not match its checksum; delete CHECKPOINT to resume from the checkpoint before it\n";
    let root = fs::canonicalize(checkpoint(folder.path(), 40)).unwrap();
    let end = end.replace("CHECKPOINT", &root.display().to_string());
    assert_eq!(outcome.stderr, format!("error: {}/{end}", root.display()));
}

#[test]
fn what_changed_is_refused_by_name_with_the_override() {
    let folder = run_folder();
    assert_eq!(train(folder.path(), &["--set", "train.steps=9", "--set", "schedule.warmup=4"]).code, 0);
    let refused = |settings: &[&str]| {
        let mut arguments = vec!["--resume", "--set", "train.steps=9"];
        settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
        let outcome = train(folder.path(), &arguments);
        assert_eq!(outcome.code, 2, "{}", outcome.stderr);
        outcome.stderr
    };
    for (setting, place) in [
        ("loss.plugin=focal", "loss"),
        ("optimizer.lr=0.5", "optimizer"),
        ("run.seed=9", "seed"),
        ("train.batch=5", "train.batch"),
    ] {
        let text = refused(&[setting]);
        assert!(text.contains(&format!("cannot resume: {place} changed")), "{text}");
        assert!(text.contains(&format!("pass --allow-changed {place}")), "{text}");
    }
    let text = refused(&["model.width=64"]);
    assert!(text.contains("cannot resume: model changed") && text.contains("start a new run"), "{text}");
    let allowed = ["--resume", "--set", "train.steps=9", "--set", "loss.plugin=focal", "--allow-changed", "loss"];
    assert_eq!(train(folder.path(), &allowed).code, 0);
    // the data
    fs::write(folder.path().join("text/3.txt"), "something else\n".repeat(300)).unwrap();
    let text = refused(&["loss.plugin=focal"]);
    assert!(text.contains("cannot resume: data changed"), "{text}");
}

#[test]
fn a_finished_run_is_not_replaced_by_accident() {
    let folder = run_folder();
    let short = ["--set", "train.steps=3", "--set", "schedule.warmup=1"];
    assert_eq!(train(folder.path(), &short).code, 0);
    let outcome = train(folder.path(), &short);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("this run exists; pass --resume to continue it, --overwrite to replace it"));
    assert_eq!(train(folder.path(), &[&short[..], &["--overwrite"]].concat()).code, 0);
}

#[test]
fn early_stopping_keeps_the_best() {
    let folder = run_folder();
    let settings = [
        "train.patience=2",
        "train.validate_every=2",
        "train.steps=400",
        "optimizer.lr=0.3",
        "train.checkpoint_every=0",
        "schedule.kind=constant",
        "train.keep_checkpoints=1",
    ];
    let mut arguments = vec!["--json"];
    settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
    let outcome = train(folder.path(), &arguments);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let summary: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(summary["stopped_early"], true);
    assert!(summary["steps"].as_u64().unwrap() < 400);
    let validations: Vec<f64> =
        metrics(folder.path()).iter().filter_map(|record| record["validation"]["loss"].as_f64()).collect();
    let best = validations.iter().copied().fold(f64::INFINITY, f64::min);
    let worse = &validations[validations.iter().position(|&loss| loss == best).unwrap() + 1..];
    assert_eq!(worse.len(), 2, "{validations:?}");
}
