//! `metrics.jsonl` and the descriptions of a run, through resumes and kills.

use super::*;

fn text(folder: &Path) -> String {
    fs::read_to_string(run(folder).join("metrics.jsonl")).unwrap()
}

#[test]
fn resuming_what_is_finished_adds_nothing() {
    let folder = run_folder();
    trained(folder.path(), &[]);
    let before = snapshot(&run(folder.path()));
    for _ in 0..3 {
        trained(folder.path(), &["--resume"]);
        assert!(snapshot(&run(folder.path())) == before, "{}", text(folder.path()));
    }
    // longer: the end is said for the last time only, what plugins did by each process
    let longer =
        ["--resume", "--set", "train.steps=10", "--allow-changed", "train.steps", "--allow-changed", "schedule"];
    trained(folder.path(), &longer);
    let records = log(folder.path());
    let steps = |key: &str| -> Vec<u64> {
        records.iter().filter(|record| record.get(key).is_some()).filter_map(|record| record["step"].as_u64()).collect()
    };
    assert_eq!((steps("final"), steps("plugins")), (vec![10], vec![8, 10]));
    let of_kind = |kind: &str| -> Vec<u64> {
        records.iter().filter(|record| record["kind"] == kind).filter_map(|record| record["step"].as_u64()).collect()
    };
    assert_eq!((of_kind("run"), of_kind("resume"), of_kind("end")), (vec![0], vec![8], vec![10]));
    assert_eq!(steps("lr"), (1..=10).collect::<Vec<_>>());
}

#[test]
fn a_gap_in_the_log_is_said() {
    let folder = run_folder();
    trained(folder.path(), &[]);
    let kept: String = text(folder.path()).split_inclusive('\n').filter(|line| !line.contains("\"step\":3")).collect();
    fs::write(run(folder.path()).join("metrics.jsonl"), kept).unwrap();
    let said = trained(folder.path(), &["--resume"]);
    let expected = "metrics.jsonl: step 3 has no record; the model has them, the log continues without them";
    assert!(said.contains(expected), "{said}");
    fs::remove_file(run(folder.path()).join("metrics.jsonl")).unwrap();
    let said = trained(folder.path(), &["--resume"]);
    assert!(said.contains("metrics.jsonl: 8 steps have no record, from 1 to 8; "), "{said}");
}

/// The state after a kill between the save and the removal of the oldest.
#[test]
fn one_checkpoint_too_many_goes_at_the_next_start() {
    let folder = run_folder();
    let keep = ["--set", "train.keep_checkpoints=2"];
    trained(folder.path(), &[]);
    fs::remove_dir_all(checkpoints(folder.path()).join("step-2")).unwrap();
    trained(folder.path(), &[&["--resume"], &keep[..]].concat());
    assert_eq!(names(&checkpoints(folder.path())), ["step-6", "step-8"]);
}

/// Half-written or half-removed files of killed processes are removed, and nothing else.
#[test]
fn leftovers_go_at_the_next_start() {
    let folder = run_folder();
    trained(folder.path(), &[]);
    let before = snapshot(&run(folder.path()));
    let leftovers = [
        "config.toml.99999999.tmp",
        "metrics.jsonl.99999999.tmp",
        "data/train.shard.99999999.tmp",
        "data/.trainyard-new/train.shard",
        "checkpoints/.step-9.99999999.partial/trainyard/.files",
        "checkpoints/.step-9.99999999.partial/model.safetensors",
        "checkpoints/.step-3.partial/model.safetensors",
        "checkpoints/.step-3.partial/trainyard/state.json",
    ];
    for name in leftovers {
        let path = run(folder.path()).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "model.safetensors\n").unwrap();
    }
    let retired = checkpoints(folder.path()).join(".step-1.7.removed");
    fs::create_dir_all(retired.join("trainyard")).unwrap();
    for name in ["model.safetensors", "trainyard/manifest.json"] {
        fs::copy(checkpoints(folder.path()).join("step-2").join(name), retired.join(name)).unwrap();
    }
    trained(folder.path(), &["--resume"]);
    assert!(snapshot(&run(folder.path())) == before);
}

/// A full disk while the descriptions are written leaves the old ones.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_the_old_description() {
    let folder = run_folder();
    trained(folder.path(), &[]);
    let before = snapshot(&run(folder.path()));
    // no file may be written to: limits count bytes per file
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" train run.toml --resume --set train.keep_checkpoints=7";
    let program = trainyard(&[]);
    let mut bash = std::process::Command::new("bash");
    let outcome = bash.args(["-c", script]).arg(program.program()).current_dir(folder.path()).output().unwrap();
    let message = String::from_utf8(outcome.stderr).unwrap();
    assert_eq!(outcome.status.code(), Some(1), "{message}");
    assert!(snapshot(&run(folder.path())) == before, "{message}");
}

/// A disk that is full when a checkpoint is written: the run ends, nothing half-written is left, and the old run is
/// restored.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_no_half_checkpoint() {
    let folder = run_folder();
    trained(folder.path(), &[]);
    let before = snapshot(&run(folder.path()));
    // the data is in the store already; a model of width 64 has more than 32 KiB
    let script = "trap '' XFSZ; ulimit -f 32; exec \"$0\" train run.toml --overwrite --set model.width=64";
    let program = trainyard(&[]);
    let mut bash = std::process::Command::new("bash");
    let outcome = bash.args(["-c", script]).arg(program.program()).current_dir(folder.path()).output().unwrap();
    let message = String::from_utf8(outcome.stderr).unwrap();
    assert_eq!(outcome.status.code(), Some(1), "{message}");
    assert!(message.contains("model.safetensors: cannot write: "), "{message}");
    assert!(snapshot(&run(folder.path())) == before, "{message}");
}
