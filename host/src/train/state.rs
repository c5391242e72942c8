//! What a checkpoint holds beside parameters, and how it is saved and taken back.

use super::checkpoint::{Reader, Writer};
use super::hugging_face::TokenizerFolder;
use super::identity::RunIdentity;
use super::step::Trainer;
use crate::Result;
use crate::data::{Position, TokenizerFiles};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const STATE: &str = "trainyard/state.json";
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
    /// What the run's result depends on.
    pub identity: RunIdentity,
}

impl RunState {
    /// Before the first step.
    pub fn new(identity: RunIdentity) -> Self {
        Self { step: 0, position: Position::default(), best: None, identity }
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

/// Writes `checkpoints/step-N`, complete or not at all; returns the folder.
pub fn save(
    checkpoints: &Path,
    state: &RunState,
    trainer: &Trainer,
    tokenizer: &TokenizerFiles,
    folder: &TokenizerFolder,
) -> Result<PathBuf> {
    let mut writer = Writer::begin(checkpoints, state.step)?;
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
    reader.json(STATE)
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
