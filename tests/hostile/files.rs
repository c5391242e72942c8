//! Files that are not plugins, or not the plugin that they claim to be.

use crate::plugins::{built, config};
use std::path::{Path, PathBuf};
use trainyard::plugin::{Plugin, PluginConfig, inspect};
use trainyard_plugin::Kind;
use trainyard_plugin::abi::TokenizerTable;

/// Writes `bytes` as `name` and opens it as a tokenizer.
pub fn open(dir: &Path, name: &str, bytes: &[u8], change: impl FnOnce(&mut PluginConfig)) -> (u8, String) {
    let path = dir.join(name);
    std::fs::write(&path, bytes).expect("write");
    let mut config = config(path.display().to_string(), "");
    change(&mut config);
    let error = Plugin::open(&config, Kind::Tokenizer).err().unwrap_or_else(|| panic!("{name} was opened"));
    (error.exit_code(), error.to_string().replace(&format!("{}/", dir.display()), ""))
}

/// The file with every `old` changed, which keeps its length.
pub fn replaced(file: &PathBuf, old: &[u8], new: &[u8]) -> Vec<u8> {
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

/// Numbers that look random and are the same in every run.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// Opens the bytes, and uses them if they are a plugin after all: nothing may panic or hang.
fn survives(dir: &Path, name: &str, bytes: &[u8]) -> bool {
    let path = dir.join(name);
    std::fs::write(&path, bytes).expect("write");
    let _ = inspect(&path);
    let mut config = config(path.display().to_string(), "");
    (config.trust, config.limits.call_ms, config.limits.memory_mb) = (None, 1000, 64);
    match Plugin::open(&config, Kind::Tokenizer) {
        Err(error) => {
            let error = error.to_string();
            assert!(error.starts_with(&path.display().to_string()) && error.len() < 2000, "{error}");
            false
        }
        Ok(plugin) => super::exercise(&plugin, Kind::Tokenizer).is_ok(),
    }
}

#[test]
fn truncated_files_are_errors() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let files = built("tests/guests/hostile");
    for (name, file) in [("t.wasm", &files.wasm), ("t.so", &files.native)] {
        let bytes = std::fs::read(file).expect("built");
        // every length in the head, where the tables are, and some in the rest
        let lengths = (1..512).chain((512..bytes.len()).step_by(bytes.len() / 300));
        for length in lengths {
            assert!(!survives(dir.path(), name, &bytes[..length]), "{name} of {length} bytes was a plugin");
        }
    }
}

#[test]
fn flipped_bits_never_crash_the_host() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let files = built("tests/guests/hostile");
    let mut random = Seeded(7);
    let component = std::fs::read(&files.wasm).expect("built");
    for _ in 0..150 {
        let mut flipped = component.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(flipped.len());
            flipped[at] ^= 1 << random.below(8);
        }
        survives(dir.path(), "f.wasm", &flipped);
    }
    // a library is native code, whose every bit is trusted; what is read before it is loaded must bear anything
    let library = std::fs::read(&files.native).expect("built");
    for at in 0..1024.min(library.len()) {
        let mut flipped = library.clone();
        flipped[at] ^= 1 << random.below(8);
        survives(dir.path(), "f.so", &flipped);
    }
}

/// Opens the library with other bytes, at an offset from the start of the file or of its table.
fn changed(place: Place, offset: usize, bytes: &[u8]) -> String {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut library = std::fs::read(built("tests/guests/hostile").native).expect("built");
    // size, version 0, kind 0: what the linker does not move
    let header = [(size_of::<TokenizerTable>() as u64).to_le_bytes(), [0; 8]].concat();
    let start = match place {
        Place::File => 0,
        Place::Table => (0..library.len() - 16).rfind(|&at| library[at..].starts_with(&header)).expect("a table"),
    };
    library[start + offset..start + offset + bytes.len()].copy_from_slice(bytes);
    let path = dir.path().join("c.so");
    std::fs::write(&path, library).expect("write");
    let error = Plugin::open(&config(path.display().to_string(), ""), Kind::Tokenizer).err().expect("it is refused");
    error.to_string().replace(&format!("{}/", dir.path().display()), "")
}

enum Place {
    File,
    Table,
}

#[test]
#[cfg(all(target_os = "linux", target_endian = "little"))]
fn tables_are_compared_with_the_contract() {
    let size = size_of::<TokenizerTable>();
    let built_for = |what: &str, supported: &str, cure: &str| {
        format!(
            "plugin \"hostile\" 0.1.0 was built for {what} (SDK 0.1.0), this host supports {supported}; {cure} with \
             trainyard-plugin 0.1.0"
        )
    };
    for (offset, bytes, expected) in [
        (
            0,
            (size as u64 - 1).to_le_bytes().to_vec(),
            built_for(&format!("a tokenizer's table of {} bytes", size - 1), &format!("{size} or more"), "rebuild it"),
        ),
        (8, vec![1], built_for("native tables of version 1", "0", "use a newer trainyard, or rebuild it")),
        (12, vec![2], "has a table of kind 2, but its identity says tokenizer (0)".into()),
    ] {
        assert_eq!(changed(Place::Table, offset, &bytes), format!("c.so: {expected}"));
    }
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn a_library_for_another_processor_is_refused() {
    // e_machine of an ELF header: AArch64
    let expected = "c.so: plugin \"hostile\" is built for aarch64, this machine is x86_64; \
                    build it here, or use its .wasm form";
    assert_eq!(changed(Place::File, 18, &[0xb7, 0]), expected);
}

#[test]
fn a_library_without_its_symbol_is_refused() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let library = replaced(&built("tests/guests/hostile").native, b"trainyard_plugin_v0_", b"trainyard_plugin_v9_");
    let expected = "s.so: plugin \"hostile\" 0.1.0 was built for native tables of version 9 (SDK 0.1.0), this host \
                    supports 0; use a newer trainyard, or rebuild it with trainyard-plugin 0.1.0";
    assert_eq!(open(dir.path(), "s.so", &library, |_| {}), (3, expected.into()));
    let library = replaced(&built("tests/guests/hostile").native, b"trainyard_plugin_v0_", b"trainyard_plugix_v0_");
    let expected = "s.so: exports 0 symbols that begin with \"trainyard_plugin_v0_\", expected one plugin in a file";
    assert_eq!(open(dir.path(), "s.so", &library, |_| {}), (3, expected.into()));
}
