//! Builds plugins for the tests, each once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use trainyard::plugin::{Forms, Plugin, PluginConfig, Trust, build};
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

/// A config as a run's would be.
pub fn config(plugin: impl Into<String>, settings: &str) -> PluginConfig {
    let config = settings.parse().expect("settings are TOML");
    PluginConfig { trust: Some(Trust::Native), config, ..PluginConfig::new(plugin) }
}

/// All three forms of a first-party plugin, the built-in first.
pub fn forms(name: &str, kind: Kind, settings: &str) -> [Plugin; 3] {
    let Files { wasm, native } = built(&format!("plugins/{name}"));
    [name.into(), wasm, native].map(|plugin: PathBuf| {
        Plugin::open(&config(plugin.display().to_string(), settings), kind).unwrap_or_else(|error| panic!("{error}"))
    })
}
