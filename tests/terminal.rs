//! Text from files on a terminal: no escape sequences, nothing invisible, nothing endless.

use crate::program::trainyard;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A component with nothing but an identity.
fn component(path: &Path, identity: &str) {
    let name = "trainyard_plugin";
    let leb = |mut n: usize| -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let low = (n & 0x7f) as u8;
            n >>= 7;
            bytes.push(if n > 0 { low | 0x80 } else { low });
            if n == 0 {
                return bytes;
            }
        }
    };
    let mut bytes = b"\0asm\x0d\0\x01\0\0".to_vec();
    bytes.extend(leb(1 + name.len() + identity.len()));
    bytes.push(name.len() as u8);
    bytes.extend(name.bytes().chain(identity.bytes()));
    fs::write(path, bytes).unwrap();
}

fn identity(name: &str, description: &str) -> String {
    format!(
        "trainyard-plugin\t1\nkind\tloss\nname\t{name}\nversion\t1\u{1b}[2J\ndescription\t{description}\ncontract\t0.1\n\
         sdk\t0.1.0\nability\tx\u{7}y\nsetting\tg\u{200b}\tf64\t1\u{9b}0m\tsafe\u{202e}txt\n"
    )
}

/// Characters that no output of the program may contain.
fn unseen(text: &str) -> Vec<char> {
    let is_unseen = |char: &char| {
        (char.is_control() && *char != '\n')
            || matches!(char, '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().filter(is_unseen).collect()
}

#[test]
fn nothing_of_a_file_reaches_the_terminal_as_it_is() {
    let dir = TempDir::new().unwrap();
    component(&dir.path().join("a.wasm"), &identity("a\u{1b}]0;title\u{7}b", "good\rbad \u{202e}dab\u{2066}"));
    let inspected = trainyard(&["plugin", "inspect", "a.wasm"]).in_folder(dir.path()).run();
    assert_eq!((inspected.code, unseen(&inspected.stdout)), (0, vec![]), "{}", inspected.stdout);
    for expected in [
        "a\\u{1b}]0;title\\u{7}b 1\\u{1b}[2J (loss, wasm)\n  good\\rbad \\u{202e}dab\\u{2066}\n",
        "abilities x\\u{7}y\n  g\\u{200b}: f64 = 1\\u{9b}0m   safe\\u{202e}txt\n",
    ] {
        assert!(inspected.stdout.contains(expected), "{}", inspected.stdout);
    }
    // JSON says exactly what the file does.
    let json = trainyard(&["plugin", "inspect", "a.wasm", "--json"]).in_folder(dir.path()).run();
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["name"], "a\u{1b}]0;title\u{7}b");

    let listed = trainyard(&["plugin", "list", "."]).in_folder(dir.path()).run();
    assert_eq!((listed.code, unseen(&listed.stdout)), (0, vec![]), "{}", listed.stdout);
    // As the culprit of an error, and in a line of a config that is wrong.
    let config = "[run]\nname = \"x\"\n[[data.source]]\npath = \"a.wasm\"\n[tokenizer]\nplugin = \"byte\"\n\
                  [loss]\nplugin = \"a.wasm\"\n";
    fs::write(dir.path().join("run.toml"), config).unwrap();
    let ran = trainyard(&["train", "run.toml"]).in_folder(dir.path()).run();
    assert_eq!((ran.code, unseen(&ran.stderr)), (3, vec![]), "{}", ran.stderr);
    fs::write(dir.path().join("run.toml"), format!("{config}\"k\\u001b[31m\\u202ey\" = 1\n")).unwrap();
    let ran = trainyard(&["train", "run.toml"]).in_folder(dir.path()).run();
    assert_eq!((ran.code, unseen(&ran.stderr)), (2, vec![]), "{}", ran.stderr);
    assert!(ran.stderr.contains("\\u{1b}[31m\\u{202e}y"), "{}", ran.stderr);
}

#[test]
fn names_of_megabytes_are_cut() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("long.wasm");
    component(&file, &identity(&"n".repeat(20_000_000), &"d".repeat(1_000_000)));
    for arguments in [&["plugin", "inspect", "long.wasm"][..], &["plugin", "list", "."]] {
        let ran = trainyard(arguments).in_folder(dir.path()).run();
        let longest = ran.stdout.lines().map(str::len).max().unwrap();
        assert!(ran.code == 0 && longest < 2000, "{longest} bytes in a line");
        assert!(ran.stdout.contains("nnn… (20 MB)"), "{}", ran.stdout);
    }
    let ran = trainyard(&["plugin", "check", "long.wasm"]).in_folder(dir.path()).run();
    assert_eq!((ran.code, ran.stderr.lines().count()), (3, 1), "{}", ran.stderr.len());
    assert!(ran.stderr.len() < 4000, "{} bytes", ran.stderr.len());
}

#[test]
fn a_warning_that_names_a_file_is_clean() {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("texts")).unwrap();
    fs::write(dir.path().join("texts/a\u{1b}[2J\u{202e}b.txt"), "").unwrap();
    fs::write(dir.path().join("texts/b.txt"), "some text\n".repeat(500)).unwrap();
    let config = "[run]\nname = \"x\"\n[[data.source]]\npath = \"texts\"\n[tokenizer]\nplugin = \"byte\"\n";
    fs::write(dir.path().join("run.toml"), config).unwrap();
    let ran = trainyard(&["prepare", "run.toml"]).in_folder(dir.path()).run();
    assert!(unseen(&ran.stderr).is_empty(), "{}", ran.stderr);
    assert!(ran.stderr.contains("a\\u{1b}[2J\\u{202e}b.txt: the file is empty"), "{}", ran.stderr);
}
