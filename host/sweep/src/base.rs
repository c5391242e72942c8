//! The config that all runs of a sweep start from.

use super::value;
use std::path::{Path, PathBuf};
use toml::{Table, Value};
use trainyard_base::{Error, Result};

/// Where runs are when the config says nothing.
const RUNS: &str = "runs";

/// A base config with every setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Base {
    /// Its file, as `trainyard train` is started with it.
    pub path: PathBuf,
    /// Every setting, after the sweep's `set`. Paths below the current folder start there, so that a sweep may be moved
    /// with its project.
    pub document: Table,
}

impl Base {
    /// The config at `path` whose every setting, after the sweep's `set`, is in the TOML text `resolved`; `current` is
    /// the current folder.
    ///
    /// # Errors
    /// A text that is no TOML.
    pub fn new(path: &Path, resolved: &str, current: &Path) -> Result<Self> {
        let path = path.strip_prefix(current).unwrap_or(path).to_owned();
        let below = format!("\"{}/", current.display().to_string().trim_end_matches('/'));
        let document = resolved
            .replace(&below, "\"")
            .parse()
            .map_err(|error: toml::de::Error| Error::usage(format!("{}: {}", path.display(), error.message())))?;
        Ok(Self { path, document })
    }

    /// The folder of runs.
    pub fn dir(&self) -> PathBuf {
        self.at("run.dir").and_then(Value::as_str).unwrap_or(RUNS).into()
    }

    /// The seed of runs.
    pub fn seed(&self) -> u64 {
        self.at("run.seed").and_then(Value::as_integer).and_then(|seed| seed.try_into().ok()).unwrap_or(1)
    }

    /// The value of a key; none where the config has none.
    pub(super) fn at(&self, key: &str) -> Option<&Value> {
        value::at(&self.document, key)
    }
}
