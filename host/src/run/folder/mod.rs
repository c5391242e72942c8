//! `runs/<name>/`: the folder with everything that belongs to a run.

pub mod checkpoint;
mod claim;
mod lock;
mod owned;
mod portable;
pub mod pruning;
mod removal;
mod replace;

pub(crate) use claim::Claim;

use crate::base::write::write_file;
use crate::run::RunConfig;
use crate::run::plugins::RunPlugins;
use crate::run::plugins_lock::Lock;
use crate::{Error, Result};
use claim::recover_to_read;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of a run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// Returns the folder of the run that `config` describes.
    pub fn of(config: &RunConfig) -> Self {
        Self { root: config.run.dir.join(&config.run.name) }
    }

    /// Opens a folder, and completes or undoes an interrupted replacement of a run in it.
    ///
    /// # Errors
    /// A file that cannot be moved.
    pub fn recover(root: &Path) -> Result<Self> {
        let folder = Self { root: root.to_owned() };
        recover_to_read(&folder)?;
        Ok(folder)
    }

    /// Opens the folder of an existing run.
    /// # Errors
    /// A folder without a run.
    pub fn open(root: &Path) -> Result<Self> {
        let folder = Self::recover(root)?;
        if folder.config().is_file() {
            return Ok(folder);
        }
        Err(Error::usage(format!("{}: not a run, expected a folder with config.toml in it", root.display())))
    }

    /// Writes the resolved config and the plugins' stamps, each whole or not at all.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn describe(&self, config: &RunConfig, plugins: &RunPlugins) -> Result<()> {
        let (text, lock) = (portable::to_toml(config, self)?, Lock::text(config, plugins)?);
        for (path, text) in [(self.config(), text), (self.root.join("plugins.lock"), lock)] {
            if fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
                write_file(&path, text.as_bytes())?;
            }
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
