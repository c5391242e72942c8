//! Files that commands write where the user says: never in the place of one that is the user's own.

use crate::program::trainyard;
use std::fs;
use std::path::Path;

const TEXT: &str = "the cat and the hat and the bat\n";

/// A folder with a text.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("a.txt"), TEXT.repeat(50)).expect("writable");
    folder
}

/// Exit code and stderr.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let ran = trainyard(arguments).in_folder(folder).run();
    (ran.code, ran.stderr)
}

/// The command writes `file`; not over another one, unless it is told to; and over an empty one.
fn check(folder: &Path, file: &str, command: &[&str]) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().expect("in the folder")).expect("writable");
    fs::write(&path, "mine").expect("writable");
    let expected = format!(
        "error: {file}: expected a new file to write, this one exists; pass --overwrite to replace it, or name \
         another\n"
    );
    assert_eq!(run(folder, command), (2, expected));
    assert_eq!(fs::read(&path).expect("there"), b"mine");
    let (code, said) = run(folder, &[command, &["--overwrite"]].concat());
    assert_eq!(code, 0, "{said}");
    let written = fs::read(&path).expect("there");
    assert_ne!(written, b"mine");
    fs::write(&path, "").expect("writable");
    if let Some((out, _)) = file.split_once('/') {
        let written = fs::read_dir(folder.join(out)).expect("there");
        written.for_each(|entry| fs::write(entry.expect("readable").path(), "").expect("writable"));
    }
    let (code, said) = run(folder, command);
    assert_eq!(code, 0, "{said}");
    assert!(fs::read(&path).expect("there") == written, "{file}: other bytes than before");
}

#[test]
fn a_model_is_not_written_over_a_file() {
    let folder = folder();
    let train = ["tokenizer", "train", "--plugin", "bpe", "--config", "vocab_size = 270", "--out", "model", "a.txt"];
    check(folder.path(), "model", &train);
    #[cfg(unix)]
    {
        let mut train = train;
        train[7] = "/dev/null";
        assert_eq!(run(folder.path(), &train).0, 0);
    }
}

#[test]
fn features_are_not_written_over_files() {
    let folder = folder();
    for file in ["features.safetensors", "ids.json", "vocabulary.json", "neighbours.jsonl"] {
        let command = ["data", "features", "a.txt", "--out", "out", "--neighbours", "1"];
        check(folder.path(), &format!("out/{file}"), &command);
        fs::remove_dir_all(folder.path().join("out")).expect("there");
    }
}

#[test]
fn a_page_is_not_written_over_a_file() {
    let folder = folder();
    let config = "[run]\nname = 'a'\n[data]\nvalidation = 0.0\ntest = 0.0\n\
        [[data.source]]\npath = 'a.txt'\n[tokenizer]\nplugin = 'byte'\n";
    fs::write(folder.path().join("run.toml"), config).expect("writable");
    assert_eq!(run(folder.path(), &["prepare", "run.toml"]).0, 0);
    check(folder.path(), "page.html", &["data", "drops", "run.toml", "--html", "page.html"]);
}

/// An earlier build is replaced, whatever version of the program made it; another file is not.
#[test]
#[cfg(unix)]
fn a_plugin_is_not_built_over_a_file() {
    let folder = folder();
    let (folder, library) = (folder.path(), folder.path().join("few/target/plugins/libfew.so"));
    let (code, said) = run(folder, &["plugin", "new", "few", "--kind", "filter", "--lang", "c"]);
    assert_eq!(code, 0, "{said}");
    let build = || run(folder, &["plugin", "build", "few", "--native"]);
    assert_eq!(build(), (0, String::new()));
    let built = fs::read(&library).expect("built");
    fs::write(&library, [&built[..], b"of another version"].concat()).expect("writable");
    assert_eq!(build(), (0, String::new()));
    assert!(fs::read(&library).expect("built") == built);
    fs::write(&library, "my notes on trainyard_plugin").expect("writable");
    let (code, said) = build();
    let library = library.canonicalize().expect("there");
    let expected = format!(
        "error: {}: expected an earlier build of this plugin to replace, got another file; move it away\n",
        library.display()
    );
    assert_eq!((code, said), (2, expected));
    assert_eq!(fs::read_to_string(&library).expect("there"), "my notes on trainyard_plugin");
}
