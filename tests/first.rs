//! `trainyard train TEXT`: a text and nothing else.

use crate::program::{Outcome, trainyard};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn train(folder: &Path, arguments: &[&str]) -> Outcome {
    let few = ["--set", "train.steps=4", "--set", "sample.tokens=4", "--set", "train.threads=1"];
    trainyard(&[&["train"], arguments, &few].concat()).in_folder(folder).run()
}

fn folder(name: &str, text: impl AsRef<[u8]>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), text).unwrap();
    folder
}

/// Sentences that differ: nothing is learnt of them but that they are text.
fn sentences(n: usize) -> String {
    let word = |n: usize| ["the", "cat", "saw", "a", "red", "house", "and", "nine", "old", "trees"][n % 10];
    (0..n).map(|i| format!("{} {} {} {} {}.\n", word(i), word(i / 3), word(i / 7), word(i * 3 + 1), i)).collect()
}

#[track_caller]
fn config(folder: &Path, name: &str) -> toml::Table {
    fs::read_to_string(folder.join("runs").join(name)).unwrap().parse().unwrap()
}

#[test]
fn a_text_is_enough() {
    let folder = folder("alice.txt", sentences(4000));
    let root = folder.path();
    let outcome = train(root, &["alice.txt", "--minutes", "0.1"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let lines: Vec<_> = outcome.stderr.lines().take(3).collect();
    let start = "text: alice.txt, 91.7 kB of text in 1"; // each a hundredth of the text, or a little less
    assert!(lines[0].starts_with(start) && lines[0].ends_with(" documents"), "{lines:?}");
    assert!(lines[1].starts_with("chosen: vocabulary 512, ") && lines[1].contains(" steps of "), "{lines:?}");
    assert_eq!(lines[2], "config: runs/alice.toml says why; edit it, and pass it instead of the text");
    assert!(outcome.stdout.contains("held-out text"), "{}", outcome.stdout);
    // what was written is the whole config, with the reasons, and trains the same run
    let written = fs::read_to_string(root.join("runs/alice.toml")).unwrap();
    assert!(written.matches('#').count() > 12, "{written}");
    assert_eq!(
        config(root, "alice.toml")["data"]["source"][0]["document_bytes"].as_integer(),
        Some(written_bytes(&folder))
    );
    fs::write(root.join("runs/alice.toml"), written.replace("warmup = 0.05", "warmup = 0.25")).unwrap();
    let again = train(root, &["alice.txt", "--overwrite"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stderr.starts_with("config: runs/alice.toml, as it was written before\n"), "{}", again.stderr);
    assert_eq!(config(root, "alice/config.toml")["schedule"]["warmup"].as_integer(), Some(1));
    let itself = train(root, &["runs/alice.toml", "--overwrite"]);
    assert_eq!((itself.code, itself.stdout.is_empty()), (0, false), "{}", itself.stderr);
}

/// A hundredth of the text.
fn written_bytes(folder: &TempDir) -> i64 {
    (fs::metadata(folder.path().join("alice.txt")).unwrap().len() / 100) as i64
}

#[test]
fn texts_of_all_sizes_and_shapes_train() {
    let chinese = "\u{5929}\u{5730}\u{7384}\u{9ec4}\u{ff0c}\u{5b87}\u{5b99}\u{6d2a}\u{8352}\u{3002}".repeat(1500);
    let document = |i: usize| format!("{{\"text\": \"document number {i} of many{}\"}}\n", ", and more".repeat(8));
    let lines: String = (0..300).map(document).collect();
    for (name, text) in [
        ("tiny.txt", "It is a truth universally acknowledged. ".repeat(25)),
        ("line.txt", "one line of words and nothing else ".repeat(2000)),
        ("nospace.md", "abcdefghij".repeat(6000)),
        ("\u{7ea2}\u{697c}.txt", chinese),
        ("lines.jsonl", lines),
        ("README", sentences(2000)),
        ("notes.rs", "fn main() {}\n".repeat(3000)),
    ] {
        let folder = folder(name, text);
        let outcome = train(folder.path(), &[name, "--minutes", "0.05"]);
        assert_eq!(outcome.code, 0, "{name}: {}", outcome.stderr);
        let is_tiny = name == "tiny.txt";
        assert_eq!(
            outcome.stderr.contains("too little to learn a language from"),
            is_tiny,
            "{name}: {}",
            outcome.stderr
        );
        assert_eq!(outcome.stdout.contains("held-out text"), !is_tiny, "{name}: {}", outcome.stdout);
    }
}

#[test]
fn a_folder_and_a_pattern_are_texts() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir(root.join("books")).unwrap();
    for n in 0..30 {
        fs::write(root.join(format!("books/{n}.txt")), sentences(50 + n)).unwrap();
    }
    for (text, name) in [("books", "books"), ("books/1*.txt", "books-1")] {
        let outcome = train(root, &[text, "--minutes", "0.05", "--set", &format!("run.name={name}")]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert!(outcome.stdout.contains("held-out text"), "{}", outcome.stdout);
        assert_eq!(config(root, &format!("{name}.toml"))["run"]["name"].as_str(), Some(name));
    }
}

#[track_caller]
fn fails(folder: &Path, arguments: &[&str], expected: &str) {
    let outcome = train(folder, arguments);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (2, format!("error: {expected}\n").as_str()), "{arguments:?}");
}

#[test]
fn what_is_no_text_is_named() {
    let folder = folder("a.bin", b"\x7fELF\x02\x01\x01\0\0\0");
    let root = folder.path();
    let kinds = "name a file of text, Markdown, JSON lines, Parquet or HTML, or a folder of such";
    let expected = format!("expected text, got a NUL at byte 7, which text does not hold; {kinds}");
    fails(root, &["a.bin"], &format!("a.bin: {expected}"));
    fs::copy(root.join("a.bin"), root.join("b.txt")).unwrap();
    fails(root, &["b.txt"], &format!("b.txt: {expected}"));
    fails(root, &["c.txt"], "c.txt: no such file");
    fails(root, &["c.toml"], "c.toml: cannot read the config: No such file or directory (os error 2)");
    fs::write(root.join("blank.txt"), " \n\n ").unwrap();
    fails(root, &["blank.txt"], "blank.txt: holds no text to train on");
    fs::write(root.join("x.toml"), "").unwrap();
    fails(
        root,
        &["x.toml", "--minutes", "3"],
        "--minutes: expected a text to train on, got a config; set train.steps instead",
    );
    assert!(!root.join("runs").exists());
}

#[test]
fn a_config_of_the_same_name_is_kept() {
    let folder = folder("a.txt", sentences(500));
    let root = folder.path();
    fs::create_dir(root.join("other")).unwrap();
    fs::write(root.join("other/a.txt"), sentences(600)).unwrap();
    assert_eq!(train(root, &["a.txt"]).code, 0);
    let before = fs::read_to_string(root.join("runs/a.toml")).unwrap();
    let name = "set another name, such as --set run.name=other";
    fails(root, &["other/a.txt"], &format!("other/a.txt: runs/a.toml is there already, for another text; {name}"));
    fails(
        root,
        &["a.txt", "--minutes", "1"],
        &format!("--minutes: runs/a.toml was written before and has its train.steps; edit or remove it, or {name}"),
    );
    fails(
        root,
        &["runs/a"],
        "runs/a: expected a config or a text, got the folder of a run; train it with `trainyard train \
         runs/a/config.toml --resume`",
    );
    assert_eq!(fs::read_to_string(root.join("runs/a.toml")).unwrap(), before);
    assert_eq!(train(root, &["other/a.txt", "--set", "run.name=b"]).code, 0);
}
