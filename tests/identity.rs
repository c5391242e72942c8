//! The identity of a run: every key of its config is part of it or declared not to be, and `--resume` enforces this.

mod tasks;

use crate::program::{Outcome, trainyard};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use trainyard::run::RunConfig;
use trainyard::run::{Changes, RunIdentity, RunPlugins, compare, keys};

/// Every section and every key that may be absent. The two configs differ in keys that exclude each other.
const WITH_SOURCES: &str = include_str!("identity/sources.toml");
const WITH_TOKENS: &str = include_str!("identity/tokens.toml");

/// Values that some key takes.
const WORDS: &str = "none document paragraph line nfc lowercase group replace text parquet html zh whitespace unicode \
                     pad linear bf16 f64 cpu sgd adamw llama gpt erf skip restart native megatron z-loss byte \
                     token-accuracy perplexity bpe two.jsonl (?m)^y author utf-16 several bart skip-gram last zero-1 \
                     '2024-01-01' [\"a\"]";

/// A source that the curriculum names cannot have another name; the other source can. Only tasks that write texts have
/// a source to write one from. Keys of a task belong to its kind.
const TIED: [&str; 3] = ["data.source.0.name", "sample.source", "task.kind"];

/// Whether a key does not count; the list is written down a second time.
fn is_free(key: &str) -> bool {
    let keys = ["run.name", "run.dir", "data.threads", "data.store", "data.dedup.memory_mb"];
    let ranks = ["ranks.strategy", "ranks.deadline_s"];
    let train = ["checkpoint_every", "keep_checkpoints", "threads", "workers", "device", "recompute"];
    let plugin = [".trust", ".isolation", ".max_errors"];
    let paths = ["data.source.0.path", "data.source.1.path", "data.tokens.train", "data.tokens.validation"];
    keys.contains(&key)
        || ranks.contains(&key)
        || key.strip_prefix("train.").is_some_and(|key| train.contains(&key))
        || key.starts_with("sample.")
        || key.starts_with("eval.")
        || key.starts_with("report.")
        || key.contains(".limits.")
        || plugin.iter().any(|end| key.ends_with(end))
        || paths.contains(&key)
        || key == "data.tokens.test"
}

struct Run {
    config: RunConfig,
    plugins: RunPlugins,
    identity: RunIdentity,
}

impl Run {
    fn new(path: &Path, set: &[String]) -> trainyard::Result<Self> {
        let config = RunConfig::load(path, set)?;
        let plugins = RunPlugins::open(&config)?;
        let identity = RunIdentity::new(&config, &plugins, "the sources")?;
        Ok(Self { config, plugins, identity })
    }

    fn resume(&self, saved: &RunIdentity, allowed: &[&str]) -> trainyard::Result<Changes> {
        let allowed: Vec<_> = allowed.iter().map(|&place| place.to_owned()).collect();
        compare((&self.config, &self.plugins, &self.identity), saved, Path::new("no/such/config.toml"), &allowed)
    }
}

impl Run {
    /// Resumes with the places that the errors name, one after the other.
    fn resume_by_what_is_said(&self, saved: &RunIdentity) -> Changes {
        let mut allowed = Vec::new();
        loop {
            let error = match self.resume(saved, &allowed.iter().map(String::as_str).collect::<Vec<_>>()) {
                Ok(changes) => return changes,
                Err(error) => error.to_string(),
            };
            let place = error.split("--allow-changed ").nth(1).and_then(|rest| rest.split(';').next()).unwrap();
            assert!(!allowed.iter().any(|known| known == place), "{place} does not help: {error}");
            allowed.push(place.to_owned());
        }
    }
}

fn folder(config: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one", "two"] {
        let lines: String = (0..40)
            .map(|i| {
                format!("{{\"id\": \"{name}-{i}\", \"book\": \"b{}\", \"text\": \"{name} text {}\"}}\n", i % 7, i / 2)
            })
            .collect();
        fs::write(folder.path().join(format!("{name}.jsonl")), lines).unwrap();
    }
    fs::create_dir(folder.path().join("words")).unwrap();
    fs::write(folder.path().join("run.toml"), config).unwrap();
    folder
}

/// Other values to try for a key: the first that the config takes is used.
fn others(value: &str) -> Vec<String> {
    let mut all = Vec::new();
    if let Ok(flag) = value.parse::<bool>() {
        all.push((!flag).to_string());
    }
    if let Ok(number) = value.parse::<i64>() {
        all.extend([number + 1, number * 2, number / 2].map(|number| number.to_string()));
    }
    if let Ok(number) = value.parse::<f64>() {
        all.extend([number / 2.0, number + 0.125, number + 1.5].map(|number| format!("{number:?}")));
    }
    if value.starts_with('[') {
        all.extend([r#"["book", "author"]"#, r#"["two.jsonl"]"#].map(str::to_owned));
    }
    all.push(r#"["env:LANG"]"#.to_owned());
    all.extend(WORDS.split(' ').map(str::to_owned));
    all
}

/// Changes each of these keys of the resolved config in turn: resume refuses it by name, or it is declared free.
fn every_key_counts(text: &str, which: impl Fn(&str) -> bool) {
    let folder = folder(text);
    let path = folder.path().join("run.toml");
    let run = Run::new(&path, &[]).unwrap();
    let before = keys(&run.config).unwrap();
    assert!(before.len() > 70, "{}", before.len());
    let resolved = folder.path().join("resolved.toml");
    fs::write(&resolved, run.config.to_toml().unwrap()).unwrap();
    assert_eq!(RunConfig::load(&resolved, &[]).unwrap(), run.config);
    for (key, value) in before.iter().filter(|(key, _)| which(key) && !TIED.contains(&key.as_str())) {
        // a relative path in an override starts at the current folder
        let place = |other: String| other.replace("two.jsonl", &folder.path().join("two.jsonl").display().to_string());
        let mut why = String::new();
        let tried = others(value).into_iter().map(place).find_map(|other| {
            let other = Run::new(&path, &[format!("{key}={other}")]).map_err(|error| why = error.to_string()).ok()?;
            let now = keys(&other.config).ok()?;
            (now.get(key) != Some(value)).then_some(other)
        });
        let Some(other) = tried else { panic!("{key} = {value}: found no other value, add one to WORDS: {why}") };
        match other.resume(&run.identity, &[]) {
            Ok(changes) => {
                assert!(is_free(key), "{key} may change without a word: give it a class in train/identity/classes.rs");
                assert_eq!(changes, Changes::default(), "{key}");
            }
            Err(error) => {
                assert!(!is_free(key), "{key} is declared free: {error}");
                assert!(error.to_string().starts_with("cannot resume: "), "{key}: {error}");
                assert_eq!(error.exit_code(), 2);
                if error.to_string().contains("start a new run under another run.name;")
                    || error.to_string().ends_with("; start a new run under another run.name")
                {
                    continue;
                }
                let changes = other.resume_by_what_is_said(&run.identity);
                let is_data = key.starts_with("data.") || key.starts_with("tokenizer.");
                let is_order = ["data.packing", "data.curriculum.0.from", "data.curriculum.0.weights.one"];
                let is_order = is_order.contains(&key.as_str()) || key.ends_with(".weight");
                assert_eq!(changes.same_data(), !is_data || is_order, "{key}");
                assert!(changes.record().unwrap().get(key).is_some(), "{key}");
            }
        }
    }
}

#[test]
fn every_key_of_a_run_over_text_counts() {
    every_key_counts(WITH_SOURCES, |_| true);
}

#[test]
fn every_key_of_a_run_over_tokens_counts() {
    every_key_counts(WITH_TOKENS, |_| true);
}

#[test]
fn contents_count_and_not_paths() {
    let folder = folder(WITH_SOURCES);
    let path = folder.path().join("run.toml");
    let run = Run::new(&path, &[]).unwrap();
    for name in ["model", "files"] {
        let copy = folder.path().join(format!("{name}.copy"));
        fs::copy(folder.path().join("one.jsonl"), &copy).unwrap();
        let copy = copy.display();
        let set = if name == "model" {
            format!("tokenizer.model={copy}")
        } else {
            format!("data.decontaminate.files=[\"{copy}\"]")
        };
        let other = Run::new(&path, &[set]).unwrap();
        assert_eq!(other.resume(&run.identity, &[]).unwrap(), Changes::default());
    }
    let other = RunIdentity::new(&run.config, &run.plugins, "other sources").unwrap();
    let error = Run { identity: other, ..run }.resume(&Run::new(&path, &[]).unwrap().identity, &[]).unwrap_err();
    assert!(error.to_string().starts_with("cannot resume: data changed: the checkpoint has the sources,"), "{error}");
}

/// A checkpoint from a version without a key was made with the key's default.
#[test]
fn a_key_that_is_new_in_a_version_had_its_default() {
    let folder = folder(WITH_SOURCES);
    let path = folder.path().join("run.toml");
    let run = Run::new(&path, &[]).unwrap();
    let without = |keys: &[&str]| -> RunIdentity {
        let mut json = serde_json::to_value(&run.identity).unwrap();
        let known = json["keys"].as_object_mut().unwrap();
        known.retain(|key, _| !keys.iter().any(|start| key.starts_with(start)));
        serde_json::from_value(json).unwrap()
    };
    let saved = without(&["data.scores", "data.source.1.invalid_utf8", "train.clip", "model.norm_epsilon"]);
    assert_eq!(run.resume(&saved, &[]).unwrap(), Changes::default());
    let other = Run::new(&path, &["data.scores=false".into()]).unwrap();
    let error = other.resume(&saved, &[]).unwrap_err().to_string();
    assert!(error.starts_with("cannot resume: data.scores changed: the checkpoint has true, the config"), "{error}");
    // What has no default was not there, and neither was a table of which nothing is known.
    for (key, place) in [("data.group", "data.group"), ("data.dedup", "data.dedup"), ("loss.config", "loss")] {
        let error = run.resume(&without(&[key]), &[]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot resume: {place} changed: ")), "{error}");
        assert!(error.contains("(nothing)"), "{error}");
    }
}

/// A share of the steps is the number of steps that it comes to.
#[test]
fn warm_up_as_a_share_is_the_same_run() {
    let folder = folder(&WITH_SOURCES.replace("warmup = 2", "warmup = 50"));
    let path = folder.path().join("run.toml");
    let saved = Run::new(&path, &[]).unwrap().identity;
    let share = Run::new(&path, &["schedule.warmup=0.05".into()]).unwrap();
    assert_eq!(share.resume(&saved, &[]).unwrap(), Changes::default());
    let other = Run::new(&path, &["schedule.warmup=0.06".into()]).unwrap();
    let error = other.resume(&saved, &[]).unwrap_err().to_string();
    assert!(error.starts_with("cannot resume: schedule changed: the checkpoint has schedule.warmup = 50"), "{error}");
}

#[test]
fn a_place_that_does_not_exist_is_refused() {
    let folder = folder(WITH_SOURCES);
    let run = Run::new(&folder.path().join("run.toml"), &[]).unwrap();
    let error = run.resume(&run.identity, &["optimiser"]).unwrap_err();
    assert!(error.to_string().starts_with("--allow-changed optimiser: expected a key of the config"), "{error}");
    for place in ["data", "data.split", "filter", "tokenizer", "train.batch", "seed", "optimizer.lr", "data.group"] {
        assert_eq!(run.resume(&run.identity, &[place]).unwrap(), Changes::default(), "{place}");
    }
}

/// Ten documents of which five are repetitions, a checkpoint every 3 steps.
fn small() -> TempDir {
    let folder = folder(
        r#"
[data]
validation = 0.2
test = 0.0
source = [{ path = "one.jsonl" }]
[tokenizer]
plugin = "byte"
[model]
layers = 1
heads = 2
width = 32
context = 16
[train]
steps = 6
batch = 2
checkpoint_every = 3
keep_checkpoints = 0
threads = 1
[schedule]
warmup = 1
[sample]
tokens = 0
"#,
    );
    let lines: String = (0..40)
        .map(|i| format!("{{\"id\": \"{i}\", \"body\": \"b{i}\", \"text\": \"document number {}\"}}\n", i / 2))
        .collect();
    fs::write(folder.path().join("one.jsonl"), lines).unwrap();
    folder
}

fn train(folder: &Path, arguments: &[&str]) -> Outcome {
    let mut all = vec!["train", "run.toml"];
    all.extend(arguments);
    trainyard(&all).in_folder(folder).run()
}

fn last_model(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("runs/run/checkpoints/step-6/model.safetensors")).unwrap()
}

fn forget_the_end(folder: &Path) {
    fs::remove_dir_all(folder.join("runs/run/checkpoints/step-6")).unwrap();
}

const DEDUP: &str = "data.dedup.exact=document";

#[test]
fn other_data_are_refused_and_the_record_stays() {
    let folder = small();
    let root = folder.path();
    assert_eq!(train(root, &[]).code, 0);
    forget_the_end(root);
    let record = fs::read_to_string(root.join("runs/run/config.toml")).unwrap();
    for (set, place) in [
        (DEDUP, "data.dedup"),
        ("data.group=book", "data.group"),
        ("data.decontaminate.ngram=5", "data.decontaminate"),
        ("data.source.0.text_field=body", "data.source"),
        ("data.source.0.id_field=body", "data.source"),
        ("data.source.0.metadata=[\"body\"]", "data.source"),
        ("data.source.0.invalid_utf8=drop", "data.source"),
        ("data.source.0.max_document_mb=1", "data.source"),
        ("data.scores=false", "data.scores"),
        ("train.patience=3", "train.patience"),
    ] {
        let outcome = train(root, &["--resume", "--set", set]);
        assert_eq!(outcome.code, 2, "{set}: {}", outcome.stderr);
        let start = format!("error: cannot resume: {place} changed: the checkpoint has ");
        assert!(outcome.stderr.starts_with(&start), "{set}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(&format!("pass --allow-changed {place}")), "{set}: {}", outcome.stderr);
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
        assert_eq!(fs::read_to_string(root.join("runs/run/config.toml")).unwrap(), record, "{set}");
    }
    assert_eq!(train(root, &["--resume"]).code, 0);
}

#[test]
fn an_allowed_change_prepares_the_data_again_and_is_recorded() {
    let folder = small();
    let root = folder.path();
    assert_eq!(train(root, &[]).code, 0);
    let whole = last_model(root);
    forget_the_end(root);
    let allowed = ["--resume", "--set", DEDUP, "--allow-changed", "data.dedup"];
    let outcome = train(root, &allowed);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("filter dedup: dropped 20 of 40 documents"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("changed since the checkpoint: data.dedup.action (nothing) → drop"));
    assert!(last_model(root) != whole);
    let state = fs::read(root.join("runs/run/checkpoints/step-6/trainyard/state.json")).unwrap();
    let state: Value = serde_json::from_slice(&state).unwrap();
    assert_eq!(state["changes"][0]["step"], 3);
    assert_eq!(state["changes"][0]["changed"]["data.dedup.exact"], serde_json::json!(["(nothing)", "document"]));
    // Back at the checkpoint from before the change, with the config from then: the data from then.
    forget_the_end(root);
    let outcome = train(root, &["--resume"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(last_model(root) == whole);
    // A preparation that was cut short leaves no manifest, and is made up for.
    forget_the_end(root);
    fs::remove_file(root.join("runs/run/data/manifest.json")).unwrap();
    assert_eq!(train(root, &["--resume"]).code, 0);
    assert!(last_model(root) == whole);
}

/// A checkpoint as the version before the derived identity saved it.
#[test]
fn the_identity_of_older_checkpoints_is_read() {
    let folder = small();
    let root = folder.path();
    assert_eq!(train(root, &[]).code, 0);
    let whole = last_model(root);
    forget_the_end(root);
    let path = root.join("runs/run/checkpoints/step-3/trainyard/state.json");
    let mut state: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let digest = state["identity"]["keys"]["data"].clone();
    let model =
        r#"{"kind":"gpt","gelu":"tanh","layers":1,"heads":2,"width":32,"hidden":128,"context":16,"dropout":0.0,"#;
    let model = format!(r#"{model}"tied":true,"norm_epsilon":0.00001}}"f32""#);
    state["identity"] = serde_json::json!({
        "data": digest,
        "data.source": "[null]",
        "data.split": "validation 0.2 test 0",
        "loss": "cross-entropy 0.1.0 (builtin -) ",
        "metric": "bits-per-byte 0.1.0 (builtin -) ; token-accuracy 0.1.0 (builtin -) ",
        "model": model,
        "optimizer": r#"{"kind":"adamw","lr":0.001,"beta1":0.9,"beta2":0.95,"eps":1e-8,"weight_decay":0.1}"#,
        "optimizer.kind": r#"{"kind":"adamw""#,
        "schedule": r#"{"kind":"cosine","warmup":1,"floor":0.1}"#,
        "seed": "1",
        "tokenizer": "byte 0.1.0 (builtin -) ",
        "train.batch": "2 accumulate 1 clip 1",
        "train.steps": "6",
    });
    rewrite(&path, &state);
    for (set, place) in [("optimizer.lr=0.5", "optimizer"), (DEDUP, "data.dedup"), ("model.width=64", "model")] {
        let outcome = train(root, &["--resume", "--set", set]);
        assert_eq!(outcome.code, 2, "{set}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(&format!("cannot resume: {place} changed")), "{set}: {}", outcome.stderr);
    }
    let outcome = train(root, &["--resume"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(last_model(root) == whole);
}

/// Writes a file of a checkpoint, of which its manifest then says nothing.
fn rewrite(path: &Path, value: &Value) {
    fs::write(path, serde_json::to_vec_pretty(value).unwrap()).unwrap();
    let path = path.with_file_name("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["sha256"].as_object_mut().unwrap().remove("trainyard/state.json").unwrap();
    fs::write(&path, serde_json::to_vec_pretty(&manifest).unwrap()).unwrap();
}
