//! Builds plugins for the tests, each once.

use crate::program::program;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, OnceLock};
use trainyard::plugin::{Forms, Isolation, Plugin, PluginConfig, Trust, build, build_all, is_builtin_only};
use trainyard_plugin::Kind;

/// The WASM and the native file of a plugin.
#[derive(Clone)]
pub struct Files {
    pub wasm: PathBuf,
    pub native: PathBuf,
}

/// Both forms of the crate `dir`, relative to the workspace. All crates beside it are built with it, once: one call of
/// cargo finds thirty of them up to date in the time that it takes for one.
pub fn built(dir: &str) -> Files {
    static FIRST_PARTY: OnceLock<HashMap<String, Files>> = OnceLock::new();
    static GUESTS: OnceLock<HashMap<String, Files>> = OnceLock::new();
    let (parent, _) = dir.rsplit_once('/').expect("a crate in a folder of crates");
    let group = if parent == "plugins" { &FIRST_PARTY } else { &GUESTS };
    let files = group.get_or_init(|| build_beside(parent)).get(dir);
    files.unwrap_or_else(|| panic!("{dir}: is no crate with both forms")).clone()
}

/// Crates under `tests/guests` that are no plugins, or none in both forms.
const OTHERS: [&str; 2] = ["misbehave", "hostile-abi"];

fn build_beside(parent: &str) -> HashMap<String, Files> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = std::fs::read_dir(root.join(parent)).expect("the sources are there");
    let names = folders.map(|entry| entry.expect("readable").file_name().into_string().expect("text"));
    let dir = |name: &str| root.join(parent).join(name);
    let names: Vec<_> = names.filter(|name| !OTHERS.contains(&name.as_str()) && !is_builtin_only(&dir(name))).collect();
    let both = Forms { wasm: true, native: true };
    let asked: Vec<_> = names.iter().map(|name| (dir(name), both)).collect();
    let files = build_all(&asked).unwrap_or_else(|error| panic!("{parent}: {error}"));
    let files = files.chunks(2).map(|pair| Files { wasm: pair[0].clone(), native: pair[1].clone() });
    names.iter().map(|name| format!("{parent}/{name}")).zip(files).collect()
}

/// Builds the library of the crate `dir` alone.
pub fn library(dir: &str) -> PathBuf {
    static BUILT: OnceLock<Mutex<HashMap<String, PathBuf>>> = OnceLock::new();
    let mut built = BUILT.get_or_init(Mutex::default).lock().expect("no build panicked");
    let file = built.entry(dir.to_owned()).or_insert_with(|| {
        let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(dir);
        let files = build(&crate_dir, Forms { wasm: false, native: true });
        files.unwrap_or_else(|error| panic!("{dir}: {error}")).remove(0)
    });
    file.clone()
}

/// A config like that of a run.
pub fn config(plugin: impl Into<String>, settings: &str) -> PluginConfig {
    let config = settings.parse().expect("settings are TOML");
    PluginConfig { trust: Some(Trust::Native), config, ..PluginConfig::new(plugin) }
}

/// The same, with every instance in a separate process.
pub fn isolated(plugin: &Path, settings: &str) -> PluginConfig {
    use_program();
    PluginConfig { isolation: Some(Isolation::Process), ..config(plugin.display().to_string(), settings) }
}

/// Uses the program of these sources for workers: this test's executable cannot be one.
pub fn use_program() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        if std::env::var_os("TRAINYARD_PROGRAM").is_none() {
            // SAFETY: nothing in this process reads the environment but through Rust, which locks it
            unsafe { std::env::set_var("TRAINYARD_PROGRAM", program()) }
        }
    });
}

/// All forms of a first-party plugin: built in, component and library, and the last two in separate processes.
pub fn forms(name: &str, kind: Kind, settings: &str) -> [Plugin; 5] {
    let Files { wasm, native } = built(&format!("plugins/{name}"));
    let of = |plugin: &Path| config(plugin.display().to_string(), settings);
    let configs =
        [config(name, settings), of(&wasm), of(&native), isolated(&wasm, settings), isolated(&native, settings)];
    configs.map(|config| Plugin::open(&config, kind).unwrap_or_else(|error| panic!("{error}")))
}
