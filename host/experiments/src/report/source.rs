//! What a run's folder has for a report. What is missing or cannot be read is left out, and said.

use super::history::History;
use crate::clean::{size, written};
use crate::folder::{CONFIG, METRICS, PLUGINS, is_running};
use crate::log::Log;
use crate::runs::State;
use crate::settings::{self, Settings};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use trainyard_base::Result;
use trainyard_base::files::{MAX_TEXT_BYTES, read_file, read_text};

/// A run.
#[derive(Debug)]
pub struct Source {
    /// Its folder.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// How far it is.
    pub state: State,
    /// A summary of its log.
    pub log: Log,
    /// Its log as curves.
    pub history: History,
    /// The resolved config.
    pub settings: Settings,
    /// The same as it is in the file; empty if there is none.
    pub config: String,
    /// Its plugins.
    pub plugins: Vec<Locked>,
    /// The manifest of the prepared data; null if there is none.
    pub data: Value,
    /// Its checkpoints, in the order of their steps.
    pub checkpoints: Vec<Checkpoint>,
    /// What could not be read, and why.
    pub problems: Vec<String>,
}

/// A plugin of `plugins.lock`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Locked {
    /// `tokenizer`, `model`, `loss`, `filter` or `metric`.
    pub place: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `builtin`, `wasm`, `native` or `process`.
    pub backend: String,
    /// The digest of its file; empty for a built-in.
    pub sha256: String,
    /// Its settings in one line.
    pub settings: String,
    /// What it may open.
    pub allow: Vec<String>,
}

/// A checkpoint, or the state before a step that failed.
#[derive(Debug)]
pub struct Checkpoint {
    /// Its folder.
    pub name: String,
    /// Steps that it has seen.
    pub step: u64,
    /// Says whether the link `best` leads to it.
    pub is_best: bool,
    /// The size of its files.
    pub bytes: u64,
}

impl Source {
    /// Reads a run.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let (log, history) = History::read(&path.join(METRICS))?;
        let host = log.header.as_ref().map_or("", |header| &header.host);
        let state = State::of(&log, is_running(path, host));
        let mut problems = Vec::new();
        let file = path.join(CONFIG);
        let settings = if file.exists() { or_default(settings::read(&file), &mut problems) } else { Settings::new() };
        let config = read_text(&file, MAX_TEXT_BYTES).unwrap_or_default();
        let named = settings.get("run.name").and_then(toml::Value::as_str).map(str::to_owned);
        let header = log.header.as_ref().map(|header| header.name.clone()).filter(|name| !name.is_empty());
        let data: Value = json(&path.join("data/manifest.json"), &mut problems);
        Ok(Self {
            name: header.or(named).unwrap_or_else(|| crate::runs::name_of(path, path)),
            plugins: json(&path.join(PLUGINS), &mut problems),
            data,
            checkpoints: checkpoints(&path.join("checkpoints")),
            path: path.to_owned(),
            state,
            log,
            history,
            settings,
            config,
            problems,
        })
    }

    /// Returns a setting as people write it; none where it is missing or empty.
    pub fn setting(&self, key: &str) -> Option<String> {
        self.settings.get(key).map(settings::plain).filter(|text| !text.is_empty())
    }

    /// Steps of the whole run.
    pub fn steps(&self) -> Option<u64> {
        let planned = self.settings.get("train.steps").and_then(toml::Value::as_integer);
        self.log.header.as_ref().map(|header| header.steps).or(planned.and_then(|steps| steps.try_into().ok()))
    }

    /// Steps of the checkpoint that was measured at the end.
    pub fn model_step(&self) -> Option<u64> {
        self.log.report.as_ref().map(|report| report.model_step)
    }
}

fn or_default<T: Default>(read: Result<T>, problems: &mut Vec<String>) -> T {
    read.unwrap_or_else(|error| {
        problems.push(error.to_string());
        T::default()
    })
}

/// Reads a file of JSON; what is missing is empty.
fn json<T: Default + DeserializeOwned>(path: &Path, problems: &mut Vec<String>) -> T {
    if !path.exists() {
        return T::default();
    }
    let read = read_file(path, MAX_TEXT_BYTES).map_err(|error| error.to_string());
    let parsed = read.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string()));
    parsed.unwrap_or_else(|error| {
        problems.push(format!("{}: cannot read: {error}", path.display()));
        T::default()
    })
}

fn checkpoints(folder: &Path) -> Vec<Checkpoint> {
    let best = fs::read_link(folder.join("best")).ok();
    let checkpoint = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let step = name.strip_prefix("step-").or_else(|| name.strip_prefix("replay-"))?.parse().ok()?;
        let path = entry.path();
        let is_best = best.as_deref().is_some_and(|best| best.file_name() == path.file_name());
        path.is_dir().then(|| Checkpoint { step, is_best, bytes: size(&path, &written(&path)), name })
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut checkpoints: Vec<_> = entries.filter_map(checkpoint).collect();
    checkpoints.sort_by(|a, b| (a.step, &a.name).cmp(&(b.step, &b.name)));
    checkpoints
}
