//! `metrics.jsonl`: who trained what, where and when, every step, and how it ended.

use crate::program::{Outcome, trainyard};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The records of the run in a folder, without what depends on the time.
pub fn of_run(run: &Path) -> Vec<Value> {
    let mut records = records(run);
    for record in &mut records {
        for time in ["tokens_per_second", "data_wait_ms", "seconds", "share_of_peak", "started", "ended"] {
            record.as_object_mut().unwrap().remove(time);
        }
    }
    records
}

/// The kind of a record.
pub fn kind(record: &Value) -> &str {
    record["kind"].as_str().unwrap()
}

fn records(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A run of 8 steps on 6 files of bytes, validated every 2 steps.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("text")).unwrap();
    for part in 0..6_u32 {
        let line = |i| format!("line {} of {}\n", (part * 200 + i) * 7919 % 3001, i % 13);
        let text: String = (0..200).map(line).collect();
        fs::write(folder.path().join(format!("text/{part}.txt")), text).unwrap();
    }
    let config = "[data]\nvalidation = 0.2\ntest = 0.0\nsource = [{ path = 'text' }]\n[tokenizer]\nplugin = 'byte'\n\
                  [loss]\nplugin = 'focal'\n[model]\nlayers = 1\nheads = 1\nwidth = 8\ncontext = 32\n\
                  [train]\nsteps = 8\nbatch = 2\naccumulate = 2\nvalidate_every = 2\nvalidate_batches = 1\n\
                  checkpoint_every = 2\nkeep_checkpoints = 0\nthreads = 1\n[schedule]\nwarmup = 1\n\
                  [sample]\ntokens = 0\n";
    fs::write(folder.path().join("run.toml"), config).unwrap();
    folder
}

fn run(folder: &Path) -> PathBuf {
    folder.join("runs/run")
}

fn train(folder: &Path, arguments: &[&str]) -> Outcome {
    trainyard(&[&["train", "run.toml"], arguments].concat()).in_folder(folder).run()
}

#[track_caller]
fn trained(folder: &Path, arguments: &[&str]) -> Outcome {
    let outcome = train(folder, arguments);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    outcome
}

fn sha256(path: &Path) -> String {
    Sha256::digest(fs::read(path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `2026-11-29T05:03:17Z`
fn is_time(value: &Value) -> bool {
    let shape = |char: char| if char.is_ascii_digit() { '0' } else { char };
    value.as_str().is_some_and(|text| text.chars().map(shape).collect::<String>() == "0000-00-00T00:00:00Z")
}

#[test]
fn the_header_says_who_trains_what() {
    let folder = folder();
    let set = ["--json", "--set", "optimizer.lr=2e-3", "--set", "train.steps=4"];
    let summary: Value = serde_json::from_str(&trained(folder.path(), &set).stdout).unwrap();
    let records = records(&run(folder.path()));
    let header = &records[0];
    assert_eq!((kind(header), &header["step"], &header["name"]), ("run", &0.into(), &"run".into()));
    assert_eq!(header["version"], env!("CARGO_PKG_VERSION"));
    let commit = header["commit"].as_str().unwrap();
    let is_hex = |text: &str| text.len() == 12 && text.chars().all(|char| char.is_ascii_hexdigit());
    assert!(commit == "unknown" || is_hex(commit.trim_end_matches('+')), "{commit}");
    assert!(is_time(&header["started"]), "{header}");
    assert_eq!((&header["threads"], &header["device"]), (&1.into(), &"cpu".into()));
    assert_eq!(header["set"], serde_json::json!(["optimizer.lr=2e-3", "train.steps=4"]));
    assert_eq!(header["digests"]["config"], sha256(&run(folder.path()).join("config.toml")));
    assert_eq!(header["digests"]["plugins"], sha256(&run(folder.path()).join("plugins.lock")));
    let state = fs::read_to_string(run(folder.path()).join("checkpoints/step-4/trainyard/state.json")).unwrap();
    let state: Value = serde_json::from_str(&state).unwrap();
    assert!(state["data"].is_string());
    assert_eq!(header["digests"]["data"], state["data"]);
    assert_eq!(header["parameters"], summary["parameters"]);
    assert_eq!((&header["steps"], &header["tokens_per_step"]), (&4.into(), &(2 * 2 * 32).into()));
    #[cfg(target_os = "linux")]
    assert_eq!(header["host"], fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim());
    let metrics = header["metrics"].as_array().unwrap();
    let named = |name: &str| metrics.iter().find(|metric| metric["name"] == name).unwrap();
    let told = |name: &str| (named(name)["unit"].as_str().unwrap(), named(name)["higher_is_better"].as_bool().unwrap());
    assert_eq!(told("cross-entropy"), ("nats/token", false));
    assert_eq!(told("bits-per-byte"), ("bits/byte", false));
    assert!(told("token-accuracy").1);
    assert_eq!((&named("loss")["plugin"], &named("loss")["comparable"]), (&"focal".into(), &"loss".into()));
}

/// Each step with tokens and epochs of the whole run and a clock that continues, also after a kill.
#[test]
fn steps_count_through_resumes() {
    let folder = folder();
    trained(folder.path(), &[]);
    let whole = records(&run(folder.path()));
    // as a kill after step 5 leaves it
    for step in [6, 8] {
        fs::remove_dir_all(run(folder.path()).join(format!("checkpoints/step-{step}"))).unwrap();
    }
    let log = run(folder.path()).join("metrics.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    let kept: String = text.split_inclusive('\n').take_while(|line| !line.contains("\"step\":6")).collect();
    fs::write(&log, kept).unwrap();
    trained(folder.path(), &["--resume"]);
    let resumed = records(&run(folder.path()));
    let of_kind = |records: &[Value], name: &str| -> Vec<Value> {
        records.iter().filter(|record| kind(record) == name).cloned().collect()
    };
    assert!(resumed.iter().all(|record| record["kind"].is_string() && record["step"].is_u64()));
    assert_eq!(of_kind(&resumed, "run"), of_kind(&whole, "run"));
    let headers = of_kind(&resumed, "resume");
    assert_eq!((headers.len(), &headers[0]["step"]), (1, &4.into()));
    let steps = of_kind(&resumed, "step");
    assert_eq!(steps[..4], of_kind(&whole, "step")[..4]);
    let train_bytes = {
        let manifest = fs::read_to_string(run(folder.path()).join("data/manifest.json")).unwrap();
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        manifest["report"]["splits"][0]["tokens"].as_u64().unwrap()
    };
    // windows of an epoch, whatever their offset: (tokens − 1 − (context − 1)) / context
    let sequences = (train_bytes - 32) / 32;
    let mut before = 0.0;
    for (step, record) in (1..).zip(&steps) {
        assert_eq!((record["step"].as_u64(), record["tokens"].as_u64()), (Some(step), Some(step * 2 * 2 * 32)));
        let epochs = record["epochs"].as_f64().unwrap();
        assert!((epochs - (step * 4) as f64 / sequences as f64).abs() < 1e-12, "{record}");
        let seconds = record["seconds"].as_f64().unwrap();
        assert!(seconds >= before, "{record}");
        before = seconds;
    }
    let validation = of_kind(&resumed, "validation").pop().unwrap();
    assert!(validation["seconds"].as_f64().unwrap() >= before);
    assert_eq!((&validation["tokens"], &validation["validation_batches"][0]), (&1024.into(), &1.into()));
    assert_eq!(
        (&validation["comparable"]["loss"], &validation["comparable"]["bits-per-byte"]),
        (&"loss".into(), &"text".into())
    );
    // the same run but for what is about processes
    let plain = |records: Vec<Value>| -> Vec<Value> {
        records.into_iter().filter(|record| !["run", "resume", "plugins"].contains(&kind(record))).collect()
    };
    let end = of_run(&run(folder.path())).pop().unwrap();
    assert_eq!((kind(&end), &end["state"]), ("end", &"done".into()));
    let mut whole = plain(whole);
    whole.iter_mut().for_each(|record| {
        for time in ["tokens_per_second", "data_wait_ms", "seconds", "share_of_peak", "started", "ended"] {
            record.as_object_mut().unwrap().remove(time);
        }
    });
    assert_eq!(plain(of_run(&run(folder.path()))), whole);
}

#[test]
fn the_end_has_a_name() {
    let folder = folder();
    let end = || records(&run(folder.path())).pop().unwrap();
    trained(folder.path(), &[]);
    let done = end();
    assert_eq!((kind(&done), &done["step"], &done["state"]), ("end", &8.into(), &"done".into()));
    assert!(is_time(&done["ended"]) && done["seconds"].as_f64().unwrap() > 0.0 && done["error"].is_null(), "{done}");
    // an error, after which there is the record of the steps before it
    let spoiling = ["--overwrite", "--set", "optimizer.lr=1e30", "--set", "train.clip=0"];
    let outcome = train(folder.path(), &[&spoiling[..], &["--set", "train.checkpoint_every=1"]].concat());
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    let failed = end();
    assert_eq!((kind(&failed), &failed["state"]), ("end", &"failed".into()));
    assert!(failed["error"].as_str().unwrap().contains("expected finite numbers"), "{failed}");
    assert!(outcome.stderr.contains(failed["error"].as_str().unwrap()), "{}", outcome.stderr);
    // patience
    let patience = ["optimizer.lr=0.3", "schedule.kind=constant", "train.steps=400", "train.patience=1"];
    let set: Vec<_> = patience.iter().flat_map(|set| ["--set", set]).collect();
    trained(folder.path(), &[&["--overwrite"][..], &set].concat());
    let stopped = end();
    assert_eq!(stopped["state"], "stopped_early");
    assert!(stopped["best"]["step"].as_u64().unwrap() < stopped["step"].as_u64().unwrap(), "{stopped}");
    assert_eq!(stopped["best"]["kept"], true);
}

/// A log of the version before kinds and headers: it is continued, and nothing of it changes.
#[test]
fn a_log_of_an_earlier_version_is_continued() {
    let folder = folder();
    trained(folder.path(), &[]);
    let log = run(folder.path()).join("metrics.jsonl");
    let mut old = String::new();
    for mut record in records(&run(folder.path())) {
        if ["run", "end"].contains(&kind(&record)) {
            continue;
        }
        for key in ["kind", "seconds", "tokens", "epochs", "share_of_peak", "comparable"] {
            record.as_object_mut().unwrap().remove(key);
        }
        old += &format!("{record}\n");
    }
    fs::write(&log, &old).unwrap();
    let again = trained(folder.path(), &["--resume"]);
    assert!(!again.stderr.contains("no record"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(&log).unwrap(), old, "a finished run adds nothing");
    let longer = ["--set", "train.steps=10", "--allow-changed", "train.steps", "--allow-changed", "schedule"];
    let longer = trained(folder.path(), &[&["--resume"][..], &longer].concat());
    assert!(!longer.stderr.contains("no record"), "{}", longer.stderr);
    let new = fs::read_to_string(&log).unwrap();
    let steps: String = old.split_inclusive('\n').filter(|line| !line.contains("\"final\"")).collect();
    let added = new.strip_prefix(&steps).expect("the old lines but for the old end");
    let kinds: Vec<Value> =
        added.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].clone()).collect();
    assert_eq!(kinds, ["resume", "step", "step", "validation", "final", "plugins", "end"]);
}

/// A tokenizer that loses text: every number per byte of it is marked, wherever it is told.
#[test]
fn numbers_of_lost_text_are_marked_while_training_and_for_files() {
    let folder = folder();
    let upper: String = (0..200).map(|i| format!("LINE {i} Of Thirteen\n")).collect();
    fs::write(folder.path().join("text/0.txt"), &upper).unwrap();
    fs::write(folder.path().join("other.txt"), &upper).unwrap();
    let lossy = ["--set", "tokenizer.plugin=wordpiece", "--set", "tokenizer.config.vocab_size=300"];
    let outcome = trained(folder.path(), &[&lossy[..], &["--set", "data.validation=0.5"]].concat());
    let records = records(&run(folder.path()));
    let validation = records.iter().find(|record| kind(record) == "validation").unwrap();
    assert_eq!((&validation["lossy"], &validation["comparable"]["bits-per-byte"]), (&true.into(), &"no".into()));
    assert_eq!(validation["comparable"]["cross-entropy"], "tokenizer");
    let line = outcome.stderr.lines().find(|line| line.starts_with("validation ")).unwrap();
    let value = validation["validation"]["bits-per-byte"].as_f64().unwrap();
    let expected = format!("bits-per-byte {value:.4} (not comparable: the tokenizer loses text)");
    assert!(line.contains(&expected), "{line}");
    let eval = ["eval", "runs/run", "--data", "other.txt"];
    let text = trainyard(&eval).in_folder(folder.path()).run().stdout;
    assert!(text.contains("bits/byte, lower is better, not comparable: the tokenizer loses text\n"), "{text}");
    let json = trainyard(&[&eval[..], &["--json"]].concat()).in_folder(folder.path()).run().stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let bits = json["test"].as_array().unwrap().iter().find(|value| value["name"] == "bits-per-byte").unwrap();
    assert_eq!((&bits["comparable"], &json["texts"]["test"]["lossy"]), (&"no".into(), &true.into()));
    // nothing is lost: nothing is marked
    let outcome = trained(folder.path(), &["--overwrite"]);
    assert!(!outcome.stderr.contains("not comparable: the tokenizer"), "{}", outcome.stderr);
}

/// `checkpoints/best` leads to the checkpoint of the best validation, which is kept, and all commands mean it.
#[test]
#[cfg(unix)]
fn the_best_checkpoint_is_marked() {
    let folder = folder();
    let settings = [
        "optimizer.lr=0.4",
        "schedule.kind=constant",
        "train.steps=60",
        "train.keep_checkpoints=1",
        "loss.plugin=cross-entropy",
    ];
    let set: Vec<_> = settings.iter().flat_map(|set| ["--set", set]).collect();
    let outcome = trained(folder.path(), &set);
    let losses: Vec<(f64, u64)> = records(&run(folder.path()))
        .iter()
        .filter(|record| kind(record) == "validation")
        .map(|record| (record["validation"]["loss"].as_f64().unwrap(), record["step"].as_u64().unwrap()))
        .collect();
    let best = losses.iter().copied().reduce(|best, other| if other.0 < best.0 { other } else { best }).unwrap();
    assert!(best.1 < 60, "the last validation is the best: {losses:?}");
    let checkpoints = run(folder.path()).join("checkpoints");
    assert_eq!(fs::read_link(checkpoints.join("best")).unwrap(), Path::new(&format!("step-{}", best.1)));
    assert!(checkpoints.join("best/model.safetensors").is_file() && checkpoints.join("step-60").is_dir());
    let said = format!(
        "/checkpoints/step-{}  (validation loss {:.4} after step {}: --checkpoint best)\n",
        best.1, best.0, best.1
    );
    assert!(outcome.stdout.contains("\nbest        ") && outcome.stdout.ends_with(&said), "{}", outcome.stdout);
    let step = |arguments: &[&str]| -> Value {
        let outcome = trainyard(&[&["eval", "runs/run", "--json"], arguments].concat()).in_folder(folder.path()).run();
        serde_json::from_str::<Value>(&outcome.stdout).unwrap()["step"].clone()
    };
    assert_eq!((step(&["--checkpoint", "best"]), step(&[])), (best.1.into(), 60.into()));
    // what a user has put there stays
    fs::remove_file(checkpoints.join("best")).unwrap();
    fs::write(checkpoints.join("best"), "mine").unwrap();
    let outcome = trained(folder.path(), &[&["--overwrite"][..], &set].concat());
    assert_eq!(fs::read(checkpoints.join("best")).unwrap(), b"mine");
    assert_eq!(outcome.stderr.matches("best: is not ours").count(), 1, "{}", outcome.stderr);
}

#[test]
fn a_run_that_does_not_exist_is_not_resumed() {
    let folder = folder();
    let outcome = train(folder.path(), &["--resume", "--set", "run.name=typo"]);
    let cure = "runs/typo: no run to resume; correct run.name or run.dir, or leave out --resume to start it\n";
    assert!(outcome.code == 2 && outcome.stderr.ends_with(cure), "{}", outcome.stderr);
    assert!(!folder.path().join("runs/typo").exists());
    assert_eq!(train(folder.path(), &["--resume", "--resume-or-start"]).code, 2);
    // either way
    let outcome = trained(folder.path(), &["--resume-or-start"]);
    assert!(!outcome.stderr.contains("resumed"), "{}", outcome.stderr);
    let longer = ["--set", "train.steps=10", "--allow-changed", "train.steps", "--allow-changed", "schedule"];
    let outcome = trained(folder.path(), &[&["--resume-or-start"][..], &longer].concat());
    assert!(outcome.stderr.contains("resumed after step 8"), "{}", outcome.stderr);
    // a run that was killed before its first checkpoint is there, and starts again
    fs::remove_dir_all(run(folder.path()).join("checkpoints")).unwrap();
    let outcome = trained(folder.path(), &["--resume"]);
    assert!(outcome.stderr.contains("no checkpoint yet: the run starts from the beginning"), "{}", outcome.stderr);
}
