//! The user's files are not changed.

use super::*;
use std::os::unix::fs::symlink;

/// A folder that happens to have the name of the run.
#[test]
fn a_folder_that_is_no_run_is_refused_untouched() {
    for (file, named) in [
        ("data/corpus.jsonl", "data"),
        ("checkpoints/their.pt", "checkpoints"),
        ("config.toml", "config.toml"),
        ("notes.txt", "notes.txt"),
        ("data/train.shard", "data"),
    ] {
        let folder = run_folder();
        let path = run(folder.path()).join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "mine").unwrap();
        let before = snapshot(&run(folder.path()));
        for arguments in [&[][..], &["--overwrite"], &["--resume"]] {
            let line = refused(folder.path(), arguments, 2);
            let expected =
                format!("holds {named:?}, expected an empty folder or that of a run; set another run.name or run.dir");
            assert!(line.ends_with(&expected), "{line}");
            assert!(snapshot(&run(folder.path())) == before, "{file} {arguments:?}");
        }
    }
}

#[test]
fn a_file_in_the_place_of_the_folder_is_refused() {
    let folder = run_folder();
    fs::create_dir(folder.path().join("runs")).unwrap();
    fs::write(run(folder.path()), "mine").unwrap();
    let line = refused(folder.path(), &["--overwrite"], 2);
    assert!(line.ends_with("runs/run: expected a folder, this is a file; set another run.name or run.dir"), "{line}");
    assert_eq!(fs::read(run(folder.path())).unwrap(), b"mine");
}

/// Data and checkpoints on another disk, before the first run and through others after it.
#[test]
fn links_are_emptied_and_stay() {
    let folder = run_folder();
    fs::create_dir_all(run(folder.path())).unwrap();
    for name in ["data", "checkpoints"] {
        let disk = folder.path().join("disk").join(name);
        fs::create_dir_all(&disk).unwrap();
        symlink(disk, run(folder.path()).join(name)).unwrap();
    }
    trained(folder.path(), &[]);
    let first = model(folder.path(), 8);
    trained(folder.path(), &["--overwrite", "--set", "run.seed=2"]);
    assert!(model(folder.path(), 8) != first);
    for name in ["data", "checkpoints"] {
        assert!(run(folder.path()).join(name).is_symlink(), "{name}");
    }
    assert_eq!(names(&folder.path().join("disk/checkpoints")), ["step-2", "step-4", "step-6", "step-8"]);
    assert!(names(&folder.path().join("disk/data")).contains(&"train.shard".to_owned()));
    assert_eq!(
        names(&run(folder.path())),
        [
            ".trainyard-lock",
            ".trainyard-run.json",
            "checkpoints",
            "config.toml",
            "data",
            "documents.parquet",
            "metrics.jsonl",
            "plugins.lock",
            "report.html"
        ]
    );
}

/// Files within a run that is replaced, is resumed or loses its oldest checkpoints.
#[test]
fn the_users_files_within_a_run_stay() {
    let folder = run_folder();
    trained(folder.path(), &[]);
    let files = [
        "notes.txt",
        "data/notes.txt",
        "checkpoints/their.pt",
        "checkpoints/best/weights",
        "checkpoints/step-2/notes.txt",
        "checkpoints/step-8/trainyard/notes.txt",
        ".trainyard-mine",
    ];
    for file in files {
        let path = run(folder.path()).join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    let all_there = |when: &str| {
        for file in files {
            let text = fs::read_to_string(run(folder.path()).join(file)).unwrap_or_default();
            assert_eq!(text, file, "{when}");
        }
    };
    let said = trained(folder.path(), &["--overwrite", "--set", "run.seed=2"]);
    all_there("replaced");
    assert!(said.contains("checkpoints/step-8: holds files that are not a checkpoint's, they stay"), "{said}");
    trained(folder.path(), &["--overwrite", "--set", "train.keep_checkpoints=1"]);
    all_there("pruned");
    assert!(!checkpoints(folder.path()).join("step-2/model.safetensors").exists());
    trained(folder.path(), &["--resume", "--set", "train.keep_checkpoints=1"]);
    all_there("resumed");
}

/// A run without marker, lock, digest of the data and page.
fn earlier_version(folder: &Path) {
    for name in [".trainyard-run.json", ".trainyard-lock", "report.html"] {
        fs::remove_file(run(folder).join(name)).unwrap();
    }
}

#[test]
fn a_run_of_an_earlier_version_is_read_resumed_and_replaced() {
    let folder = run_folder();
    trained(folder.path(), &[]);
    earlier_version(folder.path());
    let before = snapshot(&run(folder.path()));
    assert_eq!(trainyard(&["eval", "runs/run"]).in_folder(folder.path()).run().code, 0);
    assert!(snapshot(&run(folder.path())) == before, "reading changes nothing");
    let line = refused(folder.path(), &[], 2);
    assert!(line.contains("this run exists; pass --resume"), "{line}");
    trained(folder.path(), &["--resume"]);
    let marker = run(folder.path()).join(".trainyard-run.json");
    assert_eq!(fs::read_to_string(&marker).unwrap(), "{\"format\":1}\n");
    earlier_version(folder.path());
    // what such a run did not write may be anything
    for name in ["notes.txt", "data/notes.txt", "checkpoints/their.pt", "checkpoints/step-4/notes.txt"] {
        let path = run(folder.path()).join(name);
        fs::write(&path, "mine").unwrap();
        let line = refused(folder.path(), &["--overwrite"], 2);
        assert!(line.contains(&format!("got {name:?}; move that away, or set another run.name")), "{line}");
        fs::remove_file(path).unwrap();
    }
    trained(folder.path(), &["--overwrite", "--set", "run.seed=2"]);
    assert!(marker.exists());
}

#[test]
fn a_marker_of_another_version_is_named() {
    let folder = run_folder();
    trained(folder.path(), &[]);
    let marker = run(folder.path()).join(".trainyard-run.json");
    for (text, expected) in [
        ("{\"format\":2}", "expected a run of format 1, got 2; open it with the version that made it"),
        ("", "not a run's marker: "),
    ] {
        fs::write(&marker, text).unwrap();
        let line = refused(folder.path(), &["--overwrite"], 1);
        assert!(line.contains(expected), "{line}");
    }
}
