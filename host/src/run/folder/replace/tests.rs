//! Tests of replacements that are interrupted at every point.

use super::*;
use crate::run::checkpoint::MANIFEST;
use std::collections::BTreeMap;
use tempfile::TempDir;

/// Every file below a folder, with its text.
fn snapshot(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    for name in list(root).expect("readable") {
        let path = root.join(name);
        if path.is_dir() {
            files.extend(snapshot(&path));
        } else {
            let text = fs::read_to_string(&path).expect("readable");
            files.insert(path, text);
        }
    }
    files
}

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
}

fn checkpoint(root: &Path, name: &str, model: &str) {
    let folder = root.join("checkpoints").join(name);
    write(&folder, "model.safetensors", model);
    write(&folder, MANIFEST, r#"{"format": 1, "sha256": {"model.safetensors": ""}}"#);
}

/// A run of 40 steps with files of the user in it, and new data beside its own.
fn old_run() -> (TempDir, RunFolder) {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path();
    RECORDS.iter().for_each(|name| write(root, name, "old"));
    [20, 40].iter().for_each(|step| checkpoint(root, &folder_name(*step), "old"));
    checkpoint(root, "replay-33", "old");
    for name in ["train.shard", "test.shard", "manifest.json"] {
        write(root, &format!("data/{name}"), "old");
    }
    for name in ["train.shard", "validation.shard", "manifest.json"] {
        write(root, &format!("data/{NEW}/{name}"), "new");
    }
    for name in ["notes.txt", "data/notes.txt", "checkpoints/their.pt", "checkpoints/step-40/notes.txt"] {
        write(root, name, "mine");
    }
    let folder = RunFolder::open(root).expect("a run");
    (dir, folder)
}

fn without_new_data(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut files = snapshot(root);
    files.retain(|path, _| !path.starts_with(root.join("data").join(NEW)));
    files
}

const REPLACEMENTS: [(Option<u64>, bool); 3] = [(None, true), (Some(20), false), (Some(40), true)];

/// What the run writes before its first checkpoint.
fn begin_new(folder: &RunFolder) {
    RECORDS.iter().for_each(|name| write(folder.root(), name, "new"));
}

#[test]
fn an_end_at_any_moment_brings_the_old_run_back() {
    for (after, data) in REPLACEMENTS {
        let replacement = Replacement::new(after, data);
        for n in 0.. {
            let (dir, folder) = old_run();
            let before = without_new_data(dir.path());
            let actions = replacement.begin_actions(&folder).expect("a plan");
            perform(&folder, &actions[..n.min(actions.len())]).expect("done");
            if n == actions.len() + 1 {
                begin_new(&folder);
            }
            recover(&folder).expect("recovered");
            remove_new_data(&folder).expect("removed");
            assert_eq!(without_new_data(dir.path()), before, "{replacement:?} after {n} actions");
            if n > actions.len() {
                break;
            }
        }
    }
}

#[test]
fn a_recovery_that_ends_at_any_moment_is_done_again() {
    for (after, data) in REPLACEMENTS {
        let replacement = Replacement::new(after, data);
        for n in 0.. {
            let (dir, folder) = old_run();
            let before = without_new_data(dir.path());
            replacement.begin(&folder).expect("moved");
            begin_new(&folder);
            let moved = pending(&folder).expect("readable").expect("a note");
            let actions = moved.restore_actions(&folder).expect("a plan");
            perform(&folder, &actions[..n.min(actions.len())]).expect("done");
            recover(&folder).expect("recovered");
            assert_eq!(without_new_data(dir.path()), before, "{replacement:?} after {n} actions");
            if n > actions.len() {
                break;
            }
        }
    }
}

#[test]
fn a_run_with_a_checkpoint_stays_whenever_the_removal_of_the_old_one_ends() {
    for n in 0.. {
        let (dir, folder) = old_run();
        let replacement = Replacement::new(None, true);
        replacement.begin(&folder).expect("moved");
        begin_new(&folder);
        checkpoint(dir.path(), "step-5", "new");
        let actions = settle_actions(&folder).expect("a plan");
        perform(&folder, &actions[..n.min(actions.len())]).expect("done");
        recover(&folder).expect("recovered");
        let mut left = snapshot(dir.path());
        left.remove(&dir.path().join("checkpoints/step-5").join(MANIFEST));
        let left: Vec<_> = left.iter().map(|(path, text)| (path.strip_prefix(dir.path()), text.as_str())).collect();
        let expected = [
            ("checkpoints/step-40/notes.txt", "mine"),
            ("checkpoints/step-5/model.safetensors", "new"),
            ("checkpoints/their.pt", "mine"),
            ("config.toml", "new"),
            ("data/manifest.json", "new"),
            ("data/notes.txt", "mine"),
            ("data/train.shard", "new"),
            ("data/validation.shard", "new"),
            ("metrics.jsonl", "new"),
            ("notes.txt", "mine"),
            ("plugins.lock", "new"),
        ];
        assert_eq!(left, expected.map(|(path, text)| (Ok(Path::new(path)), text)), "after {n} actions");
        if n > actions.len() {
            break;
        }
    }
}
