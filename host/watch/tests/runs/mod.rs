//! Runs that the tests write, by the types of the record.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use trainyard_report::{Header, Record, Step, Validation, host_name};

pub fn header(step: u64, steps: u64) -> Record {
    let header = Header { step, steps, host: host_name(), tokens_per_step: 512, ..Header::default() };
    Record::Run(Box::new(header))
}

pub fn step(step: u64, loss: f64) -> Record {
    let (seconds, tokens) = (Some(step as f64), Some(step * 512));
    Record::Step(Step { step, loss, lr: 1e-3, seconds, tokens, tokens_per_second: 512.0, ..Step::default() })
}

pub fn validation(step: u64, loss: f64) -> Record {
    Record::Validation(Validation { step, values: [("loss".to_owned(), loss)].into(), ..Validation::default() })
}

pub fn lines(records: &[Record]) -> String {
    records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect()
}

/// Writes the folder of a run.
pub fn write(folder: &Path, records: &[Record]) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("metrics.jsonl"), lines(records)).unwrap();
    fs::write(folder.join(".trainyard-run.json"), "{\"format\":1}\n").unwrap();
}

/// Adds records to a run's log.
pub fn append(folder: &Path, records: &[Record]) {
    let mut log = OpenOptions::new().append(true).open(folder.join("metrics.jsonl")).unwrap();
    log.write_all(lines(records).as_bytes()).unwrap();
}
