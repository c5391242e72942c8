//! A run's folder opened by other commands: one model, its own plugins, wherever it is.

use crate::plugins::built;
use crate::program::{Outcome, trainyard};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A project: config, text and plugins in folders of their own.
fn project(parent: &Path) -> PathBuf {
    let root = parent.join("project");
    for dir in ["plugins", "corpus", "configs"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    for plugin in ["byte", "length", "cross-entropy", "bits-per-byte"] {
        let file = format!("plugins/{plugin}.wasm");
        fs::copy(built(&format!("plugins/{plugin}")).wasm, root.join(&file)).unwrap();
    }
    let lines: String = (0..60)
        .map(|i| {
            format!("{{\"id\": \"d{i}\", \"text\": \"{}\"}}\n", format!("line {} ", i * 7919 % 61).repeat(1 + i % 9))
        })
        .collect();
    fs::write(root.join("corpus/docs.jsonl"), lines).unwrap();
    fs::write(
        root.join("configs/run.toml"),
        r#"
[data]
validation = 0.3
test = 0.1
source = [{ path = "../corpus" }]
[[data.filter]]
plugin = "../plugins/length.wasm"
config.min_words = 4
[tokenizer]
plugin = "../plugins/byte.wasm"
[loss]
plugin = "../plugins/cross-entropy.wasm"
[[metric]]
plugin = "../plugins/bits-per-byte.wasm"
[model]
layers = 1
heads = 2
width = 32
context = 16
[train]
steps = 6
batch = 4
checkpoint_every = 3
keep_checkpoints = 0
validate_every = 2
validate_batches = 2
threads = 1
[schedule]
warmup = 1
[sample]
tokens = 8
temperature = 0
"#,
    )
    .unwrap();
    root
}

fn trained() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = project(folder.path());
    let outcome = run(&root, &["train", "configs/run.toml"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    (folder, root)
}

fn run(folder: &Path, arguments: &[&str]) -> Outcome {
    trainyard(arguments).in_folder(folder).run()
}

#[track_caller]
fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let outcome = run(folder, arguments);
    assert_eq!(outcome.code, 0, "{arguments:?}: {}", outcome.stderr);
    outcome.stdout
}

#[track_caller]
fn fails(folder: &Path, arguments: &[&str]) -> String {
    let outcome = run(folder, arguments);
    assert_eq!(outcome.code, 2, "{arguments:?}: {}", outcome.stderr);
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    outcome.stderr
}

#[track_caller]
fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&succeeds(folder, arguments)).unwrap()
}

/// The same plugin in another build: it has one more custom section.
fn rebuild(wasm: &Path) {
    let mut bytes = fs::read(wasm).unwrap();
    bytes.extend([0, 3, 1, b'x', b'y']);
    fs::write(wasm, bytes).unwrap();
}

fn eval(root: &Path, run: &str) -> (Value, Value) {
    let summary = json(root, &["eval", run, "--json"]);
    (summary["validation"].clone(), summary["test"].clone())
}

#[test]
fn a_moved_project_works() {
    let (folder, root) = trained();
    let before = eval(&root, "runs/run");
    let text = succeeds(&root, &["generate", "runs/run", "--prompt", "line"]);
    let drops = json(&root, &["data", "drops", "runs/run", "--json"]);
    let record = fs::read_to_string(root.join("runs/run/config.toml")).unwrap();
    assert!(record.contains("plugin = \"../../plugins/length.wasm\""), "{record}");
    assert!(record.contains("path = \"../../corpus\""), "{record}");
    let moved = folder.path().join("elsewhere ☃");
    fs::rename(&root, &moved).unwrap();
    assert_eq!(eval(&moved, "runs/run"), before);
    assert_eq!(eval(folder.path(), "elsewhere ☃/runs/run"), before);
    assert_eq!(succeeds(&moved, &["generate", "runs/run", "--prompt", "line"]), text);
    assert_eq!(json(&moved, &["data", "drops", "runs/run", "--json"]), drops);
    assert_eq!(json(&moved, &["data", "drops", "configs/run.toml", "--json"]), drops);
    assert!(succeeds(&moved, &["data", "why", "runs/run", "d0"]).contains("dropped   by length"));
    succeeds(&moved, &["data", "rethreshold", "runs/run", "--set", "data.filter.0.config.min_words=8"]);
    // to resume is to do the same steps
    let last = moved.join("runs/run/checkpoints/step-6");
    let model = fs::read(last.join("model.safetensors")).unwrap();
    for config in ["configs/run.toml", "runs/run/config.toml"] {
        fs::remove_dir_all(&last).unwrap();
        let outcome = run(&moved, &["train", config, "--resume"]);
        assert_eq!(outcome.code, 0, "{config}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("resumed after step 3"), "{config}: {}", outcome.stderr);
        assert!(fs::read(last.join("model.safetensors")).unwrap() == model, "{config}");
        assert!(!root.exists());
    }
}

/// `cp -r` of the run alone: its plugins are where they were, or were copied with it.
#[test]
fn a_copied_run_works() {
    let (folder, root) = trained();
    let before = eval(&root, "runs/run");
    let copy = folder.path().join("far/away/copy");
    copy_all(&root.join("runs/run"), &copy);
    let copied = copy.to_str().unwrap();
    assert_eq!(eval(folder.path(), copied), before);
    fs::create_dir(copy.join("plugins")).unwrap();
    for file in ["byte", "cross-entropy", "bits-per-byte"] {
        let file = format!("plugins/{file}.wasm");
        fs::copy(root.join(&file), copy.join(&file)).unwrap();
    }
    fs::remove_dir_all(&root).unwrap();
    assert_eq!(eval(folder.path(), copied), before);
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() {
            copy_all(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

#[test]
fn a_command_opens_what_it_needs() {
    let (_folder, root) = trained();
    let before = eval(&root, "runs/run");
    fs::remove_file(root.join("plugins/length.wasm")).unwrap();
    assert_eq!(eval(&root, "runs/run"), before);
    succeeds(&root, &["data", "drops", "runs/run"]);
    let why = run(&root, &["data", "why", "runs/run", "d0"]);
    assert!(why.code == 0 && why.stderr.contains("not asked again"), "{}", why.stderr);
    fs::remove_file(root.join("plugins/cross-entropy.wasm")).unwrap();
    fs::remove_file(root.join("plugins/bits-per-byte.wasm")).unwrap();
    succeeds(&root, &["generate", "runs/run"]);
    let error = fails(&root, &["eval", "runs/run"]);
    assert!(error.contains("cross-entropy.wasm (sha256 ") && error.contains("put it there, or into "), "{error}");
    fs::remove_file(root.join("plugins/byte.wasm")).unwrap();
    assert!(fails(&root, &["generate", "runs/run"]).starts_with("error: tokenizer: no file "));
}

#[test]
fn another_plugin_than_the_runs_is_refused() {
    let (_folder, root) = trained();
    let (trained, other) = ("cross-entropy 0.1.0 (wasm ", "focal 0.1.0 (builtin -)");
    let focal = ["eval", "runs/run", "--json", "--set", "loss.plugin=focal"];
    let error = fails(&root, &focal);
    let start = format!("error: loss changed: the run was trained with {trained}");
    assert!(error.starts_with(&start), "{error}");
    assert!(error.contains(other) && error.contains("pass --allow-changed loss"), "{error}");
    let marked = json(&root, &[&focal[..], &["--allow-changed", "loss"]].concat());
    assert!(marked["changed"]["loss"][0].as_str().unwrap().starts_with(trained), "{marked}");
    assert!(marked["changed"]["loss"][1].as_str().unwrap().starts_with(other), "{marked}");
    let text = succeeds(&root, &[&focal[..2], &focal[3..], &["--allow-changed", "loss"]].concat());
    assert!(text.contains("not the run's loss: trained with cross-entropy"), "{text}");
    assert_eq!(json(&root, &["eval", "runs/run", "--json"]).get("changed"), None);
    // other settings, another metric, another number of them
    for set in ["loss.config.label_smoothing=0.1", "metric.0.plugin=token-accuracy", "metric.1.plugin=token-accuracy"] {
        let error = fails(&root, &["eval", "runs/run", "--set", set]);
        assert!(error.contains(" changed: the run was trained with "), "{set}: {error}");
    }
    assert!(
        fails(&root, &["eval", "runs/run", "--allow-changed", "los"])
            .contains("expected \"tokenizer\", \"model\", \"loss\"")
    );
    // another build under the same name
    for (plugin, place, command) in
        [("cross-entropy", "loss", "eval"), ("bits-per-byte", "metric", "eval"), ("byte", "tokenizer", "generate")]
    {
        let file = root.join(format!("plugins/{plugin}.wasm"));
        let bytes = fs::read(&file).unwrap();
        rebuild(&file);
        let error = fails(&root, &[command, "runs/run"]);
        assert!(error.starts_with(&format!("error: {place} changed: ")), "{error}");
        succeeds(&root, &[command, "runs/run", "--allow-changed", place]);
        fs::write(&file, bytes).unwrap();
    }
    rebuild(&root.join("plugins/length.wasm"));
    let why = run(&root, &["data", "why", "runs/run", "d0"]);
    assert!(why.code == 0 && why.stderr.contains("not asked again"), "{}", why.stderr);
    let rethreshold = ["data", "rethreshold", "runs/run", "--set", "data.filter.0.config.min_words=8"];
    assert!(fails(&root, &rethreshold).contains("filter \"length\": was length 0.1.0 (wasm "));
}

/// Text that is soon memorised, so that validation gets worse.
const HEART: [&str; 9] = [
    "train.steps=400",
    "train.patience=2",
    "train.validate_every=2",
    "train.checkpoint_every=0",
    "train.keep_checkpoints=1",
    "optimizer.lr=0.3",
    "schedule.kind=constant",
    "loss.plugin=cross-entropy",
    "sample.prompt=line",
];

#[test]
fn everything_speaks_of_one_model() {
    let folder = tempfile::tempdir().unwrap();
    let root = project(folder.path());
    let set: Vec<_> = HEART.iter().flat_map(|set| ["--set", set]).collect();
    let summary = json(&root, &[&["train", "configs/run.toml", "--json"][..], &set].concat());
    assert_eq!(summary["stopped_early"], true);
    let (steps, best) = (summary["steps"].as_u64().unwrap(), summary["model_step"].as_u64().unwrap());
    assert!(best < steps, "{summary}");
    assert_eq!(summary["model"], "best");
    let checkpoint = summary["checkpoint"].as_str().unwrap();
    assert!(checkpoint.ends_with(&format!("runs/run/checkpoints/step-{best}")), "{checkpoint}");
    assert!(Path::new(checkpoint).join("model.safetensors").is_file());
    // the model that is reported, by default and by name
    for name in [None, Some("best".to_owned()), Some(format!("step-{best}"))] {
        let name: Vec<_> = name.iter().flat_map(|name| ["--checkpoint", name.as_str()]).collect();
        let eval = json(&root, &[&["eval", "runs/run", "--json"][..], &name].concat());
        assert_eq!(eval["step"], best, "{name:?}");
        assert_eq!(eval["validation"], summary["validation"], "{name:?}");
        assert_eq!(eval["test"], summary["test"], "{name:?}");
        let text = succeeds(&root, &[&["generate", "runs/run"][..], &name].concat());
        assert_eq!(text.trim(), summary["sample"].as_str().unwrap().trim(), "{name:?}");
    }
    // and the others
    let last = json(&root, &["eval", "runs/run", "--json", "--checkpoint", "last"]);
    assert_eq!((&last["step"], &last["model"]), (&steps.into(), &"last".into()));
    assert_ne!(last["validation"], summary["validation"]);
    assert!(fails(&root, &["eval", "runs/run", "--checkpoint", "step-1"]).contains("no checkpoint \"step-1\""));
    // in words
    let text = succeeds(&root, &["eval", "runs/run"]);
    assert!(text.contains(&format!("checkpoints/step-{best}  (the best on validation)")), "{text}");
    // the metrics of the reported model are marked with its step
    let metrics = fs::read_to_string(root.join("runs/run/metrics.jsonl")).unwrap();
    let report: Value = metrics
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .find(|record: &Value| !record["final"].is_null())
        .unwrap();
    assert_eq!(report["model_step"], best);
}

#[test]
fn without_patience_the_run_is_its_last_checkpoint() {
    let (_folder, root) = trained();
    let summary = json(&root, &["eval", "runs/run", "--json"]);
    assert_eq!((&summary["step"], &summary["model"]), (&6.into(), &"last".into()));
}

/// Two numbers of one step: the output says what each was measured on.
#[test]
fn what_a_validation_read_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let root = project(folder.path());
    let part = run(&root, &["train", "configs/run.toml"]);
    assert!(part.stderr.contains("validation (first 2 of "), "{}", part.stderr);
    assert!(
        part.stdout.contains("held-out text is measured as a whole; validations while training read the first 2 of")
    );
    let arguments = ["train", "configs/run.toml", "--overwrite", "--json", "--set", "train.validate_batches=0"];
    let whole = run(&root, &arguments);
    assert!(whole.stderr.contains("validation (whole text) after step 6: "), "{}", whole.stderr);
    let summary: Value = serde_json::from_str(&whole.stdout).unwrap();
    let metrics = fs::read_to_string(root.join("runs/run/metrics.jsonl")).unwrap();
    let records: Vec<Value> = metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = records.iter().rfind(|record| !record["validation"].is_null()).unwrap();
    assert_eq!(last["validation_batches"][0], last["validation_batches"][1]);
    assert_eq!(last["step"], 6);
    // On the whole text the two numbers are one.
    assert_eq!(last["validation"]["loss"], summary["validation"][0]["value"]);
}
