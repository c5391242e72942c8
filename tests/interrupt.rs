//! Ctrl-C and SIGTERM: what was done is safe, the message says how to continue, and a second signal ends at once.
#![cfg(target_os = "linux")]

use crate::plugins::built;
use crate::program::{Outcome, trainyard};
use crate::records::{kind, of_run};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// No wait of these tests is longer.
const LIMIT: Duration = Duration::from_secs(60);

/// A run of so many short steps that a signal meets it in the middle.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let text: String = (0..3000).map(|i| format!("line {} of {}\n", i * 7919 % 3001, i % 13)).collect();
    fs::create_dir(folder.path().join("text")).unwrap();
    for part in 0..6 {
        fs::write(folder.path().join(format!("text/{part}.txt")), &text[part * 4000..(part + 1) * 4000]).unwrap();
    }
    let config = "[data]\nvalidation = 0.2\ntest = 0.0\nsource = [{ path = 'text' }]\n[tokenizer]\nplugin = 'byte'\n\
                  [model]\nlayers = 1\nheads = 1\nwidth = 16\ncontext = 32\n[train]\nsteps = 3000\nbatch = 2\n\
                  validate_every = 500\nvalidate_batches = 1\ncheckpoint_every = 0\nthreads = 1\n\
                  [schedule]\nwarmup = 1\n[sample]\ntokens = 0\n";
    fs::write(folder.path().join("run.toml"), config).unwrap();
    folder
}

fn until(what: &str, mut is_there: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_there() {
        assert!(begun.elapsed() < LIMIT, "{what}");
        sleep(Duration::from_millis(5));
    }
}

/// Starts the program and waits until it listens for signals: bit 2 of the mask of caught ones is SIGINT.
fn start(folder: &Path, arguments: &[&str]) -> Child {
    let child = trainyard(arguments).in_folder(folder).spawn();
    let status = format!("/proc/{}/status", child.id());
    until("it does not listen", || {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let mask = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0").trim().to_owned();
        u64::from_str_radix(&mask, 16).unwrap_or(0) >> 1 & 1 == 1
    });
    child
}

fn send(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap().success());
}

fn steps(folder: &Path) -> usize {
    let log = fs::read_to_string(folder.join("runs/run/metrics.jsonl")).unwrap_or_default();
    log.lines().filter(|line| line.contains("\"kind\":\"step\"")).count()
}

/// The model at the end, and the records of the run, without those about processes.
fn result(folder: &Path) -> (Vec<u8>, Vec<Value>) {
    let model = fs::read(folder.join("runs/run/checkpoints/step-3000/model.safetensors")).unwrap();
    let is_of_run =
        |record: &Value| !["run", "resume", "plugins"].contains(&kind(record)) && record["state"] != "interrupted";
    (model, of_run(&folder.join("runs/run")).into_iter().filter(is_of_run).collect())
}

#[test]
fn a_run_that_is_interrupted_is_saved_and_resumed() {
    let whole = folder();
    assert_eq!(trainyard(&["train", "run.toml"]).in_folder(whole.path()).run().code, 0);
    let folder = folder();
    let set = ["--set", "sample.prompt=It is"]; // free to differ, and to be quoted
    for (signal, code, before) in [("INT", 130, 2), ("TERM", 143, 300)] {
        let resume = if before == 2 { &[][..] } else { &["--resume"] };
        let child = start(folder.path(), &[&["train", "run.toml"], &set[..], resume].concat());
        until("no steps", || steps(folder.path()) >= before);
        send(&child, signal);
        let outcome = Outcome::of(child);
        assert_eq!(outcome.code, code, "{}", outcome.stderr);
        assert!(outcome.stdout.is_empty() && !outcome.stderr.contains("error"), "{}", outcome.stderr);
        let note = "interrupted: stopping as soon as the work so far is safe; once more ends at once\n";
        assert_eq!(outcome.stderr.matches(note).count(), 1, "{}", outcome.stderr);
        let end = of_run(&folder.path().join("runs/run")).pop().unwrap();
        assert_eq!((kind(&end), &end["state"]), ("end", &"interrupted".into()));
        assert_eq!(end["signal"], format!("SIG{signal}"));
        let step = end["step"].as_u64().unwrap();
        assert!(step >= before as u64 && step < 3000, "{step}");
        let said = format!(
            "interrupted (SIG{signal}) after step {step}, which is saved; to resume: trainyard train run.toml \
             --set 'sample.prompt=It is' --resume\n"
        );
        assert!(outcome.stderr.ends_with(&said), "{}", outcome.stderr);
        assert!(folder.path().join(format!("runs/run/checkpoints/step-{step}/model.safetensors")).is_file());
    }
    let outcome = trainyard(&["train", "run.toml", "--resume"]).in_folder(folder.path()).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(result(folder.path()) == result(whole.path()), "another result than without interruptions");
    let ends: Vec<_> = of_run(&folder.path().join("runs/run")).iter().map(|record| record["state"].clone()).collect();
    let ends: Vec<_> = ends.iter().filter_map(Value::as_str).collect();
    assert_eq!(ends, ["interrupted", "interrupted", "done"]);
}

/// Ctrl-C in `trainyard train … 2>&1 | tee log` ends the reader of the pipe too.
#[test]
fn an_interrupted_run_needs_no_reader() {
    let folder = folder();
    let mut child = start(folder.path(), &["train", "run.toml"]);
    until("no steps", || steps(folder.path()) >= 2);
    drop((child.stdout.take(), child.stderr.take()));
    send(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let end = of_run(&folder.path().join("runs/run")).pop().unwrap();
    assert_eq!(end["state"], "interrupted");
}

/// A step that takes minutes: the first signal waits for it, the second one does not.
#[test]
fn a_second_signal_ends_at_once() {
    let folder = folder();
    let long = ["train", "run.toml", "--set", "train.accumulate=1000000"];
    let mut child = start(folder.path(), &long);
    let log = folder.path().join("runs/run/metrics.jsonl");
    until("no run", || fs::metadata(&log).is_ok_and(|log| log.len() > 0));
    // from the record of the start into the first step
    sleep(Duration::from_millis(500));
    send(&child, "TERM");
    sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "the first signal lets the step end");
    send(&child, "INT");
    let begun = Instant::now();
    let outcome = Outcome::of(child);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(outcome.code, 130, "{}", outcome.stderr);
    assert!(!folder.path().join("runs/run/checkpoints/step-1").exists());
}

/// Processes that `parent` started.
fn children(parent: u32) -> Vec<String> {
    let Ok(threads) = fs::read_dir(format!("/proc/{parent}/task")) else { return Vec::new() };
    let of_thread = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("children")).unwrap_or_default();
    threads
        .flatten()
        .map(of_thread)
        .flat_map(|ids| ids.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// While a filter in processes of its own judges a large text: what is finished stays, and no process does.
#[test]
fn a_preparation_that_is_interrupted_continues() {
    let folder = folder();
    for part in 0..6 {
        let path = folder.path().join(format!("text/{part}.txt"));
        let text = fs::read_to_string(&path).unwrap().repeat(2000);
        fs::write(&path, text).unwrap();
    }
    let filter = built("plugins/length").wasm.display().to_string();
    let filter =
        format!("data.filter=[{{ plugin = {filter:?}, isolation = 'process', config = {{ min_words = 1 }} }}]");
    let set = ["--set", &filter, "--set", "data.source.0.document=line", "--set", "train.steps=2"];
    for command in ["prepare", "train"] {
        let child = start(folder.path(), &[&[command, "run.toml"], &set[..]].concat());
        until("no filter in a process of its own", || !children(child.id()).is_empty());
        let started = children(child.id());
        send(&child, "INT");
        let outcome = Outcome::of(child);
        assert_eq!(outcome.code, 130, "{}", outcome.stderr);
        let end = "; what is finished stays in the store, the same command continues there\n";
        assert!(outcome.stderr.ends_with(end), "{}", outcome.stderr);
        let is_there = |id: &String| Path::new(&format!("/proc/{id}")).exists();
        until("processes are left", || !started.iter().any(is_there));
    }
    assert!(!folder.path().join("runs/run/checkpoints/step-2").exists());
}

#[test]
fn an_evaluation_that_is_interrupted_changes_nothing() {
    let folder = folder();
    let short = ["train", "run.toml", "--set", "train.steps=2"];
    assert_eq!(trainyard(&short).in_folder(folder.path()).run().code, 0);
    let before = fs::read(folder.path().join("runs/run/metrics.jsonl")).unwrap();
    let text = fs::read_to_string(folder.path().join("text/0.txt")).unwrap().repeat(4000);
    fs::write(folder.path().join("long.txt"), text).unwrap();
    let child = start(folder.path(), &["eval", "runs/run", "--data", "long.txt"]);
    sleep(Duration::from_millis(100));
    send(&child, "INT");
    let outcome = Outcome::of(child);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (130, ""), "{}", outcome.stderr);
    assert!(outcome.stderr.ends_with("interrupted (SIGINT); nothing was changed\n"), "{}", outcome.stderr);
    assert!(fs::read(folder.path().join("runs/run/metrics.jsonl")).unwrap() == before);
}
