//! The folder of a run: which files in it are trainyard's, which process writes there, and what is left when a run
//! ends.

mod data;
mod log;
mod replaced;
mod spoilt;
mod users;

use crate::program::{Outcome, trainyard};
use crate::records::of_run;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A small run on text: bytes, one layer, a checkpoint every 2 of 8 steps.
fn run_folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let text: String = (0..3000).map(|i| format!("line {} of {}\n", i * 7919 % 3001, i % 13)).collect();
    fs::create_dir(folder.path().join("text")).unwrap();
    for part in 0..6 {
        fs::write(folder.path().join(format!("text/{part}.txt")), &text[part * 4000..(part + 1) * 4000]).unwrap();
    }
    let config = r#"
[data]
validation = 0.2
test = 0.0
source = [{ path = "text" }]
[tokenizer]
plugin = "byte"
[model]
layers = 1
heads = 1
width = 8
context = 32
[train]
steps = 8
batch = 2
validate_every = 4
validate_batches = 1
checkpoint_every = 2
keep_checkpoints = 0
threads = 1
[schedule]
warmup = 1
[sample]
tokens = 0
"#;
    fs::write(folder.path().join("run.toml"), config).unwrap();
    folder
}

fn train(folder: &Path, arguments: &[&str]) -> Outcome {
    trainyard(&[&["train", "run.toml"], arguments].concat()).in_folder(folder).run()
}

/// Trains; the run must succeed. Returns the output.
#[track_caller]
fn trained(folder: &Path, arguments: &[&str]) -> String {
    let outcome = train(folder, arguments);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    outcome.stderr
}

/// Trains; the run must end with this code and one line. Returns the line.
#[track_caller]
fn refused(folder: &Path, arguments: &[&str], code: i32) -> String {
    let outcome = train(folder, arguments);
    assert_eq!(outcome.code, code, "{}", outcome.stderr);
    let errors: Vec<_> = outcome.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    let [line] = errors[..] else { panic!("one line: {}", outcome.stderr) };
    line.to_owned()
}

/// Targets of links, and contents of all files except the lock, which names the last process.
fn snapshot(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            found.insert(path.clone(), fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes());
        } else if path.is_dir() {
            found.extend(snapshot(&path));
            found.insert(path, Vec::new());
        } else if path.file_name().unwrap() != ".trainyard-lock" {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    // the mark of the best checkpoint has tests of its own
    names.retain(|name| name != "best");
    names.sort();
    names
}

fn run(folder: &Path) -> PathBuf {
    folder.join("runs/run")
}

fn checkpoints(folder: &Path) -> PathBuf {
    run(folder).join("checkpoints")
}

fn model(folder: &Path, step: u64) -> Vec<u8> {
    fs::read(checkpoints(folder).join(format!("step-{step}/model.safetensors"))).unwrap()
}

/// The lines of `metrics.jsonl` without what depends on the time.
fn log(folder: &Path) -> Vec<serde_json::Value> {
    of_run(&run(folder))
}
