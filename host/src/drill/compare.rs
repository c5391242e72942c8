//! The parts of a run that must be the same in every run of the same config.

use super::scratch::Place;
use crate::{Error, Result};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Keys of the log that are times.
const TIMES: [&str; 5] = ["tokens_per_second", "data_wait_ms", "seconds", "share_of_peak", "ended"];

/// Records that are about a process and not about the run: who began it where, what its plugins did.
const OF_PROCESSES: [&str; 3] = ["run", "resume", "plugins"];

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
        if path.is_symlink() {
            let target = fs::read_link(&path).map_err(|error| Error::io(&path, "read", &error))?;
            files.insert(below(run, &path), target.into_os_string().into_encoded_bytes());
        } else if path.is_dir() {
            read_folder(run, &path, files)?;
        } else {
            files.insert(below(run, &path), read(&path)?);
        }
    }
    Ok(())
}

/// Returns the path of a file below the run's folder.
fn below(run: &Path, path: &Path) -> String {
    path.strip_prefix(run).unwrap_or(path).display().to_string()
}

/// Returns the log's records without times, and without those about processes.
fn without_times(log: &str) -> String {
    let mut lines = String::new();
    for line in log.lines() {
        match serde_json::from_str::<Value>(line) {
            Ok(Value::Object(mut record)) if !is_of_process(&record) => {
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

/// Says whether a record is about a process. An end that is none of the run's is: it was interrupted, or it failed.
fn is_of_process(record: &Map<String, Value>) -> bool {
    let text = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or_default();
    let is_end_of_run = ["done", "stopped_early"].contains(&text("state"));
    OF_PROCESSES.contains(&text("kind")) || text("kind") == "end" && !is_end_of_run
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_processes_say_of_themselves_is_not_compared() {
        let whole = r#"{"kind":"run","step":0,"started":"a","host":"x"}
{"kind":"step","step":1,"loss":2.5,"seconds":1.5,"tokens_per_second":3.0,"data_wait_ms":0.1}
{"kind":"step","step":2,"loss":2.25,"seconds":3.5,"tokens_per_second":3.5,"data_wait_ms":0.2}
{"kind":"plugins","step":2,"plugins":[1]}
{"kind":"end","step":2,"state":"done","seconds":3.5,"ended":"b"}
"#;
        let resumed = r#"{"kind":"run","step":0,"started":"c","host":"y"}
{"kind":"step","step":1,"loss":2.5,"seconds":1.25,"tokens_per_second":4.0,"data_wait_ms":0.3}
{"kind":"end","step":1,"state":"interrupted","seconds":1.25,"ended":"d","signal":"SIGINT"}
{"kind":"resume","step":1,"started":"e","host":"z"}
{"kind":"step","step":2,"loss":2.25,"seconds":3.0,"tokens_per_second":4.5,"data_wait_ms":0.4}
{"kind":"plugins","step":2,"plugins":[2]}
{"kind":"end","step":2,"state":"done","seconds":3.0,"ended":"f"}
"#;
        assert_eq!(without_times(whole), without_times(resumed));
        let expected = "{\"kind\":\"step\",\"loss\":2.5,\"step\":1}\n{\"kind\":\"step\",\"loss\":2.25,\"step\":2}\n\
                        {\"kind\":\"end\",\"state\":\"done\",\"step\":2}\n";
        assert_eq!(without_times(whole), expected);
        for (from, to) in [("2.25", "2.26"), ("\"done\"", "\"stopped_early\""), ("\"step\":2", "\"step\":3")] {
            assert_ne!(without_times(whole), without_times(&resumed.replace(from, to)), "{from}");
        }
    }
}
