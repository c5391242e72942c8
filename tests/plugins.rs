//! Builds plugins for the tests, each once.

use crate::program::program;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, OnceLock};
use trainyard::plugin::{Forms, Isolation, Plugin, PluginConfig, Trust, build};
use trainyard_plugin::Kind;

/// The WASM and the native file of a plugin.
#[derive(Clone)]
pub struct Files {
    pub wasm: PathBuf,
    pub native: PathBuf,
}

/// Builds the crate `dir`, relative to the workspace.
pub fn built(dir: &str) -> Files {
    static BUILT: OnceLock<Mutex<HashMap<String, Files>>> = OnceLock::new();
    let mut built = BUILT.get_or_init(Mutex::default).lock().expect("no build panicked");
    let files = built.entry(dir.to_owned()).or_insert_with(|| {
        let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(dir);
        let files =
            build(&crate_dir, Forms { wasm: true, native: true }).unwrap_or_else(|error| panic!("{dir}: {error}"));
        Files { wasm: files[0].clone(), native: files[1].clone() }
    });
    files.clone()
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
