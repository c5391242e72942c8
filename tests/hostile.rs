//! Bad plugins: each is one line that names the culprit, what was expected, what came and what to do. Nothing hangs or
//! panics.

use crate::plugins::{built, config};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use trainyard::plugin::{Plugin, PluginConfig, inspect};
use trainyard_plugin::{Kind, TokenBatch};

/// The hostile guest with a behaviour, in a small sandbox.
fn hostile(behaviour: &str) -> Plugin {
    let mut config =
        config(built("tests/guests/hostile").wasm.display().to_string(), &format!("behaviour = {behaviour:?}"));
    config.limits.memory_mb = 64;
    if behaviour.starts_with("spin in encode") {
        config.limits.call_ms = 100; // the others end by themselves, however busy the machine is
    }
    Plugin::open(&config, Kind::Tokenizer).expect("the file itself is a plugin")
}

/// An error without the digest, which changes with the compiler.
pub fn text(plugin: &Plugin, error: impl ToString) -> String {
    error.to_string().replace(&plugin.stamp().sha256[..4], "DIGEST")
}

fn encode_error(behaviour: &str) -> String {
    let plugin = hostile(behaviour);
    let mut tokenizer = plugin.tokenizer().expect("create behaves");
    tokenizer.load(&[]).expect("load behaves");
    text(&plugin, tokenizer.encode(&["one", "two"]).expect_err("encode does not"))
}

#[test]
fn endless_loop_is_stopped() {
    built("tests/guests/hostile");
    let start = Instant::now();
    let error = encode_error("spin in encode");
    assert_eq!(error, "plugin \"hostile\" 0.1.0 (wasm, DIGEST…): encode: no answer within 100 ms (limits.call_ms)");
    assert!(start.elapsed() < Duration::from_secs(30), "compiling included, on a busy machine");
    let plugin = hostile("spin in create");
    let error = text(&plugin, plugin.tokenizer().err().expect("create spins"));
    assert_eq!(error, "plugin \"hostile\" 0.1.0 (wasm, DIGEST…): create: no answer within 100 ms (limits.call_ms)");
}

#[test]
fn memory_and_stack_are_limited() {
    let prefix = "plugin \"hostile\" 0.1.0 (wasm, DIGEST…): encode: ";
    assert_eq!(
        encode_error("allocate in encode"),
        format!("{prefix}memory limit of 64 MiB reached (limits.memory_mb)")
    );
    assert_eq!(
        encode_error("recurse in encode"),
        format!("{prefix}wasm trap: out of bounds memory access, as after a stack overflow")
    );
}

#[test]
fn panic_tells_its_text_and_ends_the_instance() {
    let plugin = hostile("panic in encode");
    let mut tokenizer = plugin.tokenizer().expect("create behaves");
    tokenizer.load(&[]).expect("load behaves");
    let panic = "panicked at tests/guests/hostile/src/lib.rs:68:24: index 1 is out of range";
    let prefix = "plugin \"hostile\" 0.1.0 (wasm, DIGEST…): ";
    let error = tokenizer.encode(&["a"]).expect_err("panics");
    assert_eq!(text(&plugin, error), format!("{prefix}encode: {panic}"));
    let error = tokenizer.encode(&["a"]).expect_err("has ended");
    assert_eq!(text(&plugin, error), format!("{prefix}encode: this instance ended before: {panic}"));

    let plugin = hostile("panic in create");
    let error = text(&plugin, plugin.tokenizer().err().expect("create panics"));
    assert_eq!(
        error,
        format!("{prefix}create: panicked at tests/guests/hostile/src/lib.rs:23:34: create has failed in two lines")
    );
}

#[test]
fn native_panic_does_not_cross_the_boundary() {
    let native = built("tests/guests/hostile").native;
    let plugin = Plugin::open(&config(native.display().to_string(), "behaviour = 'panic in encode'"), Kind::Tokenizer)
        .expect("a plugin");
    let mut tokenizer = plugin.tokenizer().expect("create behaves");
    tokenizer.load(&[]).expect("load behaves");
    let prefix = "plugin \"hostile\" 0.1.0 (native, DIGEST…): encode: ";
    let error = tokenizer.encode(&["a"]).expect_err("panics");
    assert_eq!(text(&plugin, error), format!("{prefix}panicked: index 1 is out of range"));
    let error = tokenizer.encode(&["a"]).expect_err("has ended");
    assert_eq!(text(&plugin, error), format!("{prefix}this instance ended before: panicked: index 1 is out of range"));
}

#[test]
fn output_is_checked() {
    for (behaviour, expected) in [
        ("too-few", "expected 2 sequences, got 1"),
        ("id-outside", "id 256 is outside the vocabulary of 256"),
        ("falling-ends", "ends of sequences are not rising"),
        ("end-missing", "the last sequence ends at 6, but there are 7 ids"),
    ] {
        assert_eq!(encode_error(behaviour), format!("plugin \"hostile\" 0.1.0 (wasm, DIGEST…): encode: {expected}"));
    }
    for (behaviour, expected) in [
        ("no-tokens", "expected 1 to 1048576 tokens, got 0"),
        ("many-tokens", "expected 1 to 1048576 tokens, got 1048577"),
        ("special-outside", "special token \"<|x|>\" has id 256, which is outside the vocabulary of 256"),
        ("special-name", "special token \"\\u{1b}[2J\" holds the control character '\\u{1b}'"),
    ] {
        let plugin = hostile(behaviour);
        let error = plugin.tokenizer().expect("create behaves").load(&[]).expect_err(behaviour);
        let expected = format!("plugin \"hostile\" 0.1.0 (wasm, DIGEST…): vocabulary: {expected}");
        assert_eq!(text(&plugin, error), expected);
    }
    let plugin = hostile("decode-too-many");
    let mut tokenizer = plugin.tokenizer().expect("create behaves");
    tokenizer.load(&[]).expect("load behaves");
    let error = tokenizer.decode(&TokenBatch { ids: vec![7], ends: vec![1] }).expect_err("one text too many");
    assert_eq!(text(&plugin, error), "plugin \"hostile\" 0.1.0 (wasm, DIGEST…): decode: expected 1 texts, got 2");
}

#[test]
fn messages_are_short_lines() {
    let plugin = hostile("long-error in observe");
    let error = plugin.tokenizer().expect("create behaves").observe(&["a"]).expect_err("fails").to_string();
    assert!(error.chars().count() < 1100 && !error.contains(char::is_control), "{} characters", error.len());
}

/// Writes `bytes` as `name` and opens it as a tokenizer.
fn open(dir: &Path, name: &str, bytes: &[u8], change: impl FnOnce(&mut PluginConfig)) -> (u8, String) {
    let path = dir.join(name);
    std::fs::write(&path, bytes).expect("write");
    let mut config = config(path.display().to_string(), "");
    change(&mut config);
    let error = Plugin::open(&config, Kind::Tokenizer).err().unwrap_or_else(|| panic!("{name} was opened"));
    (error.exit_code(), error.to_string().replace(&format!("{}/", dir.display()), ""))
}

/// The file with every `old` changed, which keeps its length.
fn replaced(file: &PathBuf, old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut bytes = std::fs::read(file).expect("built");
    let places: Vec<_> = (0..bytes.len() - old.len()).filter(|&at| bytes[at..].starts_with(old)).collect();
    assert!(!places.is_empty(), "{old:?} is in the file");
    places.iter().for_each(|&at| bytes[at..at + old.len()].copy_from_slice(new));
    bytes
}

#[test]
fn files_that_are_no_plugins_say_why() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let open = |name: &str, bytes: &[u8]| open(dir.path(), name, bytes, |_| {});
    let files = built("tests/guests/hostile");
    let component = std::fs::read(&files.wasm).expect("built");

    assert_eq!(open("e.wasm", b""), (3, "e.wasm: is empty, expected a WASM component or a dynamic library".into()));
    assert_eq!(open("t.so", b"#!/bin/sh\n"), (3, "t.so: is neither a WASM component nor a dynamic library".into()));
    let expected = "c.wasm: is a core WASM module, expected a component; make one with `trainyard plugin build`";
    assert_eq!(open("c.wasm", b"\0asm\x01\0\0\0"), (3, expected.into()));
    let (exit_code, error) = open("h.wasm", &component[..component.len() / 2]);
    assert!(exit_code == 3 && error.starts_with("h.wasm: is a damaged WASM file: "), "{error}");
    let library = replaced(&files.native, b"\0trainyard_plugin\0", b"\0trainyard_plugix\0");
    let expected = "l.so: has no section \"trainyard_plugin\", so it is no trainyard plugin; \
                    export one with trainyard_plugin::export!";
    assert_eq!(open("l.so", &library), (3, expected.into()));
    let (exit_code, error) = open("d.so", &library[..1000]);
    assert!(exit_code == 3 && error.starts_with("d.so: is a damaged dynamic library: "), "{error}");
}

#[test]
fn another_contract_is_refused_but_can_be_inspected() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let files = built("tests/guests/hostile");
    for (name, file) in [("n.wasm", &files.wasm), ("n.so", &files.native)] {
        let newer = replaced(file, b"contract\t0.1", b"contract\t0.9");
        let expected = format!(
            "{name}: plugin \"hostile\" 0.1.0 was built for contract 0.9 (SDK 0.1.0), this host supports 0.1; \
             use a newer trainyard, or rebuild it with trainyard-plugin 0.1.0"
        );
        assert_eq!(open(dir.path(), name, &newer, |_| {}), (3, expected));
        assert_eq!(inspect(&dir.path().join(name)).expect("readable").contract, "0.9");
    }
}

#[test]
fn kind_digest_and_trust_are_checked_before_loading() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let files = built("tests/guests/hostile");
    let (component, library) =
        (std::fs::read(&files.wasm).expect("built"), std::fs::read(&files.native).expect("built"));

    let (exit_code, error) = open(dir.path(), "p.wasm", &component, |config| config.sha256 = Some("00ff".into()));
    let sha256 = inspect(&files.wasm).expect("readable").sha256;
    let expected = format!(
        "p.wasm: has sha256 {sha256}, the config pins 00ff; \
         put back the pinned file, or change the line if you trust this one"
    );
    assert_eq!((exit_code, error), (3, expected));
    let expected = "p.so: plugin \"hostile\" is native code and would run with all your rights; \
                    if you trust it, add trust = \"native\" beside plugin = …, or use its .wasm form";
    assert_eq!(open(dir.path(), "p.so", &library, |config| config.trust = None), (2, expected.into()));

    for file in [&files.wasm, &files.native] {
        let error = Plugin::open(&config(file.display().to_string(), ""), Kind::Loss).err().expect("a tokenizer");
        assert_eq!(
            error.to_string(),
            format!("{}: plugin \"hostile\" is a tokenizer, expected a loss", file.display())
        );
    }
    let error = Plugin::open(&config("byte", ""), Kind::Loss).err().expect("a tokenizer");
    assert_eq!(error.to_string(), "plugin \"byte\" is a tokenizer, expected a loss");
    let error = Plugin::open(&config("vocal", ""), Kind::Loss).err().expect("no such plugin").to_string();
    assert!(
        error.starts_with("plugin \"vocal\": no built-in loss has this name")
            && error.ends_with("did you mean \"focal\"?")
    );
}
