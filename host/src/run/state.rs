//! State of a run at a checkpoint: everything but the tensors.

use super::folder::checkpoint::{Reader, folder_name, replay_name};
use super::identity::RunIdentity;
use super::network::Described;
use super::{adapter, numerics};
use crate::feed::Position;
use crate::model::Params;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

pub(crate) const STATE: &str = "trainyard/state.json";
pub(crate) const MODEL: &str = "model.safetensors";

/// Where a run is. Random numbers need no state: they are addressed by step (see [`crate::base::random`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// Steps done.
    pub step: u64,
    /// Steps that the optimizer's state had seen before the first one, where it was kept from another run.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub earlier_steps: u64,
    /// Updates of the parameters by ranks that do not wait for one another.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub updates: u64,
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
    /// [`crate::corpus::Manifest::digest`] of the data; earlier versions did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
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
            earlier_steps: 0,
            updates: 0,
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

/// The state of an opened checkpoint.
///
/// # Errors
/// A state that cannot be read, or is that of another step than its folder.
pub fn read_state(reader: &Reader) -> Result<RunState> {
    let state: RunState = reader.json(STATE)?;
    let folder = reader.folder();
    let names = [folder_name(state.step), replay_name(state.step)];
    if folder.file_name().is_some_and(|name| names.iter().all(|own| *name != **own)) {
        return Err(Error::run(format!(
            "{}: is of step {}, expected that of its folder; delete {} to resume from the checkpoint before it",
            folder.join(STATE).display(),
            state.step,
            folder.display()
        )));
    }
    Ok(state)
}

/// Takes back parameters only. Of a run with an adapter, the model that it starts from was read before.
///
/// # Errors
/// Tensors that cannot be read, or that do not fit the model.
pub fn restore_model(reader: &Reader, described: &Described, params: &Params) -> Result<()> {
    let restored = match &described.adapter {
        Some(adapted) => adapter::restore(reader, adapted, params),
        None => reader.tensors(MODEL).and_then(|tensors| params.load(tensors)),
    };
    restored.map_err(|error| error.context(reader.folder().display()))
}
