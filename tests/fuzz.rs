//! Nonsense as config, tokenizer, shard, checkpoint, plugin, graph, Parquet and GGUF file: an error at most.
//!
//! The seeds in `tests/fuzz/seeds/` are replayed, then changed at random for a while; a failing input is left in
//! `target/fuzz/`. `scripts/fuzz.sh` runs the same targets under a coverage-guided fuzzer.

mod mutate;
pub mod targets;

use mutate::Mutator;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use targets::{TARGETS, Target};

/// Time of each target for mutations.
const TIME: Duration = Duration::from_secs(1);

/// The longest time for an input.
const HANG: Duration = Duration::from_secs(10);

fn tests() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The committed seeds of a target, and files that other tests have.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = fs::read_dir(tests().join("fuzz/seeds").join(name))
        .expect("seeds are committed")
        .map(|entry| entry.expect("a readable entry").path())
        .collect();
    if name == "identity" {
        files.extend(["byte.wasm", "compat-filter.so"].map(|file| tests().join("compat/0.1").join(file)));
    }
    if name == "config" {
        files.extend(["austen.toml", "austen-data.toml"].map(|file| tests().join("../configs").join(file)));
    }
    if name == "gguf" {
        files.extend(["gpt2.gguf", "bert.gguf", "llama.gguf"].map(|file| tests().join("golden/gguf").join(file)));
    }
    files.sort();
    assert!(!files.is_empty(), "{name} has no seeds");
    files.iter().map(|file| fs::read(file).expect("a readable seed")).collect()
}

/// Replays the seeds of a target, then mutations of them until `time` is over; the number of inputs.
fn fuzz(name: &'static str, target: Target, time: Duration) -> usize {
    let kept = tests().join("../target/fuzz");
    fs::create_dir_all(&kept).expect("target/ is writable");
    let running = tempfile::tempdir_in(&kept).expect("target/ is writable");
    let current = running.path().join(name);
    let (sender, receiver) = mpsc::channel();
    let worker_current = current.clone();
    let worker = std::thread::spawn(move || {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let seeds = seeds(name);
        let mut mutator = Mutator::new(1, name);
        let begun = Instant::now();
        let mut n = 0;
        while n < seeds.len() || begun.elapsed() < time {
            let input = seeds.get(n).cloned().unwrap_or_else(|| mutator.next(&seeds));
            // written first: an input that ends the process is left behind
            fs::write(&worker_current, &input).expect("target/ is writable");
            let passed = catch_unwind(AssertUnwindSafe(|| target(&input, folder.path()))).is_ok();
            n += 1;
            if sender.send(passed).is_err() || !passed {
                break;
            }
        }
        n
    });
    loop {
        match receiver.recv_timeout(HANG) {
            Ok(true) => {}
            Ok(false) => panic!("{name} panics on {}", keep(&current, &kept)),
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("{name} hangs on {}", keep(&current, &kept)),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    worker.join().expect("the worker catches panics")
}

/// Keeps the failing input under a fixed name.
fn keep(current: &Path, kept: &Path) -> String {
    let failing = kept.join(format!("{}-failing", current.file_name().expect("a name").to_string_lossy()));
    fs::copy(current, &failing).expect("target/ is writable");
    failing.display().to_string()
}

#[test]
fn nonsense_is_an_error_at_most() {
    for (name, target) in TARGETS {
        let n = fuzz(name, target, TIME);
        println!("{name}: {n} inputs");
    }
}

/// The harness finds planted bugs.
#[test]
fn a_panic_and_a_refusal_are_told_apart() {
    let found = |target: Target| catch_unwind(|| fuzz("graph", target, Duration::ZERO));
    assert!(found(|_, _| ()).is_ok());
    let failed = found(|bytes, _| assert!(bytes.len() < 2)).expect_err("it panics");
    let text = failed.downcast_ref::<String>().expect("a message");
    assert!(text.contains("graph panics on"), "{text}");
}
