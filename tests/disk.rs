//! Runs on files of tokens, and on a disk that is full before they are copied.

use crate::program::trainyard;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A run on 60,000 tokens that nanoGPT could have written: bytes, an end of text after each 99.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let tokens = (0..60_000u32).map(|i| if i % 100 == 99 { 256 } else { (i * i + i / 100) as u16 % 251 });
    fs::write(folder.path().join("tokens.bin"), tokens.flat_map(u16::to_le_bytes).collect::<Vec<_>>()).unwrap();
    let config = r#"
[data]
packing = "best-fit"
[data.tokens]
train = "tokens.bin"
validation = "tokens.bin"
[tokenizer]
plugin = "byte"
[model]
layers = 1
heads = 1
width = 8
context = 64
[train]
steps = 4
batch = 2
threads = 1
[schedule]
warmup = 1
[sample]
tokens = 0
"#;
    fs::write(folder.path().join("run.toml"), config).unwrap();
    folder
}

fn files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder.join("runs/run/data")).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Files of the first run are limited to 64 KiB, which the first shard would exceed.
#[test]
#[cfg(unix)]
fn a_full_disk_names_the_file_and_leaves_nothing_half_written() {
    let folder = folder();
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" train run.toml";
    let program = trainyard(&[]);
    let outcome =
        Command::new("bash").args(["-c", script]).arg(program.program()).current_dir(folder.path()).output().unwrap();
    let message = String::from_utf8(outcome.stderr).unwrap();
    assert_eq!(outcome.status.code(), Some(1), "{message}");
    let [line] = message.lines().filter(|line| line.starts_with("error: ")).collect::<Vec<_>>()[..] else {
        panic!("one error: {message}");
    };
    let (file, reason) = line.split_once(".tmp: ").unwrap_or_default();
    assert!(file.contains("runs/run/data/train.shard."), "{line}");
    assert!(reason.starts_with("cannot write: File too large"), "{line}");
    assert_eq!(files(folder.path()), [] as [&str; 0], "nothing is left");
    // With room again, the same command goes the whole way.
    let outcome = trainyard(&["train", "run.toml", "--overwrite", "--json"]).in_folder(folder.path()).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let summary: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert!(summary["validation"][0]["value"].as_f64().unwrap() > 0.0);
    let names = ["manifest.json", "tokenizer.model", "train.shard", "validation.shard", "vocabulary.json"];
    assert_eq!(files(folder.path()), names);
}

#[test]
fn changed_tokens_are_changed_data() {
    let folder = folder();
    let run = |arguments: &[&str]| trainyard(arguments).in_folder(folder.path()).run();
    assert_eq!(run(&["train", "run.toml"]).code, 0);
    let path = folder.path().join("tokens.bin");
    let mut bytes = fs::read(&path).unwrap();
    bytes[0] ^= 1;
    fs::write(&path, bytes).unwrap();
    let outcome = run(&["train", "run.toml", "--resume"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("cannot resume: data changed"), "{}", outcome.stderr);
}
