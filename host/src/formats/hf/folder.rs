//! A folder of Hugging Face, opened.

use super::config::{CONFIG, Config};
use super::files::GENERATION;
use super::sizes::{Sizes, label_names};
use crate::formats::peft::{ADAPTER_CONFIG, PeftConfig};
use crate::formats::safetensors::Weights;
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// A folder with a `config.json`.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
    /// Its `config.json`.
    pub config: Config,
    /// The sizes in it.
    pub sizes: Sizes,
}

impl Folder {
    /// Opens a folder and reads its `config.json`.
    ///
    /// # Errors
    /// No such folder, or one without a `config.json` that says what the model is.
    pub fn open(root: &Path) -> Result<Self> {
        if !root.is_dir() {
            let what = if root.exists() { "is no folder" } else { "there is no such folder" };
            return Err(Error::usage(format!(
                "{}: {what}, expected the folder of a Hugging Face model, with {CONFIG} in it",
                root.display()
            )));
        }
        let config = match base(root)? {
            Some(base) if !root.join(CONFIG).is_file() => Config::read(&base)?,
            _ => Config::read(root)?,
        };
        let sizes = Sizes::of(&config)?;
        Ok(Self { root: root.to_owned(), config, sizes })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Names of its labels, in the order of the logits.
    pub fn label_names(&self) -> Vec<String> {
        label_names(&self.config, self.sizes.labels)
    }

    /// Its tensors, opened.
    ///
    /// # Errors
    /// None, or damaged ones.
    pub fn weights(&self) -> Result<Weights> {
        Weights::open(&self.root)
    }

    /// The id of a special token under `key`: in `generation_config.json` where newer programs write it, or in
    /// `config.json`.
    pub fn token(&self, key: &str) -> Option<u32> {
        let generation = Config::read_file(&self.root, GENERATION).ok();
        let said = [generation.as_ref(), Some(&self.config)].into_iter().flatten();
        said.filter_map(|config| config.get(key)?.as_u64()).find_map(|id| u32::try_from(id).ok())
    }

    /// Its `tokenizer.json`, if there is one.
    pub fn tokenizer(&self) -> Option<PathBuf> {
        Some(self.root.join("tokenizer.json")).filter(|path| path.is_file())
    }
}

/// The folder of the model that the adapter in `folder` is for; none where there is no adapter.
///
/// # Errors
/// An adapter whose model is not there.
pub fn base(folder: &Path) -> Result<Option<PathBuf>> {
    match folder.join(ADAPTER_CONFIG).is_file() {
        true => PeftConfig::read(folder)?.base(folder).map(Some),
        false => Ok(None),
    }
}
