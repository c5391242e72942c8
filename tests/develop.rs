//! `trainyard plugin list` and `trainyard plugin dev`.

use crate::plugins::built;
use crate::program::trainyard;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

#[test]
fn list_shows_builtins_and_files_and_what_is_wrong_with_them() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let plugins = dir.path().join("target/plugins");
    fs::create_dir_all(&plugins).expect("writable");
    fs::copy(built("plugins/length").wasm, plugins.join("length.wasm")).expect("copied");
    fs::write(plugins.join("broken.so"), b"#!/bin/sh\n").expect("writable");
    fs::write(plugins.join("notes.txt"), b"").expect("writable");
    let ran = trainyard(&["plugin", "list", "--json"]).in_folder(dir.path()).run();
    let listed: Vec<Value> = serde_json::from_str(&ran.stdout).expect("JSON");
    let find = |plugin: &str| listed.iter().find(|listed| listed["plugin"] == plugin);
    assert_eq!(find("focal").expect("a built-in")["backend"], "builtin");
    let length = find("target/plugins/length.wasm").expect("found in the search path");
    assert_eq!(
        (&length["name"], &length["kind"], &length["problem"]),
        (&"length".into(), &"filter".into(), &Value::Null)
    );
    let broken = find("target/plugins/broken.so").expect("listed with its problem");
    assert_eq!(broken["problem"], "is neither a WASM component nor a dynamic library");
    assert!(find("target/plugins/notes.txt").is_none());

    let call = trainyard(&["plugin", "list"]).in_folder(Path::new("/")).env("TRAINYARD_PLUGIN_PATH", &plugins);
    let ran = call.run();
    let line = ran.stdout.lines().find(|line| line.ends_with("length.wasm")).expect("found in the named folder");
    assert!(line.starts_with("filter       length "), "{line}");
    let ran = trainyard(&["plugin", "list", "/nowhere"]).run();
    assert!(ran.code == 2 && ran.stderr.starts_with("error: /nowhere: cannot list: "), "{}", ran.stderr);
}

/// A folder with a filter in Rust, documents, and a config that uses both.
fn project(dir: &Path) -> (PathBuf, PathBuf) {
    let plugin = dir.join("few");
    let new = ["plugin", "new", "few", "--kind", "filter", "--dir", text(&plugin)];
    assert_eq!(trainyard(&new).run().code, 0);
    fs::write(dir.join("corpus.jsonl"), "{\"text\":\"one two three four five six\"}\n{\"text\":\"one two\"}\n")
        .expect("writable");
    let config = dir.join("run.toml");
    let toml = "[[data.source]]\npath = 'corpus.jsonl'\n[tokenizer]\nplugin = 'byte'\n\
                [[data.filter]]\nplugin = 'few/target/plugins/few.wasm'\nconfig.min_words = 3\n";
    fs::write(&config, toml).expect("writable");
    (plugin, config)
}

#[test]
fn dev_rebuilds_on_save_and_keeps_the_version_that_works() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (plugin, config) = project(dir.path());
    let source = plugin.join("src/lib.rs");
    let good = fs::read_to_string(&source).expect("there is one");
    let mut dev =
        trainyard(&["plugin", "dev", text(&config), "--plugin", text(&plugin)]).env("CARGO_NET_OFFLINE", "true");
    let mut child = dev.spawn();
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut until = |part: &str| -> String {
        let line = lines.by_ref().map(|line| line.expect("text")).find(|line| line.contains(part));
        line.unwrap_or_else(|| panic!("dev ended before it said {part:?}"))
    };
    until("built in");
    assert_eq!(until("documents kept"), "  1 of 2 documents kept, 0 rewritten; dropped: too_few_words 1");
    let file = plugin.join("target/plugins/few.wasm");
    let first = fs::read(&file).expect("built");

    // does not compile
    fs::write(&source, format!("{good}\nnonsense")).expect("writable");
    until("failed, the version before is kept");
    assert_eq!(fs::read(&file).expect("kept"), first);
    // compiles, and refuses the config's settings
    fs::write(&source, good.replace("min_words: u32 = 5u32", "least: u32 = 5u32").replace("min_words", "least"))
        .expect("writable");
    until("failed, the version before is kept");
    assert!(until("unknown setting").contains("min_words: unknown setting, expected one of least"));
    assert_eq!(fs::read(&file).expect("put back"), first);
    // works and says something else
    fs::write(&source, good.replace("\"too_few_words\"", "\"short\"")).expect("writable");
    assert_eq!(until("documents kept"), "  1 of 2 documents kept, 0 rewritten; dropped: short 1");
    assert_ne!(fs::read(&file).expect("new"), first);
    child.kill().expect("it runs until it is stopped");
    child.wait().expect("stopped");

    let once = trainyard(&["plugin", "dev", text(&config), "--once"]).run(); // finds the folder by the file
    assert_eq!((once.code, once.stdout.lines().count()), (0, 4), "{}{}", once.stdout, once.stderr);
    fs::write(&source, "nonsense").expect("writable");
    assert_eq!(trainyard(&["plugin", "dev", text(&config), "--once"]).run().code, 1);
    let ran = trainyard(&["plugin", "dev", text(&config), "--plugin", text(dir.path())]).run();
    assert!(ran.code == 2 && ran.stderr.contains("the config names no file that this folder makes"), "{}", ran.stderr);
}

#[test]
fn flags_for_the_machine_are_not_for_wasm() {
    let length = built("plugins/length").wasm;
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/length");
    // as of a user whose programs are linked by a faster linker: the one for WASM does not know it
    let flags = "-C link-arg=-Wl,--as-needed";
    for name in ["RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        let flags = if name.contains("ENCODED") { flags.replace(' ', "\x1f") } else { flags.into() };
        let ran = trainyard(&["plugin", "build", text(&crate_dir), "--wasm"]).env(name, flags).run();
        assert_eq!(ran.code, 0, "{name}: {}", ran.stderr);
        assert_eq!(Path::new(ran.stdout.trim()).canonicalize().ok(), length.canonicalize().ok());
    }
}

#[test]
fn a_name_that_cannot_be_built_is_refused_at_once() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let new = ["plugin", "new", "trainyard-plugin", "--kind", "filter"];
    let ran = trainyard(&new).in_folder(dir.path()).run();
    let expected = "error: plugin name: \"trainyard-plugin\" is the crate that every plugin in Rust depends on, and cargo \
                    cannot build two of a name; choose another name, such as \"my-filter\"\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (2, expected));
    assert!(!dir.path().join("trainyard-plugin").exists());
    // in C, where nothing of it is a crate, it is a name like any other
    let ran = trainyard(&[&new[..], &["--lang", "c"]].concat()).in_folder(dir.path()).run();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
#[cfg(target_os = "linux")]
fn sandboxes_fit_where_address_space_is_limited() {
    let (dir, length) = (tempfile::tempdir().expect("a temporary folder"), built("plugins/length").wasm);
    let config = format!(
        "[run]\nname = \"run\"\n[data]\nvalidation = 0.0\ntest = 0.0\n[[data.source]]\npath = \"text.txt\"\n\
         [[data.filter]]\nplugin = {length:?}\n[tokenizer]\nplugin = \"byte\"\n\
         [model]\nlayers = 1\nheads = 1\nwidth = 16\ncontext = 16\n\
         [train]\nsteps = 2\nbatch = 2\n[sample]\ntokens = 0\n"
    );
    fs::write(dir.path().join("run.toml"), config).expect("writable");
    fs::write(dir.path().join("text.txt"), "some words of text\n".repeat(20)).expect("writable");
    let program = trainyard(&[]).program().to_owned();
    let limited = |kib: u32, program: &Path| {
        let mut shell = std::process::Command::new("sh");
        shell.arg("-c").arg(format!("ulimit -v {kib}; exec \"$0\" train run.toml --overwrite")).arg(program);
        shell.current_dir(dir.path()).output().expect("sh")
    };
    // one memory of a sandbox alone reserves more than 4 GiB where there is no limit
    let ran = limited(3_000_000, &program);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn a_grant_that_opens_nothing_is_told() {
    let (dir, length) = (tempfile::tempdir().expect("a temporary folder"), built("plugins/length"));
    fs::write(dir.path().join("text.txt"), "some words of text\n").expect("writable");
    for (plugin, trust, why) in [
        ("length".into(), "", "it is a part of this program and opens what it needs itself"),
        (length.wasm, "", "it imports nothing of WASI, through which it would see it"),
        (length.native, "trust = \"native\"\n", "it is native code, which runs with all your rights"),
    ] as [(PathBuf, _, _); 3]
    {
        let config = format!(
            "[run]\nname = \"run\"\n[data]\nvalidation = 0.0\ntest = 0.0\n[[data.source]]\npath = \"text.txt\"\n\
             [[data.filter]]\nplugin = {plugin:?}\n{trust}allow = [\"env:LANG\"]\n[tokenizer]\nplugin = \"byte\"\n"
        );
        fs::write(dir.path().join("run.toml"), config).expect("writable");
        let ran = trainyard(&["prepare", "run.toml"]).in_folder(dir.path()).run();
        let expected = format!("plugin \"length\": allow has no effect: {why}; remove the line");
        assert!(ran.code == 0 && ran.stderr.contains(&expected), "{}", ran.stderr);
    }
}
