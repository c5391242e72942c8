//! The parts of a run that must be the same in every run of the same config.

use super::scratch::Place;
use crate::{Error, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Keys of the log that are times.
const TIMES: [&str; 4] = ["tokens_per_second", "data_wait_ms", "seconds", "share_of_peak"];

/// Files of a run, by their path below its folder.
pub struct Artefacts(BTreeMap<String, Vec<u8>>);

/// The log's name among them.
const LOG: &str = "metrics.jsonl";

impl Artefacts {
    /// Reads the files of the run in `place`: the log without times, the others as they are.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(place: &Place) -> Result<Self> {
        let run = place.run();
        let mut files = BTreeMap::new();
        for folder in ["checkpoints", "data"] {
            read_folder(&run, &run.join(folder), &mut files)?;
        }
        for name in ["config.toml", "plugins.lock"] {
            files.insert(name.to_owned(), read(&run.join(name))?);
        }
        let log = read(&run.join(LOG))?;
        files.insert(LOG.to_owned(), without_times(&String::from_utf8_lossy(&log)).into_bytes());
        Ok(Self(files))
    }

    /// Returns the first file that differs.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let names = self.0.keys().chain(other.0.keys());
        names.clone().find(|name| self.0.get(*name) != other.0.get(*name)).cloned()
    }

    /// Returns the first file that differs of the checkpoint after `step`. Damaged files that are not read again, such
    /// as an older checkpoint or the log, stay damaged.
    pub fn difference_after(&self, step: u64, other: &Self) -> Option<String> {
        let folder = format!("checkpoints/step-{step}/");
        let names = self.0.keys().chain(other.0.keys()).filter(|name| name.starts_with(&folder));
        names.clone().find(|name| self.0.get(*name) != other.0.get(*name)).cloned()
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Error::io(path, "read", &error))
}

fn read_folder(run: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(|error| Error::io(folder, "read", &error))? {
        let path = entry.map_err(|error| Error::io(folder, "read", &error))?.path();
        if path.is_dir() {
            read_folder(run, &path, files)?;
        } else {
            let name = path.strip_prefix(run).unwrap_or(&path).display().to_string();
            files.insert(name, read(&path)?);
        }
    }
    Ok(())
}

/// Returns the log's records without times, and without what plugins did in the process that ended the run.
fn without_times(log: &str) -> String {
    let mut lines = String::new();
    for line in log.lines() {
        match serde_json::from_str::<Value>(line) {
            Ok(Value::Object(mut record)) if !record.contains_key("plugins") => {
                TIMES.iter().for_each(|time| drop(record.remove(*time)));
                lines += &Value::Object(record).to_string();
                lines.push('\n');
            }
            Ok(Value::Object(_)) => {}
            _ => lines += line,
        }
    }
    lines
}
