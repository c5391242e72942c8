//! Files with right checksums and impossible contents: an error in one line, never a panic.

use crate::program::{Outcome, trainyard};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// A folder with a run that has checkpoints after steps 2 and 4, prepared with a filter.
fn finished_run() -> TempDir {
    let dir = TempDir::new().unwrap();
    let line = |i: u32| format!("{{\"id\":\"{i}\",\"text\":\"{}\"}}\n", format!("text {i} of some words. ").repeat(8));
    fs::write(dir.path().join("text.jsonl"), (0..40).map(line).collect::<String>()).unwrap();
    let config = "[run]\nname = \"run\"\n[data]\nvalidation = 0.2\ntest = 0.0\n[[data.source]]\npath = \"text.jsonl\"\n\
                  [[data.filter]]\nplugin = \"length\"\n[tokenizer]\nplugin = \"byte\"\n\
                  [model]\nlayers = 1\nheads = 1\nwidth = 16\ncontext = 16\n\
                  [train]\nsteps = 4\nbatch = 2\nthreads = 1\ncheckpoint_every = 2\n[sample]\ntokens = 8\n";
    fs::write(dir.path().join("run.toml"), config).unwrap();
    let ran = trainyard(&["train", "run.toml"]).in_folder(dir.path()).run();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    dir
}

fn replace(path: &Path, bytes: impl AsRef<[u8]>) {
    // A new file: the data folder is made of links into the store.
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Changes the bytes of a shard after its header, or the header itself, and makes both checksums right again.
fn change_shard(run: &Path, name: &str, change: impl FnOnce(&mut [u8])) {
    let (path, manifest) = (run.join("data").join(name), run.join("data/manifest.json"));
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    let body = bytes.len() - 16;
    let mut hash = Xxh3::new();
    hash.update(&bytes[128..body]);
    hash.update(&bytes[..128]);
    let checksum = hash.digest128();
    bytes[body..].copy_from_slice(&checksum.to_le_bytes());
    replace(&path, &bytes);
    let mut json = read_json(&manifest);
    json["files"][name] = json!({ "bytes": bytes.len(), "xxh3": format!("{checksum:032x}") });
    replace(&manifest, json.to_string());
}

/// Changes a JSON file of the data folder, and the manifest's checksum of it.
fn change_data(run: &Path, name: &str, change: impl FnOnce(&mut Value)) {
    let (path, manifest) = (run.join("data").join(name), run.join("data/manifest.json"));
    let mut json = read_json(&path);
    change(&mut json);
    replace(&path, json.to_string());
    if name != "manifest.json" {
        let bytes = json.to_string().into_bytes();
        let mut json = read_json(&manifest);
        json["files"][name] = json!({ "bytes": bytes.len(), "xxh3": format!("{:032x}", xxh3_128(&bytes)) });
        replace(&manifest, json.to_string());
    }
}

/// Changes the state of the checkpoint after step 2, the newest that is left.
fn change_state(run: &Path, change: impl FnOnce(&mut Value)) {
    let checkpoint = run.join("checkpoints/step-2");
    fs::remove_dir_all(run.join("checkpoints/step-4")).unwrap();
    let (path, manifest) = (checkpoint.join("trainyard/state.json"), checkpoint.join("trainyard/manifest.json"));
    let mut json = read_json(&path);
    change(&mut json);
    replace(&path, json.to_string());
    let digest: String = Sha256::digest(json.to_string()).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut json = read_json(&manifest);
    json["sha256"]["trainyard/state.json"] = digest.into();
    replace(&manifest, json.to_string());
}

fn run(dir: &TempDir, arguments: &[&str]) -> Outcome {
    trainyard(arguments).in_folder(dir.path()).run()
}

const RESUME: &[&str] = &["train", "run.toml", "--resume"];
const EVAL: &[&str] = &["eval", "runs/run"];
const GENERATE: &[&str] = &["generate", "runs/run"];

/// Both commands end with exit code `code` and one line, which holds `expected`.
#[track_caller]
fn refused(what: &str, change: impl FnOnce(&Path), commands: &[&[&str]], code: i32, expected: &str) {
    let dir = finished_run();
    change(&dir.path().join("runs/run"));
    for command in commands {
        let ran = run(&dir, command);
        assert_eq!((ran.code, ran.stderr.lines().count()), (code, 1), "{what}, {command:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{what}, {command:?}: {}", ran.stderr);
    }
}

/// Nonsense in the data: commands that read it fail, and a run that is resumed prepares the data again.
#[track_caller]
fn refused_or_prepared(what: &str, change: impl Fn(&Path), readers: &[&[&str]], expected: &str) {
    refused(what, &change, readers, 1, expected);
    let dir = finished_run();
    change(&dir.path().join("runs/run"));
    let ran = run(&dir, RESUME);
    assert_eq!(ran.code, 0, "{what}: {}", ran.stderr);
    let expected = expected.split("; delete").next().unwrap();
    assert!(ran.stderr.contains(expected), "{what}: {}", ran.stderr);
    assert!(ran.stderr.contains(": the data is prepared again\n"), "{what}: {}", ran.stderr);
}

#[test]
fn tokens_that_no_vocabulary_has() {
    let id = |at: usize| move |bytes: &mut [u8]| bytes[128 + 2 * at..][..2].copy_from_slice(&300u16.to_le_bytes());
    let readers: &[&[&str]] = &[EVAL, GENERATE];
    let expected =
        "train.shard: token 100 is 300, which is outside the vocabulary of 257; delete the folder and run again";
    refused_or_prepared("an id", |run| change_shard(run, "train.shard", id(100)), readers, expected);
    let expected = "validation.shard: token 5 is 300, which";
    refused_or_prepared("an id held out", |run| change_shard(run, "validation.shard", id(5)), readers, expected);
    let end = |bytes: &mut [u8]| bytes[36..40].copy_from_slice(&257u32.to_le_bytes());
    let expected = "its end of text, 257, is outside its vocabulary of 257";
    refused_or_prepared("an end of text", |run| change_shard(run, "train.shard", end), readers, expected);
    let longer = |json: &mut Value| json["token_bytes"] = vec![1; 300].into();
    let expected =
        "train.shard: is of 257 tokens with 256 as end of text, vocabulary.json of 300 tokens with 256 as end of text";
    refused_or_prepared("a vocabulary", |run| change_data(run, "vocabulary.json", longer), readers, expected);
}

#[test]
fn documents_that_end_nowhere() {
    let readers: &[&[&str]] = &[EVAL];
    let ends = |value: u64| {
        move |bytes: &mut [u8]| {
            let n_documents = u64::from_le_bytes(bytes[24..32].try_into().unwrap()) as usize;
            let first = bytes.len() - 16 - 8 * n_documents;
            bytes[first..first + 8].copy_from_slice(&value.to_le_bytes());
        }
    };
    for value in [0, 1, u64::MAX, 1 << 40] {
        let expected = "validation.shard: ends of documents are not rising";
        refused_or_prepared("an end", |run| change_shard(run, "validation.shard", ends(value)), readers, expected);
    }
    let spans = |json: &mut Value| json["report"]["splits"][0]["sources"][0]["first_document"] = u64::MAX.into();
    let expected = "manifest.json: source \"text\" ends after the last of ";
    refused_or_prepared("a source", |run| change_data(run, "manifest.json", spans), readers, expected);
}

#[test]
fn a_state_of_another_step() {
    for step in [0, 3, u64::MAX] {
        let change = |run: &Path| change_state(run, |state| state["step"] = step.into());
        refused("a step", change, &[RESUME], 1, &format!("state.json: is of step {step}, expected that of its folder"));
    }
    let dir = finished_run();
    change_state(&dir.path().join("runs/run"), |state| state["position"]["sample"] = u64::MAX.into());
    assert!([0, 1].contains(&run(&dir, RESUME).code), "the end of all numbers is a place like any other");
}

#[test]
fn a_model_that_fits_nowhere() {
    let change = |key: &'static str, value: &'static str| {
        move |run: &Path| {
            let path = run.join("config.toml");
            let text = fs::read_to_string(&path).unwrap();
            let line = text.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
            replace(&path, text.replace(line, &format!("{key} = {value}")));
        }
    };
    let all = &[EVAL, GENERATE];
    refused("layers", change("layers", "1000000000000"), all, 2, "model.layers: expected a whole number, 1 to 10000");
    refused(
        "context",
        change("context", "9223372036854775807"),
        all,
        2,
        "model.context: expected a whole number, 1 to ",
    );
    let large = |run: &Path| {
        change("width", "16777216")(run);
        change("hidden", "16777216")(run);
    };
    refused("width", large, all, 1, "model: reading this run needs about ");
}

#[test]
fn a_piece_that_counts_wrong() {
    let dir = finished_run();
    let stages = fs::read_dir(dir.path().join("runs/store/stages")).unwrap();
    let infos: Vec<PathBuf> = stages.map(|entry| entry.unwrap().path().join("00000.json")).collect();
    assert_eq!(infos.len(), 1);
    fs::remove_dir_all(dir.path().join("runs/store/datasets")).unwrap();
    for documents in [0, 1 << 40, u64::MAX] {
        let mut json = read_json(&infos[0]);
        json["documents"] = documents.into();
        replace(&infos[0], json.to_string());
        let ran = run(&dir, &["prepare", "run.toml"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stdout.contains("40 documents read"), "{}", ran.stdout);
        fs::remove_dir_all(dir.path().join("runs/store/datasets")).unwrap();
    }
}
