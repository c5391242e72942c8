//! `metrics.jsonl`: the canonical record of a run, one JSON object per line, each with the `step` that it is of.

use crate::{Error, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// An open `metrics.jsonl`.
#[derive(Debug)]
pub struct MetricsLog {
    path: PathBuf,
    file: File,
    gap: Option<String>,
    /// What a finished run's log already says of its end: lines, because numbers that are read may differ in a bit.
    end: Vec<String>,
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
    /// A line other than the last that is not a record: the log is not ours to mend.
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
        Ok(Self { gap, end: kept.end, ..Self::append(path)? })
    }

    /// Opened for appending: whatever else may write to it, no record is written over.
    fn append(path: &Path) -> Result<Self> {
        let file = File::options().append(true).open(path).map_err(|error| Error::io(path, "open", &error))?;
        Ok(Self { path: path.to_owned(), file, gap: None, end: Vec::new() })
    }

    /// Says which steps have no record although they are done, such as after a loss of power.
    pub fn gap(&self) -> Option<&str> {
        self.gap.as_deref()
    }

    /// Adds a record, an object with a `step`, in one write: no buffer holds it back when the process is killed.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&mut self, record: &Value) -> Result<()> {
        self.file.write_all(format!("{record}\n").as_bytes()).map_err(|error| Error::io(&self.path, "write", &error))
    }

    /// Adds a record with the key `kind` that a run has once, at its end: not if the run was finished before, unless it
    /// says something else now.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write_once(&mut self, kind: &str, record: &Value) -> Result<()> {
        let is_of_kind = |line: &String| serde_json::from_str(line).is_ok_and(|old| is_set(&old, kind));
        let Some(old) = self.end.iter().position(is_of_kind) else { return self.write(record) };
        let (old, new) = (self.end.swap_remove(old), record.to_string());
        // what the plugins did is told by the process that did it
        if old == new || kind == "plugins" {
            return Ok(());
        }
        let text = fs::read_to_string(&self.path).map_err(|error| Error::io(&self.path, "read", &error))?;
        let kept: String = text.split_inclusive('\n').filter(|line| line.trim_end() != old).collect();
        replace(&self.path, format!("{kept}{new}\n").as_bytes())?;
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

/// What of a log stays.
#[derive(Default)]
struct Kept {
    text: Vec<u8>,
    /// The steps that were recorded, in the order of the records.
    steps: Vec<u64>,
    /// The lines of a finished run's end.
    end: Vec<String>,
}

/// The lines of `text` whose step is at most `step`.
fn records_until(text: &[u8], step: u64, is_finished: bool) -> Result<Kept> {
    let mut kept = Kept::default();
    let mut previous = 0;
    for (index, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let Some(complete) = line.strip_suffix(b"\n") else { break };
        let record: Option<Value> = serde_json::from_slice(complete).ok();
        let stepped = record.and_then(|record| Some((step_of(&record, previous)?, record)));
        let (recorded, record) = stepped.ok_or_else(|| {
            Error::run(format!("line {}: expected a JSON object with a step, fix or delete the line", index + 1))
        })?;
        previous = recorded;
        let is_end = is_set(&record, "final") || is_set(&record, "plugins");
        let ends_here = is_finished && recorded == step;
        // The final report is written again by the run that goes on.
        if recorded > step || is_set(&record, "final") && !ends_here {
            continue;
        }
        kept.text.extend_from_slice(line);
        if is_set(&record, "lr") {
            kept.steps.push(recorded);
        }
        if is_end && ends_here {
            kept.end.push(String::from_utf8_lossy(complete).into_owned());
        }
    }
    Ok(kept)
}

/// The step of a record that follows one of step `previous`. Before outputs had an object of their own, a loss's output
/// named `step` took the place of the number: such a record is the next step's.
fn step_of(record: &Value, previous: u64) -> Option<u64> {
    let is_overwritten = record["step"].is_number() && !record["lr"].is_null();
    record["step"].as_u64().or_else(|| is_overwritten.then_some(previous + 1))
}

fn is_set(record: &Value, key: &str) -> bool {
    !record[key].is_null()
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
mod tests {
    use super::*;
    use serde_json::json;

    fn resumed(text: &str, step: u64) -> Result<String> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("metrics.jsonl");
        fs::write(&path, text).expect("writable");
        MetricsLog::resume(&path, step, false)?.write(&json!({ "step": 99 }))?;
        Ok(fs::read_to_string(&path).expect("readable"))
    }

    #[test]
    fn resuming_cuts_what_comes_after_the_step() {
        let text = "{\"step\":1}\n{\"step\":2}\n{\"step\":2,\"validation\":{}}\n{\"step\":3}\n";
        let expected = "{\"step\":1}\n{\"step\":2}\n{\"step\":2,\"validation\":{}}\n{\"step\":99}\n";
        assert_eq!(resumed(text, 2).expect("a good log"), expected);
        assert_eq!(resumed(text, 0).expect("a good log"), "{\"step\":99}\n");
        assert_eq!(resumed(text, 50).expect("a good log"), format!("{text}{{\"step\":99}}\n"));
    }

    #[test]
    fn resuming_drops_a_torn_last_line() {
        for torn in ["{\"st", "{\"step\":2}", "\0\0"] {
            assert_eq!(
                resumed(&format!("{{\"step\":1}}\n{torn}"), 9).expect("a good log"),
                "{\"step\":1}\n{\"step\":99}\n"
            );
        }
    }

    #[test]
    fn resuming_refuses_what_is_no_log() {
        let error = resumed("{\"step\":1}\nloss 3.0\n{\"step\":2}\n", 9).expect_err("no record").to_string();
        let expected = "metrics.jsonl: line 2: expected a JSON object with a step, fix or delete the line";
        assert!(error.ends_with(expected), "{error}");
    }

    #[test]
    fn a_missing_log_begins_empty() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("metrics.jsonl");
        MetricsLog::resume(&path, 7, false).and_then(|mut log| log.write(&json!({ "step": 8 }))).expect("writable");
        assert_eq!(fs::read_to_string(&path).expect("readable"), "{\"step\":8}\n");
    }

    #[test]
    fn a_finished_log_says_its_end_once() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("metrics.jsonl");
        let text = "{\"lr\":1,\"step\":1}\n{\"final\":{\"a\":1},\"step\":1}\n{\"plugins\":[1],\"step\":1}\n";
        fs::write(&path, text).expect("writable");
        let end = |is_finished, value: u64, used: u64| {
            let mut log = MetricsLog::resume(&path, 1, is_finished)?;
            log.write_once("final", &json!({ "step": 1, "final": { "a": value } }))?;
            log.write_once("plugins", &json!({ "step": 1, "plugins": [used] }))?;
            Ok::<_, Error>(fs::read_to_string(&path).expect("readable"))
        };
        assert_eq!(end(true, 1, 0).expect("a good log"), text);
        let other = "{\"lr\":1,\"step\":1}\n{\"plugins\":[1],\"step\":1}\n{\"final\":{\"a\":2},\"step\":1}\n";
        assert_eq!(end(true, 2, 0).expect("a good log"), other);
    }

    #[test]
    fn steps_without_a_record_are_counted() {
        assert_eq!(gap(&[1, 2, 3], 3), None);
        assert_eq!(gap(&[], 0), None);
        let said = |recorded: &[u64], step| gap(recorded, step).unwrap_or_default();
        assert!(said(&[1, 3], 3).starts_with("step 2 has no record;"), "{}", said(&[1, 3], 3));
        assert!(said(&[1, 4], 6).starts_with("4 steps have no record, from 2 to 6;"), "{}", said(&[1, 4], 6));
    }

    /// As trainyard 0.1 wrote it for a loss with an output named `step`.
    #[test]
    fn a_step_that_an_output_overwrote_is_counted() {
        let text = "{\"lr\":0.1,\"step\":0.004}\n{\"lr\":0.1,\"step\":0.003}\n{\"lr\":0.1,\"step\":0.0}\n";
        let expected = "{\"lr\":0.1,\"step\":0.004}\n{\"lr\":0.1,\"step\":0.003}\n{\"step\":99}\n";
        assert_eq!(resumed(text, 2).expect("a log of the older form"), expected);
    }
}
