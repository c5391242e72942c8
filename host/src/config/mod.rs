//! The config of a run: as written, then resolved.

use crate::data::{DataConfig, TokenizerConfig};
use crate::model::ModelConfig;
use crate::optim::{OptimizerConfig, ScheduleConfig};
use crate::plugin::PluginConfig;
use crate::train::{SampleConfig, TrainConfig};
use serde::Serialize;
use std::path::PathBuf;

/// Everything that a run depends on, checked: a value of this type cannot hold a setting that is out of range.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunConfig {
    /// `[run]`
    pub run: RunSection,
    /// `[data]`
    pub data: DataConfig,
    /// `[tokenizer]`
    pub tokenizer: TokenizerConfig,
    /// `[model]`
    pub model: ModelConfig,
    /// `[loss]`
    pub loss: PluginConfig,
    /// `[[metric]]`
    pub metric: Vec<PluginConfig>,
    /// `[optimizer]`
    pub optimizer: OptimizerConfig,
    /// `[schedule]`
    pub schedule: ScheduleConfig,
    /// `[train]`
    pub train: TrainConfig,
    /// `[sample]`
    pub sample: SampleConfig,
}

/// `[run]`: name, place and seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSection {
    /// The run's folder is `dir/name`.
    pub name: String,
    /// Where runs are kept; a relative path is relative to the current folder.
    pub dir: PathBuf,
    /// Seeds initialisation, shuffling and dropout, each through a stream of its own.
    pub seed: u64,
}
