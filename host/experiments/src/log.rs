//! What `metrics.jsonl` says of a run, read line by line.

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use trainyard_base::{Error, Result};
use trainyard_report::{End, EndState, Final, Header, Record, Validation};

pub use trainyard_report::LOSS;

/// Bytes that are read at a time.
const BUFFER: usize = 1 << 18;

/// The beginning of the line of a step, as this version writes it.
const STEP: &[u8] = br#"{"kind":"step","#;

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

/// The lines of a log. One that does not exist has none, and a last line without an end was cut short and is ignored.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    reader: Option<BufReader<File>>,
    line: Vec<u8>,
    number: usize,
}

impl Lines {
    /// Opens a log.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let reader = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            opened => {
                let file = opened.map_err(|error| Error::io(path, "read", &error))?;
                Some(BufReader::with_capacity(BUFFER, file))
            }
        };
        Ok(Self { path: path.to_owned(), reader, line: Vec::new(), number: 0 })
    }

    /// Returns the next line, without its end, and its number from 1; none after the last.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(&mut self) -> Result<Option<(usize, &[u8])>> {
        let Some(reader) = &mut self.reader else { return Ok(None) };
        self.line.clear();
        reader.read_until(b'\n', &mut self.line).map_err(|error| Error::io(&self.path, "read", &error))?;
        if self.line.pop() != Some(b'\n') {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some((self.number, &self.line)))
    }
}

/// Returns the record of a line; none where it is damaged, or of a kind that this version does not know.
pub fn record(line: &[u8]) -> Option<Record> {
    // nearly all lines, without a tree of values in between
    if line.starts_with(STEP) {
        return serde_json::from_slice(line).ok().map(Record::Step);
    }
    Record::from_json(serde_json::from_slice(line).ok()?)
}

/// Says whether this version knows a kind of records.
pub fn is_known(kind: &str) -> bool {
    KINDS.contains(&kind)
}

impl Log {
    /// Reads a log. One that does not exist is empty; a last line without an end was cut short and is ignored.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let mut log = Self::default();
        let mut lines = Lines::open(path)?;
        while let Some((number, line)) = lines.read()? {
            if !log.take_line(line) {
                log.take_broken(number);
            }
        }
        Ok(log)
    }

    /// Counts a line that is no record.
    pub fn take_broken(&mut self, number: usize) {
        self.n_broken += 1;
        self.first_broken.get_or_insert(number);
    }

    /// Takes a line; returns whether it is a record, of whatever kind.
    fn take_line(&mut self, line: &[u8]) -> bool {
        let Ok(head) = serde_json::from_slice::<Line<'_>>(line) else { return false };
        if head.is_step() {
            self.take_step(head.step, head.seconds, head.tokens);
            return true;
        }
        match record(line) {
            Some(record) => self.take(record),
            None => return head.kind.is_some_and(|kind| !is_known(kind)),
        }
        true
    }

    /// Takes what a step says of the run, with the seconds and tokens up to it.
    pub fn take_step(&mut self, step: u64, seconds: Option<f64>, tokens: Option<u64>) {
        self.step = step;
        self.seconds = seconds.or(self.seconds);
        self.tokens = tokens.or(self.tokens);
    }

    /// Takes a record that is no step.
    pub fn take(&mut self, record: Record) {
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
            Record::Update(_)
            | Record::Rewind(_)
            | Record::Warning(_)
            | Record::Step(_)
            | Record::Watch(_)
            | Record::Sample(_) => {}
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
