//! A run that is compared.

use crate::folder::{CONFIG, METRICS, is_running};
use crate::log::Log;
use crate::plugins::{self, Plugin};
use crate::runs::State;
use crate::settings::{self, Settings};
use serde::Serialize;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use trainyard_base::{Error, Result};
use trainyard_report::{DOCUMENTS, DocumentLoss, Metric, MetricValue, TextReport, Validation, read_documents};

/// A text that is held out of training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// The text that is measured at the end only.
    Test,
    /// The text that is measured while training too.
    Validation,
}

impl Split {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Test, Self::Validation];

    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Validation => "validation",
        }
    }
}

/// What a run was and what it measured.
#[derive(Debug)]
pub struct Run {
    /// The end of its path, by which it differs from the other runs.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// `run.seed`
    pub seed: i64,
    /// The resolved config.
    pub settings: Settings,
    /// Its plugins.
    pub plugins: Vec<Plugin>,
    /// Its record.
    pub log: Log,
    /// How far it is.
    pub state: State,
    /// A digest of the file of its tokenizer; none where there is no such file.
    pub tokenizer_file: Option<(usize, u64)>,
    /// What its model loses on documents, by split, where that was read.
    documents: BTreeMap<Split, OnceCell<Vec<DocumentLoss>>>,
}

impl Run {
    /// Reads a run.
    ///
    /// # Errors
    /// A file that cannot be read or is not what it is to be.
    pub fn read(name: String, path: &Path) -> Result<Self> {
        let config = path.join(CONFIG);
        if !config.exists() {
            let path = path.display();
            return Err(Error::usage(format!(
                "{path}: expected a finished run, got one that is being prepared; leave it out"
            )));
        }
        Self::with_log(name, path, Log::read(&path.join(METRICS))?)
    }

    /// Reads a run whose log was read before.
    ///
    /// # Errors
    /// A file that cannot be read or is not what it is to be.
    pub fn with_log(name: String, path: &Path, log: Log) -> Result<Self> {
        let settings = settings::read(&path.join(CONFIG))?;
        let host = log.header.as_ref().map_or("", |header| &header.host);
        let state = State::of(&log, is_running(path, host));
        let tokenizer = fs::read(path.join("data/tokenizer.model")).ok();
        Ok(Self {
            name,
            path: path.to_owned(),
            seed: settings.get("run.seed").and_then(toml::Value::as_integer).unwrap_or(1),
            plugins: plugins::read(path)?,
            tokenizer_file: tokenizer.map(|bytes| (bytes.len(), digest(&bytes))),
            settings,
            log,
            state,
            documents: Split::ALL.map(|split| (split, OnceCell::new())).into(),
        })
    }

    /// Checks that the run has all its results, or with `is_allowed` at least a validation.
    ///
    /// # Errors
    /// It has not; the error says how far it is.
    pub fn check_finished(&self, is_allowed: bool) -> Result<()> {
        let path = self.path.display();
        if self.is_finished() || is_allowed && self.log.last.is_some() {
            return Ok(());
        }
        let cure = if is_allowed {
            "it has no validation yet: leave it out"
        } else {
            "resume it, leave it out, or pass --allow-unfinished to compare last validations"
        };
        Err(Error::usage(format!("{path}: expected a finished run, got one that is {}; {cure}", self.progress())))
    }

    /// Says whether the run has all its results.
    pub fn is_finished(&self) -> bool {
        matches!(self.state, State::Done | State::StoppedEarly) && self.log.report.is_some()
    }

    /// `interrupted at step 137 of 320`.
    pub fn progress(&self) -> String {
        let of = self.log.header.as_ref().map(|header| format!(" of {}", header.steps)).unwrap_or_default();
        let why = self.log.failure().filter(|_| self.state == State::Failed);
        let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
        format!("{} at step {}{of}{why}", self.state, self.log.step)
    }

    /// What was measured on a text. With `from_training`, that is the last validation while training.
    pub fn measures(&self, split: Split, from_training: bool) -> Vec<MetricValue> {
        let report = self.log.report.as_ref().map(|last| &last.report);
        match (split, &self.log.last) {
            (Split::Validation, Some(last)) if from_training => {
                let metrics = self.log.header.iter().flat_map(|header| &header.metrics);
                metrics.filter_map(|metric| measured(metric, last)).collect()
            }
            (Split::Validation, _) => report.map(|report| report.validation.clone()).unwrap_or_default(),
            (Split::Test, _) => report.map(|report| report.test.clone()).unwrap_or_default(),
        }
    }

    /// What its model loses on the documents of a split; none where that was not recorded. The file is read once.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn documents(&self, split: Split) -> Result<&[DocumentLoss]> {
        let Some(cell) = self.documents.get(&split) else { return Ok(&[]) };
        if let Some(documents) = cell.get() {
            return Ok(documents);
        }
        let documents = read_documents(&self.path.join(DOCUMENTS), split.name())?;
        Ok(cell.get_or_init(|| documents))
    }

    /// Returns the text of a split, as the final report has it.
    pub fn text(&self, split: Split) -> Option<&TextReport> {
        self.log.report.as_ref()?.report.texts.get(split.name())
    }

    /// Returns the digest of the prepared data; empty where it was not recorded.
    pub fn data(&self) -> &str {
        self.log.header.as_ref().map_or("", |header| &header.digests.data)
    }

    /// Returns the plugin of each table of the config that names one, such as `metric.0`.
    pub fn plugins_by_table(&self) -> BTreeMap<String, &Plugin> {
        let table = |key: &str| key.strip_suffix(".plugin").map(str::to_owned);
        let named = self.settings.iter().filter_map(|(key, value)| Some((table(key)?, settings::plain(value))));
        plugins::by_table(&self.plugins, &named.collect())
    }

    /// Returns the plugins of a place: `tokenizer`, `loss` or `metric`.
    pub fn plugins_at<'a>(&'a self, place: &'a str) -> impl Iterator<Item = &'a Plugin> {
        self.plugins.iter().filter(move |plugin| plugin.place == place)
    }
}

/// The value of a metric in a validation while training.
fn measured(metric: &Metric, validation: &Validation) -> Option<MetricValue> {
    let Metric { name, plugin, unit, higher_is_better, comparable } = metric.clone();
    let value = *validation.values.get(&name)?;
    let comparable = validation.comparable.get(&name).copied().unwrap_or(comparable);
    Some(MetricValue { name, plugin, value, unit, higher_is_better, comparable, outputs: BTreeMap::new() })
}

fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// The names of folders: their paths without the folders that they are all in.
pub fn names(paths: &[PathBuf]) -> Vec<String> {
    let full: Vec<PathBuf> = paths.iter().map(|path| path.canonicalize().unwrap_or_else(|_| path.clone())).collect();
    let parent = full.first().and_then(|path| path.parent());
    let is_around = |folder: &&Path| full.iter().all(|path| path.starts_with(folder) && path != folder);
    let around = parent.into_iter().flat_map(Path::ancestors).find(is_around);
    let name = |path: &PathBuf| {
        let inner = around.and_then(|around| path.strip_prefix(around).ok()).unwrap_or(path);
        inner.display().to_string()
    };
    full.iter().map(name).collect()
}
