//! The environment of a worker: empty, but for what loading needs and what the config grants.

use crate::plugin::grant::Grant;
use std::ffi::OsString;
use trainyard_plugin::{PluginError, Result};

/// Where the system's loader finds libraries.
const LOADER: [&str; 3] = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"];
/// What compiling a component reads: where the cache is, and on how many threads.
const COMPILER: [&str; 4] = ["TRAINYARD_CACHE", "XDG_CACHE_HOME", "HOME", "RAYON_NUM_THREADS"];

/// Variables with their values.
pub type Variables = Vec<(OsString, OsString)>;

/// What a worker sees in which no code of a plugin runs but inside of a sandbox.
pub fn of_compiler() -> Variables {
    named(LOADER.iter().chain(&COMPILER))
}

/// What a worker sees that runs a plugin. A sandboxed one sees nothing of it but the granted.
///
/// # Errors
/// A granted variable is not set.
pub fn of_plugin(is_wasm: bool, grants: &[Grant]) -> Result<Variables> {
    let mut variables = if is_wasm { of_compiler() } else { named(&LOADER) };
    for grant in grants {
        let Grant::Env(name) = grant else { continue };
        // the same words as of a component in this process
        let missing = || PluginError::config(format!("allow: {grant}: environment variable not found"));
        let value = std::env::var_os(name).ok_or_else(missing)?;
        variables.push((name.into(), value));
    }
    Ok(variables)
}

fn named<'n>(names: impl IntoIterator<Item = &'n &'n str>) -> Variables {
    names.into_iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?))).collect()
}
