//! The folder that weights are in.

use crate::formats::hf::CONFIG;
use crate::formats::peft::ADAPTER_CONFIG;
use crate::run::checkpoint::{MANIFEST, Reader};
use crate::run::{RunFolder, RunModel, config_of};
use crate::{Error, Result};
use std::path::{Path, PathBuf};

/// The folder with `config.json` and weights that `from` names: itself, or the model of the run in it.
///
/// # Errors
/// Neither, or a run without checkpoints.
pub fn weights_folder(from: &Path) -> Result<PathBuf> {
    if from.join(CONFIG).is_file() || from.join(ADAPTER_CONFIG).is_file() {
        return Ok(from.to_owned());
    }
    if from.join("config.toml").is_file() {
        let folder = RunFolder::open(from)?;
        return Ok(RunModel::of_run(&folder, config_of(&folder, &[])?.train.patience)?.folder);
    }
    if from.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) {
        let from = from.display();
        let cure = format!("make one of it with: trainyard convert {from} FOLDER");
        return Err(Error::usage(format!("{from}: is a GGUF file, expected a folder: {cure}")));
    }
    let what = match (from.is_dir(), from.exists()) {
        (true, _) => "has neither",
        (false, true) => "is no folder",
        (false, false) => "there is no such folder",
    };
    Err(Error::usage(format!(
        "{}: {what}, expected the folder of a Hugging Face model, with {CONFIG} in it, or of a run, with config.toml",
        from.display()
    )))
}

/// Compares a checkpoint of ours with its checksums. Other folders have none.
///
/// # Errors
/// A damaged checkpoint.
pub fn verify(folder: &Path) -> Result<()> {
    match folder.join(MANIFEST).is_file() {
        true => Reader::open(folder).map(drop),
        false => Ok(()),
    }
}
