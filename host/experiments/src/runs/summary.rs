//! One run in one line.

use crate::folder::{CONFIG, METRICS, is_running};
use crate::log::{LOSS, Log};
use crate::settings::{self, Settings};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use trainyard_base::Result;
use trainyard_report::{EndState, Validation};

/// The number that is comparable between runs of all tokenizers and losses.
pub const BITS_PER_BYTE: &str = "bits-per-byte";

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// All steps were done.
    Done,
    /// Validation stopped improving.
    StoppedEarly,
    /// A signal or a kill ended it; it can be resumed.
    Interrupted,
    /// An error ended it.
    Failed,
    /// A process trains.
    Running,
    /// No step was done.
    Prepared,
    /// It is not a run, or its files cannot be read.
    Unreadable,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Done,
        Self::StoppedEarly,
        Self::Interrupted,
        Self::Failed,
        Self::Running,
        Self::Prepared,
        Self::Unreadable,
    ];

    /// The state that a log and a lock tell.
    pub fn of(log: &Log, is_running: bool) -> Self {
        let ended = log.end.as_ref().map(|end| end.state);
        match ended {
            _ if is_running => Self::Running,
            Some(EndState::Done) => Self::Done,
            Some(EndState::StoppedEarly) => Self::StoppedEarly,
            Some(EndState::Failed) => Self::Failed,
            Some(EndState::Interrupted) => Self::Interrupted,
            None if log.is_finished() => Self::Done,
            None if log.step == 0 => Self::Prepared,
            None => Self::Interrupted,
        }
    }
}

impl Display for State {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Done => "done",
            Self::StoppedEarly => "stopped early",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Running => "running",
            Self::Prepared => "prepared",
            Self::Unreadable => "unreadable",
        })
    }
}

/// What a validation measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Steps done.
    pub step: u64,
    /// The values by name; `loss` is what training minimises.
    pub values: BTreeMap<String, f64>,
}

impl Measured {
    fn new(validation: Validation) -> Self {
        Self { step: validation.step, values: validation.values }
    }

    /// Returns the value that training minimises.
    pub fn loss(&self) -> Option<f64> {
        self.values.get(LOSS).copied()
    }
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// The run's folder, as a path within the folder that was searched.
    pub name: String,
    /// The run's folder.
    pub path: PathBuf,
    /// How far it is.
    pub state: State,
    /// Why it failed or cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Steps done.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: Option<u64>,
    /// The validation with the lowest loss.
    pub best: Option<Measured>,
    /// The last validation.
    pub last: Option<Measured>,
    /// What the final report measured on the test text, by name.
    pub test: BTreeMap<String, f64>,
    /// Tokens of a second of training, validations and checkpoints included.
    pub tokens_per_second: Option<f64>,
    /// Seconds of training.
    pub seconds: Option<f64>,
    /// Seconds since the log last changed.
    pub age: Option<u64>,
    /// `run.tags`
    pub tags: Vec<String>,
    /// `run.note`
    pub note: String,
    /// Lines of the log that are no records.
    pub broken_lines: usize,
    /// The first of these lines, from 1.
    pub first_broken_line: Option<usize>,
    /// The resolved config.
    #[serde(skip)]
    pub(crate) settings: Settings,
}

impl RunSummary {
    /// Reads a run. What cannot be read is in the summary, as a reason.
    pub(crate) fn read(name: String, path: &Path) -> Self {
        Self::try_read(&name, path).unwrap_or_else(|error| Self::unreadable(name, path, error.to_string()))
    }

    /// The line of a folder that is no run or cannot be read.
    pub(crate) fn unreadable(name: String, path: &Path, reason: String) -> Self {
        // the path is in the line already
        let start = path.display().to_string();
        let inner = reason.strip_prefix(&start).map(|inner| inner.trim_start_matches([':', '/', ' ']));
        let reason = inner.unwrap_or(&reason).to_owned();
        Self {
            name,
            path: path.to_owned(),
            state: State::Unreadable,
            reason: Some(reason),
            step: 0,
            steps: None,
            best: None,
            last: None,
            test: BTreeMap::new(),
            tokens_per_second: None,
            seconds: None,
            age: None,
            tags: Vec::new(),
            note: String::new(),
            broken_lines: 0,
            first_broken_line: None,
            settings: Settings::new(),
        }
    }

    fn try_read(name: &str, path: &Path) -> Result<Self> {
        let config = path.join(CONFIG);
        // a folder is marked before the config is written
        let settings = if config.is_file() { settings::read(&config)? } else { Settings::new() };
        let log = Log::read(&path.join(METRICS))?;
        let host = log.header.as_ref().map_or("", |header| &header.host);
        let state = State::of(&log, is_running(path, host));
        let planned = settings.get("train.steps").and_then(toml::Value::as_integer);
        let test = log.report.as_ref().map(|last| last.report.test.as_slice()).unwrap_or_default();
        Ok(Self {
            name: name.to_owned(),
            path: path.to_owned(),
            state,
            reason: log.failure().filter(|_| state == State::Failed).map(str::to_owned),
            step: log.step,
            steps: log.header.as_ref().map(|header| header.steps).or(planned.and_then(|steps| steps.try_into().ok())),
            test: test.iter().map(|metric| (metric.name.clone(), metric.value)).collect(),
            tokens_per_second: log.tokens_per_second(),
            seconds: log.seconds,
            age: age(&path.join(METRICS)),
            tags: settings.get("run.tags").map(settings::texts).unwrap_or_default(),
            note: settings.get("run.note").map(settings::plain).unwrap_or_default(),
            broken_lines: log.n_broken,
            first_broken_line: log.first_broken,
            best: log.best.map(Measured::new),
            last: log.last.map(Measured::new),
            settings,
        })
    }

    /// The test result that stands for all: bits per byte, or else the loss, or else the first.
    pub fn test_value(&self) -> Option<(&str, f64)> {
        let named = [BITS_PER_BYTE, LOSS].into_iter().find_map(|name| self.test.get_key_value(name));
        named.or_else(|| self.test.first_key_value()).map(|(name, value)| (name.as_str(), *value))
    }
}

/// Seconds since a file changed; 0 where its time lies ahead.
fn age(path: &Path) -> Option<u64> {
    let changed = fs::metadata(path).and_then(|metadata| metadata.modified()).ok()?;
    Some(SystemTime::now().duration_since(changed).unwrap_or_default().as_secs())
}
