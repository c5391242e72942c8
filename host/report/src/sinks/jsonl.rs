//! `metrics.jsonl`: the canonical record of a run, one JSON object per line, each with its `kind` and the `step` that
//! it belongs to.

use super::Sink;
use crate::Record;
use crate::{Error, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::mem::discriminant;
use std::path::{Path, PathBuf};

/// An open `metrics.jsonl`.
#[derive(Debug)]
pub struct MetricsLog {
    path: PathBuf,
    file: File,
    /// Says that a write failed, so that the last line may be torn: nothing may follow it.
    is_torn: bool,
    gap: Option<String>,
    /// Seconds of training up to the step that it was opened at.
    seconds: f64,
    /// What a finished run's log already says of its end: lines, because numbers that are read may differ in a bit.
    end: Vec<(Record, String)>,
    is_complete: bool,
}

impl MetricsLog {
    /// An empty log; what was there is lost.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        replace(path, b"")?;
        Self::append(path)
    }

    /// Continues a log after step `step`: what was recorded of later steps will be computed and recorded again, and
    /// a last line that a crash cut short is dropped. The file is replaced as a whole or not at all. What a run that
    /// `is_finished` says of its end stays.
    ///
    /// # Errors
    /// A line other than the last that is not a record: the log is not ours to fix.
    pub fn resume(path: &Path, step: u64, is_finished: bool) -> Result<Self> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(|error| Error::io(path, "read", &error))?,
        };
        let kept = records_until(&text, step, is_finished).map_err(|error| error.context(path.display()))?;
        if kept.text.len() < text.len() || text.is_empty() {
            replace(path, &kept.text)?;
        }
        let gap = gap(&kept.steps, step).map(|gap| format!("{}: {gap}", path.display()));
        // versions that wrote no headers wrote no ends
        let is_earlier = !kept.has_header && !kept.steps.is_empty();
        let is_last = |record: &Record| is_finish(record) || is_earlier && matches!(record, Record::Final(_));
        let is_complete = kept.end.iter().any(|(record, _)| is_last(record));
        Ok(Self { gap, seconds: kept.seconds, end: kept.end, is_complete, ..Self::append(path)? })
    }

    /// Opened for appending: whatever else may write to it, no record is written over.
    fn append(path: &Path) -> Result<Self> {
        let file = File::options().append(true).open(path).map_err(|error| Error::io(path, "open", &error))?;
        let path = path.to_owned();
        Ok(Self { path, file, is_torn: false, gap: None, seconds: 0.0, end: Vec::new(), is_complete: false })
    }

    /// Says which steps have no record although they are done, such as after a loss of power.
    pub fn gap(&self) -> Option<&str> {
        self.gap.as_deref()
    }

    /// Seconds of training that the log knew of when it was opened.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Says whether the log had all of a finished run when it was opened.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Adds a record that a run has once, at its end: not if the run was finished before, unless it says something else
    /// now, which takes the place of what it said.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_once(&mut self, record: &Record) -> Result<()> {
        let is_of_kind = |(old, _): &(Record, String)| discriminant(old) == discriminant(record);
        let Some(old) = self.end.iter().position(is_of_kind) else { return self.write(record) };
        let (told, old) = self.end.swap_remove(old);
        let new = line(record)?;
        // read back as the old one was, since a number that is read may differ in a bit
        let is_same =
            new.trim_end() == old || serde_json::from_str(&new).ok().and_then(Record::from_json) == Some(told);
        // what the plugins did, and when, is told by the process that did it
        if is_same || matches!(record, Record::Plugins(_) | Record::End(_)) {
            return Ok(());
        }
        let text = fs::read_to_string(&self.path).map_err(|error| Error::io(&self.path, "read", &error))?;
        let replaced = |line: &str| if line.trim_end() == old { new.clone() } else { line.to_owned() };
        let text: String = text.split_inclusive('\n').map(replaced).collect();
        replace(&self.path, text.as_bytes())?;
        self.file = Self::append(&self.path)?.file;
        Ok(())
    }

    /// Makes all records durable.
    ///
    /// # Errors
    /// A disk that fails.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|error| Error::io(&self.path, "sync", &error))
    }
}

impl Sink for MetricsLog {
    /// Adds a line, in one write: no buffer holds it back when the process is killed. After a failure nothing more is
    /// added.
    fn write(&mut self, record: &Record) -> Result<()> {
        let line = line(record)?;
        if self.is_torn {
            return Ok(());
        }
        self.file.write_all(line.as_bytes()).map_err(|error| {
            self.is_torn = true;
            Error::io(&self.path, "write", &error)
        })
    }
}

/// The record as a line.
fn line(record: &Record) -> Result<String> {
    let json = serde_json::to_string(record).map_err(|error| Error::run(format!("a record as JSON: {error}")))?;
    Ok(json + "\n")
}

/// Says whether this is the end of a run that came to its end.
fn is_finish(record: &Record) -> bool {
    matches!(record, Record::End(end) if end.state.is_finished())
}

/// What of a log stays.
#[derive(Default)]
struct Kept {
    text: Vec<u8>,
    /// The steps that were recorded, in the order of the records.
    steps: Vec<u64>,
    /// Seconds of training up to the last of them.
    seconds: f64,
    /// The lines of a finished run's end.
    end: Vec<(Record, String)>,
    has_header: bool,
}

/// The lines of `text` whose step is at most `step`.
fn records_until(text: &[u8], step: u64, is_finished: bool) -> Result<Kept> {
    let mut kept = Kept::default();
    let mut previous = 0;
    for (index, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let Some(complete) = line.strip_suffix(b"\n") else { break };
        let read = serde_json::from_slice(complete).ok().and_then(|object| read(object, previous));
        let (recorded, record) = read.ok_or_else(|| {
            Error::run(format!("line {}: expected a JSON object with a step, fix or delete the line", index + 1))
        })?;
        previous = recorded;
        let ends_here = is_finished && recorded == step;
        // The final report is written again by the run that resumes, and so is the end that it comes to.
        let is_again = record.as_ref().is_some_and(|record| matches!(record, Record::Final(_)) || is_finish(record));
        if recorded > step || is_again && !ends_here {
            continue;
        }
        kept.text.extend_from_slice(line);
        kept.has_header |= matches!(record, Some(Record::Run(_) | Record::Resume(_)));
        if let Some(Record::Step(step)) = &record {
            kept.steps.push(recorded);
            kept.seconds = step.seconds.unwrap_or(kept.seconds);
        }
        let is_end = |record: &Record| matches!(record, Record::Final(_) | Record::Plugins(_)) || is_finish(record);
        if let Some(record) = record.filter(|record| ends_here && is_end(record)) {
            kept.end.push((record, String::from_utf8_lossy(complete).into_owned()));
        }
    }
    Ok(kept)
}

/// The step of a line, and its record where this version knows its kind. Before outputs had an object of their own, a
/// loss's output named `step` took the place of the number: such a record is that of the step after `previous`.
fn read(mut object: Value, previous: u64) -> Option<(u64, Option<Record>)> {
    if object["step"].is_number() && object["step"].as_u64().is_none() && !object["lr"].is_null() {
        object["step"] = (previous + 1).into();
    }
    Some((object["step"].as_u64()?, Record::from_json(object)))
}

/// Says which of the steps 1 to `step` are not among `recorded`.
fn gap(recorded: &[u64], step: u64) -> Option<String> {
    let recorded: BTreeSet<_> = recorded.iter().filter(|&&recorded| (1..=step).contains(&recorded)).collect();
    let is_missing = |step: &u64| !recorded.contains(step);
    let (first, last) = ((1..=step).find(is_missing)?, (1..=step).rev().find(is_missing)?);
    let what = match step - recorded.len() as u64 {
        1 => format!("step {first} has no record"),
        n => format!("{n} steps have no record, from {first} to {last}"),
    };
    Some(format!("{what}; the model has them, the log continues without them"))
}

/// Puts a whole file in the place of `path`, durable before it has the name.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        if let Ok(metadata) = fs::metadata(path) {
            file.set_permissions(metadata.permissions())?;
        }
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error| {
        // nothing half-written stays on a disk that may be full
        drop(fs::remove_file(&temporary));
        Error::io(path, "replace", &error)
    })
}

#[cfg(test)]
mod tests;
