//! How a trainer is saved into a checkpoint and taken back from one.

use super::step::Trainer;
use crate::Result;
use crate::feed::TokenizerFiles;
use crate::run::checkpoint::{Reader, Writer};
use crate::run::{MODEL, RunState, STATE, TokenizerFolder, adapter, restore_model};
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
    match (&trainer.config().adapter, &trainer.described().adapter, &trainer.config().start) {
        (Some(config), Some(adapted), Some(start)) => {
            adapter::write(&mut writer, (config, adapted), &start.from, trainer.model.params())?;
        }
        _ => writer.tensors(MODEL, trainer.model.params().iter().map(|(name, param)| (name, &param.value)))?,
    }
    folder.write(&mut writer)?;
    let optimizer = trainer.optimizer.state();
    writer.tensors(OPTIMIZER, optimizer.iter().map(|(name, tensor)| (name.as_str(), tensor)))?;
    writer.json(STATE, state)?;
    writer.finish()
}

/// Takes back parameters and optimizer. Of a run with an adapter, the model that it starts from was read before.
///
/// # Errors
/// Tensors that cannot be read, or that do not fit the trainer.
pub fn restore(reader: &Reader, trainer: &mut Trainer) -> Result<()> {
    restore_parameters(reader, trainer)?;
    trainer.optimizer.load(reader.tensors(OPTIMIZER)?).map_err(|error| error.context(reader.folder().display()))
}

/// Takes back the parameters only.
///
/// # Errors
/// As [`restore`].
pub fn restore_parameters(reader: &Reader, trainer: &Trainer) -> Result<()> {
    restore_model(reader, trainer.described(), trainer.model.params())
}
