//! What can go, and what stays.

use super::{Sample, folder};
use crate::{Clean, CleanOptions, Kind};
use std::fs::{self, File};
use std::path::Path;
use trainyard_report::EndState;

fn plan(root: &Path) -> Clean {
    Clean::plan(root, &CleanOptions::default()).unwrap()
}

/// Writes a checkpoint of two files beside its manifest.
fn checkpoint(run: &Path, name: &str) {
    let folder = run.join("checkpoints").join(name);
    fs::create_dir_all(folder.join("trainyard")).unwrap();
    fs::write(folder.join("model.safetensors"), [0; 1000]).unwrap();
    fs::write(folder.join("trainyard/state.json"), [0; 24]).unwrap();
    let manifest = r#"{"format":1,"sha256":{"model.safetensors":"","trainyard/state.json":"","../../config.toml":""}}"#;
    fs::write(folder.join("trainyard/manifest.json"), manifest).unwrap();
}

/// The paths of items within the folder of runs.
fn paths(plan: &Clean, root: &Path) -> Vec<String> {
    let items = plan.groups.iter().flat_map(|group| &group.items);
    items.map(|item| item.path.strip_prefix(root).unwrap().display().to_string()).collect()
}

/// A run whose checkpoints are after steps 5, 10, 15 and 20; the validation after 15 is the best.
fn trained() -> (tempfile::TempDir, std::path::PathBuf) {
    let (dir, root) = folder(&[("a", Sample::default())]);
    for step in [5, 10, 15, 20] {
        checkpoint(&root.join("a"), &format!("step-{step}"));
    }
    (dir, root)
}

#[cfg(unix)]
#[test]
fn old_checkpoints_can_go() {
    let (_dir, root) = trained();
    let run = root.join("a");
    std::os::unix::fs::symlink("step-10", run.join("checkpoints/best")).unwrap();
    // neither is a checkpoint of the run
    checkpoint(&run, "step-007");
    fs::create_dir_all(run.join("checkpoints/step-3")).unwrap();
    fs::write(run.join("checkpoints/step-5/notes.txt"), "mine").unwrap();
    checkpoint(&run, ".step-25.999999999.partial");
    fs::write(run.join("metrics.jsonl.999999999.tmp"), "half").unwrap();
    fs::write(run.join("notes.999999999.tmp"), "mine").unwrap();
    checkpoint(&run, &format!(".step-30.{}.partial", std::process::id()));
    let plan = plan(&root);
    assert_eq!(
        paths(&plan, &root),
        ["a/checkpoints/step-5", "a/checkpoints/.step-25.999999999.partial", "a/metrics.jsonl.999999999.tmp"]
    );
    let expected = "\
of  what        path                                     size
a   checkpoint  checkpoints/step-5                    1.09 KiB
a   left over   checkpoints/.step-25.999999999.partial  1.09 KiB
a   left over   metrics.jsonl.999999999.tmp                4 B
2.19 KiB in 3 items can go
";
    assert_eq!(plan.to_string().replace(' ', ""), expected.replace(' ', ""));
    assert!(run.join("checkpoints/step-5/model.safetensors").exists(), "a plan removes nothing");
    let cleaned = plan.apply();
    let kept = run.join("checkpoints/step-5");
    assert_eq!((cleaned.items, cleaned.bytes, &cleaned.kept), (3, plan.bytes, &vec![kept.clone()]));
    assert_eq!(fs::read_dir(&kept).unwrap().count(), 1);
    let text = cleaned.to_string();
    assert!(text.starts_with(&format!("{}: holds files that trainyard did not write, they stay\n", kept.display())));
    assert!(text.ends_with("\nremoved 3 items: 2.19 KiB\n"), "{text}");
    for name in ["step-10", "step-15", "step-20", "step-007", "step-3", "best"] {
        assert!(run.join("checkpoints").join(name).exists(), "{name}");
    }
    assert!(run.join("config.toml").exists() && run.join("notes.999999999.tmp").exists());
    assert!(!run.join("metrics.jsonl.999999999.tmp").exists());
    assert_eq!(self::plan(&root).to_string(), "nothing to remove\n");
}

#[test]
fn a_checkpoint_that_a_run_starts_from_stays() {
    let (_dir, root) = trained();
    Sample { more: "[start]\nfrom = \"../../a/checkpoints/step-5\"", ..Sample::default() }
        .write(&root.join("deeper/b"));
    assert_eq!(paths(&plan(&root), &root), ["a/checkpoints/step-10"]);
}

#[test]
fn some_runs_are_left_alone() {
    let (_dir, root) = trained();
    let failed = Sample { end: Some(EndState::Failed), step: 12, ..Sample::default() };
    failed.write(&root.join("failed"));
    checkpoint(&root.join("failed"), "step-5");
    checkpoint(&root.join("failed"), "step-10");
    let plan = plan(&root);
    assert_eq!(paths(&plan, &root), ["a/checkpoints/step-5", "a/checkpoints/step-10"]);
    let why = "it failed, and may have to go back to an earlier checkpoint";
    assert!(plan.to_string().contains(&format!("\nfailed: left alone: {why}\n")), "{plan}");
    // a process begins to train after the plan was made
    let lock = root.join("a/.trainyard-lock");
    fs::write(&lock, format!("{}\n", std::process::id())).unwrap();
    let lock = File::open(&lock).unwrap();
    lock.try_lock().unwrap();
    let cleaned = plan.apply();
    assert_eq!((cleaned.items, cleaned.left_alone.len()), (0, 1));
    assert!(root.join("a/checkpoints/step-5").exists());
    assert!(self::plan(&root).to_string().contains("a: left alone: a process trains in it\n"));
    drop(lock);
    assert_eq!(self::plan(&root).apply().items, 2);
    fs::write(root.join("a/.trainyard-replace.json"), "{}").unwrap();
    assert!(self::plan(&root).to_string().contains("a: left alone: a replacement of the run was interrupted"));
}

#[cfg(unix)]
#[test]
fn data_that_no_run_links_can_go() {
    let (_dir, root) = folder(&[("a", Sample::default())]);
    let dataset = |digit: &str| root.join("store/datasets").join(digit.repeat(32));
    let manifest =
        |id: &str| format!("{{\"format\":1,\"id\":\"{id}\",\"files\":{{\"train.shard\":{{}},\"../../x\":{{}}}}}}");
    for digit in ["0", "1", "2", "3"] {
        fs::create_dir_all(dataset(digit)).unwrap();
        fs::write(dataset(digit).join("train.shard"), [0; 3000]).unwrap();
        fs::write(dataset(digit).join("manifest.json"), manifest(digit)).unwrap();
        fs::write(dataset(digit).join("lock"), "").unwrap();
    }
    // a copy on another disk, a link from elsewhere, and one that a process prepares
    fs::write(root.join("a/data/manifest.json"), manifest("0")).unwrap();
    fs::hard_link(dataset("1").join("train.shard"), root.join("elsewhere")).unwrap();
    let lock = File::open(dataset("2").join("lock")).unwrap();
    lock.try_lock().unwrap();
    fs::create_dir_all(root.join("store/datasets/mine")).unwrap();
    assert_eq!(plan(&root).groups.len(), 0);
    let plan = Clean::plan(&root, &CleanOptions { unused_data: true }).unwrap();
    assert_eq!((plan.groups.len(), plan.groups[0].items.len()), (1, 1));
    let item = &plan.groups[0].items[0];
    assert_eq!((item.kind, item.path.file_name(), item.bytes), (Kind::Dataset, dataset("3").file_name(), 3061));
    fs::hard_link(dataset("3").join("train.shard"), root.join("late")).unwrap();
    assert_eq!(plan.apply().items, 0);
    fs::remove_file(root.join("late")).unwrap();
    assert_eq!(plan.apply().items, 1);
    assert_eq!(fs::read_dir(dataset("3")).unwrap().count(), 1);
}
