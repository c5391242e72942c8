//! What `scripts/release.sh` makes: installed into an empty folder, and used there without this repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the sources are there")
}

/// Runs a command in a folder and returns what it prints; nothing of this repository is in its environment.
fn run(dir: &Path, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(dir).env_remove("TRAINYARD_PLUGIN_PATH").env_remove("TRAINYARD_PROGRAM");
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// The one file in `dir` whose name ends so.
fn ending(dir: &Path, end: &str) -> PathBuf {
    let files = fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("readable").path());
    let found: Vec<_> = files.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    assert_eq!(found.len(), 1, "{end}: {found:?}");
    found[0].clone()
}

/// Trains two steps with components, and makes a plugin's folder whose SDK is what was installed.
fn works(program: &Path, share: &Path) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let config = share.join("configs/austen.toml");
    let small = ["--set", "train.steps=2", "--set", "sample.tokens=4", "--set", "schedule.warmup=1"];
    let train = [&["train", config.to_str().expect("text")], &small[..]].concat();
    run(dir.path(), program, &train);
    assert!(dir.path().join("runs/austen/metrics.jsonl").is_file());
    run(dir.path(), program, &["plugin", "new", "mine", "--kind", "loss"]);
    let manifest = fs::read_to_string(dir.path().join("mine/Cargo.toml")).expect("there is one");
    let sdk = share.join("plugin-sdk").canonicalize().expect("it is there");
    assert!(manifest.contains(&format!("{{ path = {:?} }}", sdk.display().to_string())), "{manifest}");
    let check = ["check", "--offline", "--quiet", "--manifest-path", "mine/Cargo.toml"];
    run(dir.path(), env!("CARGO"), &check);
}

#[test]
#[ignore = "broad: make test-all"]
fn broad_archive_and_wheel_train_in_an_empty_folder() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let made = dir.path().join("made");
    run(&root(), root().join("scripts/release.sh"), &[made.to_str().expect("text")]);

    let archives = fs::read_dir(&made).expect("made").count();
    assert_eq!(archives, 3, "an archive, its debug file and a wheel");
    let debug = ending(&made, "-debug.tar.gz");
    let unpack = |archive: &Path, into: &str| {
        let into = dir.path().join(into);
        fs::create_dir(&into).expect("writable");
        run(&into, "tar", &["-xzf", archive.to_str().expect("text"), "--strip-components=1"]);
        into
    };
    let debug_folder = unpack(&debug, "debug");
    assert!(debug_folder.join("trainyard.debug").is_file());
    fs::remove_file(debug).expect("ours");

    let archive = unpack(&ending(&made, ".tar.gz"), "archive");
    for name in ["THIRD-PARTY.txt", "LICENSE-MIT", "LICENSE-APACHE", "README.md", "docs"] {
        assert!(archive.join(name).exists(), "{name}");
    }
    works(&archive.join("trainyard"), &archive);
    let program = fs::read(archive.join("trainyard")).expect("it is there");
    assert!(program.len() as u64 <= crate::building::MOST_BYTES, "{} bytes", program.len());
    let link = b"trainyard.debug\0";
    assert!(program.windows(link.len()).any(|bytes| bytes == link), "the program does not name its debug file");

    let python = dir.path().join("python");
    run(dir.path(), "python3", &["-m", "venv", python.to_str().expect("text")]);
    let wheel = ending(&made, ".whl");
    let install = ["-m", "pip", "install", "--quiet", "--no-index", wheel.to_str().expect("text")];
    run(dir.path(), python.join("bin/python3"), &install);
    works(&python.join("bin/trainyard"), &python.join("share/trainyard"));
    // pip found every file as the wheel's record says
    let listed = run(dir.path(), python.join("bin/python3"), &["-m", "pip", "show", "-f", "trainyard"]);
    assert!(listed.contains("share/trainyard/target/plugins/bpe.wasm"), "{listed}");
}
