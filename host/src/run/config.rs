//! The config of a run, resolved: every value is present and within its range.

use super::sections::{SampleConfig, TrainConfig};
use crate::corpus::DataConfig;
use crate::feed::TokenizerConfig;
use crate::model::ModelConfig;
use crate::optim::{OptimizerConfig, ScheduleConfig};
use crate::plugin::PluginConfig;
use crate::settings::{self, Section};
use crate::{Error, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};

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
    /// Where runs are kept; relative to the current folder as written, absolute after loading.
    pub dir: PathBuf,
    /// Seeds initialisation, shuffling and dropout, each through a stream of its own.
    pub seed: u64,
}

impl RunConfig {
    /// Reads the config at `path`, changed by the `overrides`, each `section.key=value`.
    ///
    /// # Errors
    /// All problems of file and overrides, one line each: `configs/x.toml:12:5: train.batch: expected 1 or more, got
    /// 0`.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self> {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("run");
        settings::read_file(path, overrides, |root| Self::read(root, stem))
    }

    /// Every value, in TOML: what [`Self::load`] reads back as an equal config.
    ///
    /// # Errors
    /// A path that is not UTF-8, which TOML cannot hold.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::run(format!("cannot write the config as TOML: {error}")))
    }

    /// The folder of finished work on data: `data.store`, or `store` beside the runs.
    pub fn store(&self) -> PathBuf {
        self.data.store.clone().unwrap_or_else(|| self.run.dir.join("store"))
    }

    fn read(root: &mut Section<'_>, default_name: &str) -> Self {
        let train = root.section("train", TrainConfig::read);
        let mut metric_names = Vec::new();
        let config = Self {
            run: root.section("run", |section| RunSection::read(section, default_name)),
            data: root.section("data", DataConfig::read),
            tokenizer: root.section("tokenizer", TokenizerConfig::read),
            model: root.section("model", ModelConfig::read),
            loss: root.section("loss", |section| PluginConfig::read(section, Some("cross-entropy"))),
            metric: root
                .sections("metric", |section| PluginConfig::read_metric(section, &mut metric_names))
                .unwrap_or_else(|| ["bits-per-byte", "token-accuracy"].map(PluginConfig::new).into()),
            optimizer: root.section("optimizer", OptimizerConfig::read),
            schedule: root.section("schedule", |section| ScheduleConfig::read(section, train.steps)),
            train,
            sample: root.section("sample", SampleConfig::read),
        };
        config.check(root);
        config
    }

    /// What no section can see alone.
    fn check(&self, root: &Section<'_>) {
        if self.store() == self.run.dir.join(&self.run.name) {
            let message = format!(
                "{:?} is the folder of finished data: name the run otherwise, or set data.store",
                self.run.name
            );
            root.conflict(&["run.name", "data.store"], message);
        }
        let (warmup, steps) = (self.schedule.warmup, self.train.steps);
        if warmup > steps {
            let message = format!("expected at most train.steps, which is {steps}, got {warmup}");
            root.conflict(&["schedule.warmup", "train.steps"], message);
        }
        if self.train.patience > 0 && !self.data.has_validation() {
            let message = "needs held-out text: set data.validation above 0, or patience to 0";
            root.conflict(&["train.patience", "data.validation"], message);
        }
    }
}

impl RunSection {
    fn read(section: &mut Section<'_>, default_name: &str) -> Self {
        let expected = "a folder's name of letters, digits, '-', '_' and '.', not beginning with '.'";
        let letter = |char: char| char.is_alphanumeric() || "-_.".contains(char);
        let is_name = |text: &str| !text.is_empty() && !text.starts_with('.') && text.chars().all(letter);
        let default_name = default_name.trim_start_matches('.').replace(|char| !letter(char), "-");
        let name = section.text_that("name", expected, is_name).unwrap_or(default_name);
        let dir = section.text_that("dir", "a path", |text| !text.is_empty());
        Self {
            name,
            dir: section.current_dir().join(dir.as_deref().unwrap_or("runs")),
            seed: section.integer("seed", 0.., 1),
        }
    }
}
