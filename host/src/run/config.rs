//! The config of a run, resolved: every value is present and within its range.

use super::adapter::AdapterConfig;
use super::network::ModelConfig;
use super::sections::{RanksConfig, ReportConfig, SampleConfig, TrainConfig};
use super::start::StartConfig;
use super::test_sets::EvalConfig;
use crate::corpus::{DataConfig, Packing};
use crate::feed::TokenizerConfig;
use crate::feed::tasks::TaskConfig;
use crate::optim::{OptimizerConfig, ScheduleConfig};
use crate::plugin::PluginConfig;
use crate::settings::{self, Section, Setting};
use crate::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Everything that a run depends on, checked: a value of this type cannot hold a setting that is out of range.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RunConfig {
    /// A config that this one extends: everything that is not said here is as it is there. A list that is said here
    /// takes the place of the whole list there, and `run.name` is that of this file. Relative paths start at the file
    /// that they are written in. None of a config that was read: it says everything itself.
    #[serde(skip_serializing)]
    pub extends: Option<PathBuf>,
    /// `[run]`
    pub run: RunSection,
    /// `[data]`
    pub data: DataConfig,
    /// `[tokenizer]`
    pub tokenizer: TokenizerConfig,
    /// `[start]`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<StartConfig>,
    /// `[adapter]`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapter: Option<AdapterConfig>,
    /// `[task]`
    #[serde(default, skip_serializing_if = "TaskConfig::is_causal")]
    pub task: TaskConfig,
    /// `[model]`
    pub model: ModelConfig,
    /// `[loss]`: what training minimises.
    pub loss: PluginConfig,
    /// `[[metric]]`: what is measured on held-out text.
    pub metric: Vec<PluginConfig>,
    /// `[optimizer]`
    pub optimizer: OptimizerConfig,
    /// `[schedule]`
    pub schedule: ScheduleConfig,
    /// `[train]`
    pub train: TrainConfig,
    /// `[sample]`
    pub sample: SampleConfig,
    /// `[eval]`
    pub eval: EvalConfig,
    /// `[report]`
    pub report: ReportConfig,
    /// `[ranks]`
    pub ranks: RanksConfig,
}

/// `[run]`: name, place and seed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RunSection {
    /// The run's folder is `dir/name`; the name of the config's file without `.toml` if not said.
    pub name: String,
    /// Where runs are kept; relative to the current folder as written, absolute after loading.
    pub dir: PathBuf,
    /// Seeds initialisation, shuffling and dropout, each through a stream of its own.
    pub seed: u64,
    /// Words to find the run by: `trainyard runs --where tag=baseline`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What it is for, in a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl RunConfig {
    /// Reads the config at `path`, changed by the `overrides`: `section.key=value` sets a key, `!section.key` removes
    /// one.
    ///
    /// # Errors
    /// All problems of file and overrides, one line each: `configs/x.toml:12:5: train.batch: expected 1 or more, got
    /// 0`.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self> {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("run");
        settings::read_file(path, overrides, |root| Self::read(root, stem))
    }

    /// Reads a config that is in no file, in the current folder.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(text: &str, overrides: &[String]) -> Result<Self> {
        settings::parse(Path::new("config.toml"), text, overrides, |root| Self::read(root, "run"))
    }

    /// Every value, in TOML: what [`Self::load`] reads back as an equal config.
    ///
    /// # Errors
    /// A path that is not UTF-8, which TOML cannot hold.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::run(format!("cannot write the config as TOML: {error}")))
    }

    /// Every setting that a config can have.
    pub fn settings() -> Vec<Setting> {
        settings::reference(|root| drop(Self::read(root, "run")))
    }

    /// Tokens of the model, where the tokenizer has `n_tokens`: no fewer than the model has that it starts from, whose
    /// tables often have rows to spare.
    pub fn vocab(&self, n_tokens: usize) -> usize {
        self.start.as_ref().and_then(|start| start.vocab).map_or(n_tokens, |vocab| vocab.max(n_tokens))
    }

    /// The folder that the tokenizer's files are in, which say how conversations are written.
    pub fn tokenizer_folder(&self) -> Option<&Path> {
        self.tokenizer.model.as_deref()?.parent()
    }

    /// The folder of finished work on data: `data.store`, or `store` next to the runs.
    pub fn store(&self) -> PathBuf {
        self.data.store.clone().unwrap_or_else(|| self.run.dir.join("store"))
    }

    fn read(root: &mut Section<'_>, default_name: &str) -> Self {
        let mut metric_names = Vec::new();
        let run = root.section("run", |section| RunSection::read(section, default_name));
        let is_packing_given = root.holds_inside("data", "packing");
        let mut data = root.section("data", DataConfig::read);
        let has_model = ["plugin", "kind"].iter().any(|key| root.holds_inside("model", key));
        let is_resolved = has_model && root.holds_inside("tokenizer", "plugin");
        let start = root.optional("start", |section| StartConfig::read(section, is_resolved));
        let adapter = root.optional("adapter", AdapterConfig::read);
        let tokenizer = start.as_ref().and_then(StartConfig::tokenizer);
        let tokenizer = root.section("tokenizer", |section| TokenizerConfig::read(section, tokenizer));
        let task = root.section("task", TaskConfig::read);
        if !is_packing_given {
            data.packing = task.packing();
        }
        let model = root.section("model", |section| ModelConfig::read(section, start.as_ref(), &task));
        let loss = root.section("loss", |section| PluginConfig::read(section, Some(task.loss())));
        let metric = root.sections("metric", |section| PluginConfig::read_metric(section, &mut metric_names));
        let metric = metric.unwrap_or_else(|| task.metrics().iter().copied().map(PluginConfig::new).collect());
        let train = root.section("train", |section| TrainConfig::read(section, &task));
        let optimizer = root.section("optimizer", OptimizerConfig::read);
        let schedule = root.section("schedule", |section| ScheduleConfig::read(section, train.steps));
        let sample = root.section("sample", |section| SampleConfig::read(section, &task));
        let eval = root.section("eval", |section| EvalConfig::read(section, &task));
        let report = root.section("report", ReportConfig::read);
        let ranks = root.section("ranks", |section| RanksConfig::read(section, &train));
        let mut config = Self {
            // what it says is in the other sections already
            extends: root.path("extends"),
            run,
            data,
            tokenizer,
            start,
            adapter,
            task,
            model,
            loss,
            metric,
            optimizer,
            schedule,
            train,
            sample,
            eval,
            report,
            ranks,
        };
        config.check(root);
        config
    }

    /// What no section can see alone.
    fn check(&mut self, root: &Section<'_>) {
        if self.store() == self.run.dir.join(&self.run.name) {
            let message = format!(
                "{:?} is the folder of finished data: name the run otherwise, or set data.store",
                self.run.name
            );
            root.conflict(&["run.name", "data.store"], message);
        }
        let (warmup, steps) = (self.schedule.warmup, self.train.steps);
        if warmup > steps && root.is_set("train.steps") && !root.is_set("schedule.warmup") {
            root.note("schedule.warmup", format!("clipped from {warmup} to {steps}, which train.steps was set to"));
            self.schedule.warmup = steps;
        } else if warmup > steps {
            let message = format!("expected at most train.steps, which is {steps}, got {warmup}");
            root.conflict(&["schedule.warmup", "train.steps"], message);
        }
        if self.adapter.is_some() && self.start.is_none() {
            root.conflict(&["adapter", "start"], "needs a model that it is beside: name its folder in [start] from");
        }
        if self.data.packing != self.task.packing() && self.data.packing == Packing::Concatenate {
            let message = format!(
                "expected \"best-fit\" or \"pad\", got \"concatenate\", which cuts what task.kind = {:?} keeps together",
                self.task.name()
            );
            root.conflict(&["data.packing", "task.kind"], message);
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
        let dir = section.text_or("dir", "a path", "runs", |text| !text.is_empty());
        let is_tag = |tag: &str| !tag.trim().is_empty();
        Self {
            name,
            dir: section.current_dir().join(dir),
            seed: section.integer("seed", 0.., 1),
            tags: section.texts("tags", "a list of words", is_tag),
            note: section.text_that("note", "text", |_| true),
        }
    }
}
