//! `runs/<name>/`: where everything of a run lies.

use super::checkpoint;
use super::plugins::RunPlugins;
use super::plugins_lock::Lock;
use super::portable;
use crate::config::RunConfig;
use crate::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of a run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// The folder of the run that `config` describes.
    pub fn of(config: &RunConfig) -> Self {
        Self { root: config.run.dir.join(&config.run.name) }
    }

    /// The folder of an existing run.
    pub fn open(root: &Path) -> Result<Self> {
        let folder = Self { root: root.to_owned() };
        if folder.config().is_file() {
            return Ok(folder);
        }
        Err(Error::usage(format!("{}: not a run, expected a folder with config.toml in it", root.display())))
    }

    /// Makes an empty run folder. One that has checkpoints is only replaced when `overwrite` says so.
    pub fn create(&self, overwrite: bool) -> Result<()> {
        if !overwrite && !checkpoint::steps(&self.checkpoints())?.is_empty() {
            return Err(Error::usage(format!(
                "{}: this run exists; pass --resume to go on with it, --overwrite to replace it, or --set run.name=…",
                self.root.display()
            )));
        }
        for part in [self.data(), self.checkpoints()] {
            match fs::remove_dir_all(&part) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io(&part, "remove", &error));
                }
                _ => {}
            }
        }
        fs::create_dir_all(self.checkpoints()).map_err(|error| Error::io(&self.root, "create", &error))
    }

    /// Writes the resolved config and the plugins' stamps.
    pub fn describe(&self, config: &RunConfig, plugins: &RunPlugins) -> Result<()> {
        let (text, lock) = (portable::to_toml(config, self)?, Lock::text(config, plugins)?);
        for (path, text) in [(self.config(), text), (self.root.join("plugins.lock"), lock)] {
            fs::write(&path, text).map_err(|error| Error::io(&path, "write", &error))?;
        }
        Ok(())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `config.toml`, resolved.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// `metrics.jsonl`.
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics.jsonl")
    }

    /// Shards and tokenizer.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// `checkpoints/`.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }
}
