//! Failed steps, and how to recover.

use super::*;

const ALLOWED: [&str; 4] = ["--allow-changed", "optimizer", "--allow-changed", "train.batch"];
const SPOILING: [&str; 4] = ["--set", "optimizer.lr=1e30", "--set", "train.clip=0"];

/// The first 4 of 8 steps, as a kill after them would leave them, with the last checkpoint only.
fn half(folder: &Path) {
    trained(folder, &["--set", "train.keep_checkpoints=0"]);
    for step in [2, 6, 8] {
        fs::remove_dir_all(checkpoints(folder).join(format!("step-{step}"))).unwrap();
    }
}

#[test]
fn a_failed_step_costs_no_checkpoint() {
    let folder = run_folder();
    half(folder.path());
    let keep = ["--set", "train.keep_checkpoints=1", "--set", "train.checkpoint_every=3"];
    for _ in 0..2 {
        let line = refused(folder.path(), &[&["--resume"], &ALLOWED[..], &SPOILING, &keep].concat(), 1);
        let start = "error: state kept in replay-5, --from replay-5 repeats the step: step 5: loss is ";
        assert!(line.starts_with(start), "{line}");
        let end =
            "; to resume before it with another setting: --from step-4 --allow-changed optimizer --set optimizer.lr=…";
        assert!(line.ends_with(end), "{line}");
        assert_eq!(names(&checkpoints(folder.path())), ["replay-5", "step-4"]);
    }
    // the step again, from the very state
    let line = refused(folder.path(), &[&["--from", "replay-5"], &SPOILING[..], &keep].concat(), 1);
    assert!(line.contains("--from replay-5 repeats the step: step 5: loss is "), "{line}");
    // no other command takes it for a checkpoint
    let outcome = trainyard(&["eval", "runs/run", "--json"]).in_folder(folder.path()).run();
    assert!(outcome.stdout.contains("\"step\":4"), "{} {}", outcome.stdout, outcome.stderr);
    // the cure of the message, with a sane rate
    let sane = ["--set", "optimizer.lr=1e-3", "--set", "train.keep_checkpoints=1"];
    trained(folder.path(), &[&["--from", "step-4"], &ALLOWED[..2], &sane].concat());
    assert_eq!(names(&checkpoints(folder.path())), ["replay-5", "step-8"]);
    trained(folder.path(), &["--overwrite"]);
    assert_eq!(names(&checkpoints(folder.path())), ["step-2", "step-4", "step-6", "step-8"]);
}

/// A checkpoint saved between the step that broke the model and the step that shows it does not replace the one before.
#[test]
fn a_spoilt_checkpoint_does_not_cost_the_one_before() {
    let folder = run_folder();
    half(folder.path());
    let keep = ["--set", "train.keep_checkpoints=1", "--set", "train.checkpoint_every=1"];
    let line = refused(folder.path(), &[&["--resume"], &ALLOWED[..], &SPOILING, &keep].concat(), 1);
    assert!(line.contains("to resume before it with another setting: --from step-4 "), "{line}");
    assert_eq!(names(&checkpoints(folder.path())), ["replay-5", "step-4", "step-5"]);
    trained(folder.path(), &["--from", "step-4", "--set", "train.keep_checkpoints=1"]);
    assert_eq!(names(&checkpoints(folder.path())), ["replay-5", "step-8"]);
}

#[test]
fn a_run_that_fails_before_any_checkpoint_can_begin_again() {
    let folder = run_folder();
    let line = refused(folder.path(), &SPOILING, 1);
    assert!(line.contains("there is no earlier checkpoint: start again with another setting"), "{line}");
    assert!(names(&checkpoints(folder.path())).iter().all(|name| name.starts_with("replay-")));
    trained(folder.path(), &[]);
    assert_eq!(names(&checkpoints(folder.path())), ["step-2", "step-4", "step-6", "step-8"]);
}
