//! `trainyard drill`: runs that are killed, starved of disk and damaged resume to the same bytes.

use crate::plugins::built;
use crate::program::{Outcome, trainyard};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A small run with every kind of plugin as a component, dropout, a filter, deduplication, and pruned checkpoints.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("text")).unwrap();
    for part in 0..12_u32 {
        let lines = (0..80).map(|i| format!("line {} of {} words\n", (part * 80 + i) * 7919 % 4001, i % 13));
        fs::write(folder.path().join(format!("text/{part}.txt")), lines.collect::<String>()).unwrap();
    }
    let wasm = |name: &str| built(&format!("plugins/{name}")).wasm.display().to_string();
    let config = format!(
        r#"
[data]
validation = 0.2
test = 0.2
source = [{{ path = "text" }}]
filter = [{{ plugin = {:?}, config.min_words = 3 }}]
dedup.exact = "document"
[tokenizer]
plugin = {:?}
[loss]
plugin = {:?}
[[metric]]
plugin = {:?}
[model]
layers = 1
heads = 2
width = 32
context = 32
dropout = 0.1
[train]
batch = 4
accumulate = 2
validate_batches = 2
keep_checkpoints = 2
threads = 1
[schedule]
warmup = 4
[sample]
tokens = 5
"#,
        wasm("length"),
        wasm("byte"),
        wasm("cross-entropy"),
        wasm("bits-per-byte")
    );
    fs::write(folder.path().join("run.toml"), config).unwrap();
    folder
}

fn drill(folder: &Path, arguments: &[&str]) -> Outcome {
    let mut all = vec!["drill", "run.toml", "--json"];
    all.extend(arguments);
    trainyard(&all).in_folder(folder).run()
}

/// Passes, after this many runs of each part; nothing is left next to the config.
#[track_caller]
fn passes(arguments: &[&str], kills: usize, full_disks: usize) -> Value {
    let folder = folder();
    let outcome = drill(folder.path(), arguments);
    assert_eq!(outcome.code, 0, "{}\n{}", outcome.stderr, outcome.stdout);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let trials = report["trials"].as_array().unwrap();
    let n = |part: &str| trials.iter().filter(|trial| trial["part"] == part).count();
    assert_eq!((n("killed"), n("disk full")), (kills, full_disks));
    assert!(!folder.path().join("runs").exists(), "a drill writes in its scratch folder only");
    report
}

#[test]
fn killed_runs_resume_to_the_same_bytes() {
    let report = passes(&["--kills", "20", "--full-disks", "2", "--no-damage"], 20, 2);
    // Every phase is killed in, from the first write of the preparation to the final report.
    for phase in ["prepare", "data", "record", "log", "checkpoint", "final report"] {
        let is_of = |trial: &Value| trial["group"].as_str().unwrap().starts_with(phase);
        assert!(report["trials"].as_array().unwrap().iter().any(is_of), "{phase}: {report:#}");
    }
}

#[test]
#[ignore = "broad: make test-all"]
fn broad_two_hundred_killed_runs_resume_to_the_same_bytes() {
    passes(&["--kills", "200", "--full-disks", "20", "--no-damage"], 200, 20);
}

#[test]
fn damaged_files_are_noticed() {
    let report = passes(&["--kills", "0", "--full-disks", "0"], 0, 0);
    for damage in ["a bit turned", "cut in half", "emptied", "deleted"] {
        let caught = |trial: &&Value| trial["group"] == damage && trial["verdict"] == "caught";
        let n = report["trials"].as_array().unwrap().iter().filter(caught).count();
        assert!(n > 0, "{damage} was never caught: {report:#}");
    }
}

/// A program that loses a step after each kill is detected, so the drill can fail.
#[test]
#[cfg(unix)]
fn a_run_that_does_not_resume_exactly_is_found() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    // stands in for the program: the real one for the drill, another seed when it resumes
    let real = crate::program::program();
    let script = format!(
        "#!/bin/sh\nfor word; do [ \"$word\" = --resume ] && set -- \"$@\" --set run.seed=2 --allow-changed seed; done\n\
         exec {} \"$@\"\n",
        real.display()
    );
    let stand_in = folder.path().join("forgetful");
    fs::write(&stand_in, script).unwrap();
    fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
    let few = ["--kills", "4", "--full-disks", "0", "--no-damage", "--program", stand_in.to_str().unwrap()];
    let outcome = drill(folder.path(), &few);
    assert_eq!(outcome.code, 1, "{}", outcome.stdout);
    assert!(outcome.stderr.contains("runs ended wrong"), "{}", outcome.stderr);
}

#[test]
fn a_config_that_fails_alone_is_no_drill() {
    let folder = folder();
    let outcome = drill(folder.path(), &["--set", "data.filter.0.config.min_words=100000"]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.stderr.starts_with("error: run.toml: the run fails when it is left alone: error: "),
        "{}",
        outcome.stderr
    );
}
