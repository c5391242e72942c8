//! `metrics.jsonl`: the canonical record of a run, one JSON object per line, each with the `step` that it is of.

use crate::{Error, Result};
use serde_json::Value;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// An open `metrics.jsonl`.
#[derive(Debug)]
pub struct MetricsLog {
    path: PathBuf,
    file: File,
}

impl MetricsLog {
    /// An empty log; what was there is lost.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|error| Error::io(path, "create", &error))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Goes on with a log after step `step`: what was recorded of later steps will be computed and recorded again, and
    /// a last line that a crash cut short is dropped. The file is replaced as a whole or not at all.
    ///
    /// # Errors
    /// A line other than the last that is not a record: the log is not ours to mend.
    pub fn resume(path: &Path, step: u64) -> Result<Self> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Self::create(path),
            read => read.map_err(|error| Error::io(path, "read", &error))?,
        };
        let kept = records_until(&text, step).map_err(|error| error.context(path.display()))?;
        if kept.len() < text.len() {
            replace(path, &kept)?;
        }
        let file = File::options().append(true).open(path).map_err(|error| Error::io(path, "open", &error))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Adds a record, an object with a `step`, in one write: no buffer holds it back when the process is killed.
    pub fn write(&mut self, record: &Value) -> Result<()> {
        self.file.write_all(format!("{record}\n").as_bytes()).map_err(|error| Error::io(&self.path, "write", &error))
    }
}

/// The lines of `text` whose step is at most `step`.
fn records_until(text: &[u8], step: u64) -> Result<Vec<u8>> {
    let mut kept = Vec::with_capacity(text.len());
    let mut previous = 0;
    for (index, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let Some(complete) = line.strip_suffix(b"\n") else { break };
        let record: Option<Value> = serde_json::from_slice(complete).ok();
        let recorded = record.as_ref().and_then(|record| step_of(record, previous)).ok_or_else(|| {
            let cure = "mend or delete the line";
            Error::run(format!("line {}: expected a JSON object with a step, {cure}", index + 1))
        })?;
        previous = recorded;
        // The final report is written again by the run that goes on.
        let is_final = record.is_some_and(|record| !record["final"].is_null());
        if recorded <= step && !is_final {
            kept.extend_from_slice(line);
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

fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
        file.write_all(bytes)?;
        file.as_file().set_permissions(fs::metadata(path)?.permissions())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)
    });
    written.map(drop).map_err(|error| Error::io(path, "replace", &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resumed(text: &str, step: u64) -> Result<String> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("metrics.jsonl");
        fs::write(&path, text).expect("writable");
        MetricsLog::resume(&path, step)?.write(&json!({ "step": 99 }))?;
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

    /// As trainyard 0.1 wrote it for a loss with an output named `step`.
    #[test]
    fn a_step_that_an_output_overwrote_is_counted() {
        let text = "{\"lr\":0.1,\"step\":0.004}\n{\"lr\":0.1,\"step\":0.003}\n{\"lr\":0.1,\"step\":0.0}\n";
        let expected = "{\"lr\":0.1,\"step\":0.004}\n{\"lr\":0.1,\"step\":0.003}\n{\"step\":99}\n";
        assert_eq!(resumed(text, 2).expect("a log of the older form"), expected);
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
        let expected = "metrics.jsonl: line 2: expected a JSON object with a step, mend or delete the line";
        assert!(error.ends_with(expected), "{error}");
    }

    #[test]
    fn a_missing_log_begins_empty() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("metrics.jsonl");
        MetricsLog::resume(&path, 7).and_then(|mut log| log.write(&json!({ "step": 8 }))).expect("writable");
        assert_eq!(fs::read_to_string(&path).expect("readable"), "{\"step\":8}\n");
    }
}
