//! How a trainer is saved into a checkpoint and taken back from one.

use super::step::Trainer;
use crate::Result;
use crate::feed::TokenizerFiles;
use crate::run::checkpoint::{Reader, Writer};
use crate::run::{MODEL, RunState, STATE, TokenizerFolder};
use std::path::{Path, PathBuf};

const OPTIMIZER: &str = "trainyard/optimizer.safetensors";

/// Writes the folder `name` of `checkpoints`, complete or not at all; returns it. `tokenizer` and `folder` are those of
/// the run's data.
///
/// # Errors
/// A file that cannot be written.
pub fn save(
    checkpoints: &Path,
    name: &str,
    state: &RunState,
    trainer: &Trainer,
    (tokenizer, folder): (&TokenizerFiles, &TokenizerFolder),
) -> Result<PathBuf> {
    let mut writer = Writer::begin(checkpoints, name)?;
    writer.json("config.json", &folder.config(trainer.described().hugging_face(tokenizer.end_of_text)))?;
    writer.tensors(MODEL, trainer.model.params().iter().map(|(name, param)| (name, &param.value)))?;
    folder.write(&mut writer)?;
    let optimizer = trainer.optimizer.state();
    writer.tensors(OPTIMIZER, optimizer.iter().map(|(name, tensor)| (name.as_str(), tensor)))?;
    writer.json(STATE, state)?;
    writer.finish()
}

/// Takes back parameters and optimizer.
///
/// # Errors
/// Tensors that cannot be read, or that do not fit the trainer.
pub fn restore(reader: &Reader, trainer: &mut Trainer) -> Result<()> {
    let context = |error: crate::Error| error.context(reader.folder().display());
    trainer.model.params().load(reader.tensors(MODEL)?).map_err(context)?;
    trainer.optimizer.load(reader.tensors(OPTIMIZER)?).map_err(context)
}
