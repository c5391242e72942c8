//! The run's model: the one checkpoint that the summary, `eval`, `generate` and a reader of the folder mean.

use super::folder::RunFolder;
use super::folder::checkpoint;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// A checkpoint of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunModel {
    /// Steps that it has seen.
    pub step: u64,
    /// Its folder.
    pub folder: PathBuf,
    /// Which it is.
    pub which: Which,
}

/// Which checkpoint of a run a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// The one with the lowest validation loss.
    Best,
    /// The newest.
    Last,
    /// Another.
    Step,
}

impl Which {
    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Last => "last",
            Self::Step => "step",
        }
    }
}

/// The part of a checkpoint's state that names the best one.
#[derive(Deserialize)]
struct State {
    best: Option<Best>,
}

#[derive(Deserialize)]
struct Best {
    step: u64,
}

impl RunModel {
    /// The run's model: with `train.patience` the checkpoint of the best validation, otherwise the last one.
    ///
    /// # Errors
    /// A run without checkpoints, or with a damaged state.
    pub fn of_run(folder: &RunFolder, patience: u64) -> Result<Self> {
        let last = Self::last(folder)?;
        match patience {
            0 => Ok(last),
            _ => Ok(Self::best(folder, &last)?.unwrap_or(last)),
        }
    }

    /// The checkpoint `best`, `last` or `step-N`; the run's model if none is named.
    ///
    /// # Errors
    /// A run without checkpoints, or without this one.
    pub fn choose(folder: &RunFolder, patience: u64, name: Option<&str>) -> Result<Self> {
        let Some(name) = name else { return Self::of_run(folder, patience) };
        let last = Self::last(folder)?;
        let checkpoints = folder.checkpoints();
        match name {
            "last" => Ok(last),
            "best" => Self::best(folder, &last)?.ok_or_else(|| {
                Error::usage(format!(
                    "{}: the checkpoint of the best validation was not kept, which train.patience above 0 does",
                    checkpoints.display()
                ))
            }),
            _ => {
                let steps = checkpoint::steps(&checkpoints)?;
                let known = || steps.iter().map(|&step| checkpoint::folder_name(step)).collect::<Vec<_>>().join(", ");
                let step = steps.iter().copied().find(|&step| checkpoint::folder_name(step) == name);
                let step = step.ok_or_else(|| {
                    Error::usage(format!("{}: no checkpoint {name:?}, there are: {}", checkpoints.display(), known()))
                })?;
                let which = if step == last.step { Which::Last } else { Which::Step };
                Ok(Self::at(&checkpoints, step, which))
            }
        }
    }

    fn at(checkpoints: &Path, step: u64, which: Which) -> Self {
        Self { step, folder: checkpoints.join(checkpoint::folder_name(step)), which }
    }

    fn last(folder: &RunFolder) -> Result<Self> {
        let checkpoints = folder.checkpoints();
        let step = checkpoint::steps(&checkpoints)?.last().copied().ok_or_else(|| {
            Error::usage(format!("{}: no checkpoint yet, train the run first", checkpoints.display()))
        })?;
        Ok(Self::at(&checkpoints, step, Which::Last))
    }

    /// The checkpoint that the newest one knows as the best, if it is there.
    fn best(folder: &RunFolder, last: &Self) -> Result<Option<Self>> {
        let path = last.folder.join(super::state::STATE);
        let json = fs::read(&path).map_err(|error| Error::io(&path, "read", &error))?;
        let state: State = serde_json::from_slice(&json)
            .map_err(|error| Error::run(format!("{}: not a checkpoint's state: {error}", path.display())))?;
        let best = state.best.map(|best| Self::at(&folder.checkpoints(), best.step, Which::Best));
        Ok(best.filter(|best| best.folder.is_dir()))
    }
}
