//! Paths that are endless, or are not files.
#![cfg(target_os = "linux")]

use crate::program::trainyard;
use std::fs::File;
use std::path::Path;
use std::process::Command;

#[test]
fn files_without_end_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (pipe, long) = (dir.path().join("pipe.wasm"), dir.path().join("long.wasm"));
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    File::create(&long).and_then(|file| file.set_len(1 << 40)).expect("holes");
    let is_device = "/dev/zero: cannot read plugin: is a device, expected a file";
    for (path, expected) in [
        (Path::new("/dev/zero"), is_device.to_owned()),
        (&pipe, format!("{}: cannot read plugin: is a pipe, expected a file", pipe.display())),
        (dir.path(), format!("{}: cannot read plugin: is a directory, expected a file", dir.path().display())),
        (&long, format!("{}: cannot read plugin: has 1048576 MiB or more, at most 1024 MiB are read", long.display())),
    ] {
        let outcome = trainyard(&["plugin", "inspect", path.to_str().unwrap()]).run();
        assert_eq!((outcome.code, outcome.stderr), (2, format!("error: {expected}\n")));
    }
    let outcome = trainyard(&["train", "/dev/zero"]).run();
    let expected = "error: /dev/zero: cannot read the config: has 17 MiB or more, at most 16 MiB are read\n";
    assert_eq!((outcome.code, outcome.stderr.as_str()), (2, expected));
    let model = ["tokenizer", "encode", "--plugin", "bpe", "--model", "/dev/zero"];
    let outcome = trainyard(&model).input("x").run();
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (1, "error: /dev/zero: cannot read: is a device, expected a file\n")
    );
}

/// Every key is unknown: the first problems are shown, and the others counted.
#[test]
fn a_config_of_unknown_keys_is_read_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.toml");
    let write = |text: String| std::fs::write(&path, text).unwrap();
    let shown = || {
        let outcome = trainyard(&["train", path.to_str().unwrap()]).run();
        assert_eq!(outcome.code, 2, "{}", outcome.stderr);
        outcome.stderr.replace(&format!("{}/", dir.path().display()), "")
    };
    write((0..100_000).map(|n| format!("key{n} = 1\n")).collect());
    let stderr = shown();
    let lines: Vec<_> = stderr.lines().collect();
    assert_eq!(lines.len(), 21, "{stderr}");
    // after what is missing: data and tokenizer
    assert!(lines[3].starts_with("error: c.toml:2:1: unknown key \"key1\", "), "{stderr}");
    assert!(lines[20].ends_with(" more problems are not shown; fix these first"), "{stderr}");
    // the same in a section, in a list of tables, and as one long key
    write(format!("[model]\n{}", (0..100_000).map(|n| format!("key{n} = 1\n")).collect::<String>()));
    assert_eq!(shown().lines().count(), 21);
    write("[[metric]]\nplugins = 1\n".repeat(100_000));
    assert_eq!(shown().lines().count(), 21);
    write(format!("{} = 1\n", "k".repeat(1_000_000)));
    assert!(shown().len() < 2000);
    // a table in a table in a table
    write(format!("[{}]\n", vec!["a"; 50_000].join(".")));
    assert!(shown().len() < 2000);
    write(format!("a = {}\n", "[".repeat(100_000)));
    assert!(shown().len() < 20_000);
}
