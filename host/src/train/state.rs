//! What a checkpoint holds beside parameters, and how it is saved and taken back.

use super::checkpoint::{Reader, Writer, folder_name, replay_name};
use super::hugging_face::TokenizerFolder;
use super::identity::RunIdentity;
use super::numerics;
use super::step::Trainer;
use crate::data::{Position, TokenizerFiles};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

pub(super) const STATE: &str = "trainyard/state.json";
const OPTIMIZER: &str = "trainyard/optimizer.safetensors";
const MODEL: &str = "model.safetensors";

/// Where a run is. Random numbers need no state: they are addressed by step (see [`crate::random`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// Steps done.
    pub step: u64,
    /// Next sequence of the data.
    pub position: Position,
    /// The best validation so far.
    pub best: Option<Best>,
    /// Version of the order of additions and of the addresses of random numbers.
    #[serde(default = "numerics::unnamed")]
    pub numerics: u32,
    /// What the run's result depends on.
    pub identity: RunIdentity,
    /// What `--allow-changed` let change at resumes, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Changed>,
    /// [`crate::data::Manifest::digest`] of the data; earlier versions did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

/// What changed when the run was resumed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// Steps done at that time.
    pub step: u64,
    /// Each key with its value before and after.
    pub changed: serde_json::Value,
}

impl RunState {
    /// Before the first step.
    pub fn new(identity: RunIdentity) -> Self {
        Self {
            step: 0,
            position: Position::default(),
            best: None,
            numerics: numerics::NUMERICS,
            identity,
            changes: Vec::new(),
            data: None,
        }
    }
}

/// The best validation so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Steps done at that time.
    pub step: u64,
    /// Its loss.
    pub loss: f64,
    /// Validations since, none of them better.
    pub since: u64,
}

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
    writer.json("config.json", &trainer.model.hugging_face_config(tokenizer.end_of_text))?;
    writer.tensors(MODEL, trainer.model.params().iter().map(|(name, param)| (name, &param.value)))?;
    folder.write(&mut writer)?;
    let optimizer = trainer.optimizer.state();
    writer.tensors(OPTIMIZER, optimizer.iter().map(|(name, tensor)| (name.as_str(), tensor)))?;
    writer.json(STATE, state)?;
    writer.finish()
}

/// The state of an opened checkpoint.
pub fn read_state(reader: &Reader) -> Result<RunState> {
    let state: RunState = reader.json(STATE)?;
    let folder = reader.folder();
    let names = [folder_name(state.step), replay_name(state.step)];
    if folder.file_name().is_some_and(|name| names.iter().all(|own| *name != **own)) {
        return Err(Error::run(format!(
            "{}: is of step {}, expected that of its folder; delete {} to go on from the checkpoint before it",
            folder.join(STATE).display(),
            state.step,
            folder.display()
        )));
    }
    Ok(state)
}

/// Takes back parameters and optimizer.
pub fn restore(reader: &Reader, trainer: &mut Trainer) -> Result<()> {
    let context = |error: crate::Error| error.context(reader.folder().display());
    trainer.model.params().load(reader.tensors(MODEL)?).map_err(context)?;
    trainer.optimizer.load(reader.tensors(OPTIMIZER)?).map_err(context)
}

/// Takes back parameters only.
pub fn restore_model(reader: &Reader, model: &crate::model::Transformer) -> Result<()> {
    model.params().load(reader.tensors(MODEL)?).map_err(|error| error.context(reader.folder().display()))
}
