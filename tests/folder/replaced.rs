//! `--overwrite` and `--from`: one of the two runs is whole at any time, and only one process trains.

use super::*;
use crate::records::kind;
use std::process::Child;
use std::time::{Duration, Instant};

/// Everything that can be wrong is checked before the old run is touched.
#[test]
fn a_mistake_leaves_the_old_run() {
    let folder = run_folder();
    trained(folder.path(), &[]);
    let before = snapshot(&run(folder.path()));
    let filter = "data.filter=[{ plugin = 'length', config = { min_words = 1000000 } }]";
    for (setting, code) in [
        (filter, 1),
        ("loss.plugin=missing", 2),
        ("train.batch=100000000", 2),
        ("data.source.0.path=nowhere", 2),
        ("model.heads=3", 2),
    ] {
        refused(folder.path(), &["--overwrite", "--set", setting], code);
        let after = snapshot(&run(folder.path()));
        let changed: Vec<_> = before.iter().filter(|(path, bytes)| after.get(*path) != Some(bytes)).collect();
        assert!(changed.is_empty() && after.len() == before.len(), "{setting}: {changed:?}");
    }
}

/// A step that fails before the first checkpoint: the old run is restored when the command has ended.
#[test]
fn a_new_run_without_a_checkpoint_leaves_the_old_one() {
    let folder = run_folder();
    trained(folder.path(), &[]);
    let before = snapshot(&run(folder.path()));
    let settings = ["train.clip=0", "optimizer.lr=1e30", "train.checkpoint_every=0", "data.validation=0.4"];
    let settings: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let line = refused(folder.path(), &[&["--overwrite"], &settings[..]].concat(), 1);
    assert!(line.contains("there is no earlier checkpoint: start again with another setting"), "{line}");
    let mut after = snapshot(&run(folder.path()));
    after.retain(|path, _| !path.to_string_lossy().contains("/replay-"));
    assert!(after == before);
    trained(folder.path(), &["--resume"]);
}

/// Kills at times spread over the whole command, which differ between machines: the old run or the new one is there,
/// and the next command ends as if nothing had happened.
#[test]
fn a_kill_leaves_the_old_run_or_the_new_one() {
    let folder = run_folder();
    trained(folder.path(), &[]);
    let second = ["train", "run.toml", "--overwrite", "--set", "run.seed=2", "--set", "data.validation=0.3"];
    let old = model(folder.path(), 8);
    let mut n_killed = 0;
    for ms in [15, 30, 45, 60, 80, 100, 130, 170] {
        let ended = trainyard(&second).in_folder(folder.path()).kill_after(Duration::from_millis(ms));
        n_killed += u32::from(ended.is_none());
        let outcome = trainyard(&["eval", "runs/run"]).in_folder(folder.path()).run();
        assert_eq!(outcome.code, 0, "after a kill at {ms} ms: {}", outcome.stderr);
        let seed = fs::read_to_string(run(folder.path()).join("config.toml")).unwrap();
        match seed.contains("seed = 2\n") {
            true => trained(folder.path(), &[&second[2..], &[]].concat()),
            false => {
                assert!(model(folder.path(), 8) == old, "after a kill at {ms} ms");
                trained(folder.path(), &["--resume"])
            }
        };
        assert_eq!(names(&checkpoints(folder.path())), ["step-2", "step-4", "step-6", "step-8"]);
        trained(folder.path(), &["--overwrite"]);
        assert!(model(folder.path(), 8) == old, "the same run again after a kill at {ms} ms");
    }
    assert!(n_killed > 0, "every run was faster than its kill");
}

/// A run that lasts until it is killed, with its lock held.
fn long_run(folder: &Path) -> Child {
    let mut call = trainyard(&["train", "run.toml", "--set", "train.steps=10000000"]).in_folder(folder);
    let child = call.spawn();
    let lock = run(folder).join(".trainyard-lock");
    let started = Instant::now();
    while fs::read_to_string(&lock).unwrap_or_default() != format!("{}\n", child.id()) {
        assert!(started.elapsed() < Duration::from_secs(60), "no lock");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

#[test]
fn one_process_trains_in_a_folder() {
    let folder = run_folder();
    let mut first = long_run(folder.path());
    for arguments in [&[][..], &["--resume"], &["--overwrite"]] {
        let line = refused(folder.path(), arguments, 1);
        let expected = format!(
            "runs/run: process {} is training in this folder; wait until it has ended, or set another run.name",
            first.id()
        );
        assert!(line.ends_with(&expected), "{line}");
    }
    first.kill().unwrap();
    first.wait().unwrap();
    // the lock has ended with its holder
    trained(
        folder.path(),
        &["--resume", "--set", "train.steps=8", "--allow-changed", "train.steps", "--allow-changed", "schedule"],
    );
}

/// The same steps again from an earlier checkpoint: the same bytes, and a log that says so.
#[test]
fn going_back_gives_the_same_run() {
    let folder = run_folder();
    trained(folder.path(), &[]);
    let (expected, records) = (model(folder.path(), 8), log(folder.path()));
    trained(folder.path(), &["--from", "step-4"]);
    assert!(model(folder.path(), 8) == expected);
    let record = serde_json::json!({ "kind": "rewind", "step": 4, "from": "step-4", "later": [6, 8] });
    let (kept, is_record) = (log(folder.path()), |kept: &serde_json::Value| *kept == record);
    let place = kept.iter().position(is_record).expect("a record of it");
    assert!(kept[..place].iter().all(|record| record["step"].as_u64().unwrap() <= 4));
    let plugins = |record: &&serde_json::Value| !["run", "resume", "plugins"].contains(&kind(record));
    let others: Vec<_> = kept.iter().filter(|kept| !is_record(kept)).filter(plugins).collect();
    assert_eq!(others, records.iter().filter(plugins).collect::<Vec<_>>());
    let line = refused(folder.path(), &["--from", "step-5", "--set", "run.name=typo"], 2);
    assert!(line.ends_with("runs/typo: no run to resume from step-5; check run.name"), "{line}");
    assert!(!folder.path().join("runs/typo").exists());
    let line = refused(folder.path(), &["--from", "step-5"], 2);
    let expected = "no checkpoint \"step-5\", there are: step-2, step-4, step-6, step-8";
    assert!(line.ends_with(expected), "{line}");
}

/// Later checkpoints are there until the run has another one.
#[test]
fn going_back_removes_nothing_before_the_first_checkpoint() {
    let folder = run_folder();
    trained(folder.path(), &[]);
    let before = snapshot(&run(folder.path()));
    let spoilt = ["--from", "step-4", "--allow-changed", "optimizer", "--allow-changed", "train.batch"];
    let settings = ["--set", "optimizer.lr=1e30", "--set", "train.clip=0", "--set", "train.checkpoint_every=0"];
    refused(folder.path(), &[&spoilt[..], &settings].concat(), 1);
    let mut after = snapshot(&run(folder.path()));
    after.retain(|path, _| !path.to_string_lossy().contains("/replay-"));
    assert!(after == before);
}
