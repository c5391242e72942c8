//! What `metrics.jsonl` says of a run, read line by line.

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;
use trainyard_base::{Error, Result};
use trainyard_report::{End, EndState, Final, Header, Record, Validation};

/// The metric that training minimises, by its name in validations.
pub const LOSS: &str = "loss";

/// Bytes that are read at a time.
const BUFFER: usize = 1 << 18;

/// The kinds of records that this version knows.
const KINDS: [&str; 10] =
    ["run", "resume", "rewind", "warning", "step", "validation", "watch", "final", "plugins", "end"];

/// A summary of all records.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// The header of the last process that wrote one.
    pub header: Option<Header>,
    /// Steps done.
    pub step: u64,
    /// Seconds of training.
    pub seconds: Option<f64>,
    /// Tokens that were trained on.
    pub tokens: Option<u64>,
    /// The validation with the lowest loss.
    pub best: Option<Validation>,
    /// The last validation.
    pub last: Option<Validation>,
    /// The final report.
    pub report: Option<Final>,
    /// Seconds in calls of plugins, over all processes and threads.
    pub plugin_seconds: Option<f64>,
    /// How the last process ended; none if it was killed or still trains.
    pub end: Option<End>,
    /// The number of lines that are no records, without a last line that was cut short.
    pub n_broken: usize,
    /// The first of these lines, from 1.
    pub first_broken: Option<usize>,
}

/// What is needed of a step, and the kind of every other line. All of the line is checked to be JSON.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    kind: Option<&'a str>,
    step: u64,
    seconds: Option<f64>,
    tokens: Option<u64>,
    lr: Option<IgnoredAny>,
}

impl Line<'_> {
    /// Says whether it is a step, which has no kind in logs of earlier versions.
    fn is_step(&self) -> bool {
        self.kind.map_or(self.lr.is_some(), |kind| kind == "step")
    }
}

impl Log {
    /// Reads a log. One that does not exist is empty; a last line without an end was cut short and is ignored.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let mut log = Self::default();
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(log),
            opened => opened.map_err(|error| Error::io(path, "read", &error))?,
        };
        let mut reader = BufReader::with_capacity(BUFFER, file);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            reader.read_until(b'\n', &mut line).map_err(|error| Error::io(path, "read", &error))?;
            if line.pop() != Some(b'\n') {
                break;
            }
            if !log.take_line(&line) {
                log.n_broken += 1;
                log.first_broken.get_or_insert(number);
            }
        }
        Ok(log)
    }

    /// Takes a line; returns whether it is a record, of whatever kind.
    fn take_line(&mut self, line: &[u8]) -> bool {
        let Ok(head) = serde_json::from_slice::<Line<'_>>(line) else { return false };
        if head.is_step() {
            self.step = head.step;
            self.seconds = head.seconds.or(self.seconds);
            self.tokens = head.tokens.or(self.tokens);
            return true;
        }
        match serde_json::from_slice(line).ok().and_then(Record::from_json) {
            Some(record) => self.take(record),
            None => return head.kind.is_some_and(|kind| !KINDS.contains(&kind)),
        }
        true
    }

    fn take(&mut self, record: Record) {
        self.step = self.step.max(record.step());
        match record {
            Record::Run(header) | Record::Resume(header) => {
                self.header = Some(*header);
                self.end = None;
            }
            Record::Validation(validation) => {
                let loss = |validation: &Validation| validation.values.get(LOSS).copied().unwrap_or(f64::NAN);
                let is_better = |best: &Validation| loss(&validation) < loss(best) || loss(best).is_nan();
                if self.best.as_ref().is_none_or(is_better) {
                    self.best = Some(validation.clone());
                }
                self.last = Some(validation);
            }
            Record::Final(report) => self.report = Some(*report),
            Record::Plugins(plugins) => {
                let seconds: f64 = plugins.plugins.iter().map(|plugin| plugin.seconds).sum();
                *self.plugin_seconds.get_or_insert(0.0) += seconds;
            }
            Record::End(end) => {
                self.seconds = Some(end.seconds);
                self.end = Some(end);
            }
            Record::Rewind(_) | Record::Warning(_) | Record::Step(_) | Record::Watch(_) => {}
        }
    }

    /// Says whether the run has all its results. Logs of versions that wrote no header have no end either.
    pub fn is_finished(&self) -> bool {
        match &self.end {
            Some(end) => end.state.is_finished(),
            None => self.header.is_none() && self.report.is_some(),
        }
    }

    /// Tokens of a second of training, validations and checkpoints included.
    pub fn tokens_per_second(&self) -> Option<f64> {
        let (tokens, seconds) = (self.tokens?, self.seconds?);
        (seconds > 0.0).then(|| tokens as f64 / seconds)
    }

    /// Returns why the last process failed.
    pub fn failure(&self) -> Option<&str> {
        let end = self.end.as_ref().filter(|end| end.state == EndState::Failed)?;
        Some(end.error.as_deref().unwrap_or("it does not say why"))
    }
}
