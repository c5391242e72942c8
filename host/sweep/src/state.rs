//! How far a run is, by its record alone.

use super::cells::Cell;
use serde::Serialize;
use serde_json::Value;
use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;
use trainyard_base::{Error, Result};
use trainyard_report::{End, EndState, Header, Record, Validation};

/// The record of a run.
const RECORD: &str = "metrics.jsonl";

/// How the line of a step begins, of which only the last matters here.
const STEP: &[u8] = b"{\"kind\":\"step\",";

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    /// It has no record yet.
    New,
    /// It has begun, and can be resumed.
    Partial {
        /// Steps done.
        step: u64,
        /// Steps of the whole run.
        of: u64,
    },
    /// It has all its results.
    Done,
    /// It ended by an error. It is tried again.
    Failed {
        /// What it said.
        error: String,
    },
    /// A finished run of other settings is in its folder, which `trainyard train` refuses.
    Other,
}

/// What the record of a run says of its last process.
#[derive(Debug, Clone, Default)]
pub struct RunRecord {
    /// What the process trains.
    pub header: Option<Header>,
    /// Steps done.
    pub step: u64,
    /// The last validation.
    pub validation: Option<Validation>,
    /// How the process ended.
    pub end: Option<End>,
}

impl RunRecord {
    /// Reads the record of the run in `folder`; an empty one where there is none. Lines that are no records, such as
    /// half a line at the end, are left out.
    ///
    /// # Errors
    /// A record that is there and cannot be read.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(RECORD);
        let failed = |error: std::io::Error| Error::io(&path, "read", &error);
        let file = match File::open(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Self::default());
            }
            file => file.map_err(failed)?,
        };
        let (mut reader, mut record) = (BufReader::with_capacity(1 << 16, file), Self::default());
        let (mut line, mut step) = (Vec::new(), Vec::new());
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line).map_err(failed)? == 0 {
                break;
            }
            match line.starts_with(STEP) && line.ends_with(b"\n") {
                true => step.clone_from(&line),
                false => record.take(&line),
            }
        }
        record.take(&step);
        Ok(record)
    }

    fn take(&mut self, line: &[u8]) {
        let Some(record) = serde_json::from_slice::<Value>(line).ok().and_then(Record::from_json) else { return };
        match &record {
            Record::Rewind(_) => self.step = record.step(),
            _ => self.step = self.step.max(record.step()),
        }
        match record {
            Record::Run(header) | Record::Resume(header) => (self.header, self.end) = (Some(*header), None),
            Record::Validation(validation) => self.validation = Some(validation),
            Record::End(end) => self.end = Some(end),
            _ => {}
        }
    }
}

impl State {
    /// How far the run of a cell is.
    ///
    /// # Errors
    /// As [`RunRecord::read`].
    pub fn read(cell: &Cell) -> Result<Self> {
        Ok(Self::of(cell, &RunRecord::read(&cell.folder)?))
    }

    /// How far the run of a cell is, by its record.
    pub fn of(cell: &Cell, record: &RunRecord) -> Self {
        let Some(header) = &record.header else { return Self::New };
        match &record.end {
            Some(end) if end.state.is_finished() => match cell.is_same(&header.set) {
                true => Self::Done,
                false => Self::Other,
            },
            Some(End { state: EndState::Failed, error, .. }) => {
                Self::Failed { error: error.clone().unwrap_or_default() }
            }
            _ => Self::Partial { step: record.step, of: header.steps },
        }
    }
}

impl Display for State {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.pad("new"),
            Self::Partial { step, .. } => f.pad(&format!("step {step}")),
            Self::Done => f.pad("done"),
            Self::Failed { .. } => f.pad("failed"),
            Self::Other => f.pad("other"),
        }
    }
}
