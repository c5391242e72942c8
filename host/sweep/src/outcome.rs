//! What happens to the runs of a sweep, and what became of them.

use super::cells::Cell;
use super::halving::Rung;
use super::process::Failure;
use serde::{Serialize, Serializer};
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use trainyard_base::interrupt::Signal;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// A run was started or resumed.
    Started {
        /// Which of all runs it is, from 1.
        number: u64,
        /// How many runs there are.
        of: u64,
        /// The run.
        cell: Cell,
    },
    /// A run has all its results.
    Finished {
        /// The run.
        cell: Cell,
        /// Time of its process.
        seconds: f64,
    },
    /// A run ended by an error. The others are trained nevertheless.
    Broken(Broken),
    /// A signal came, and was passed on.
    Stopping {
        /// Which.
        #[serde(serialize_with = "name")]
        signal: Signal,
        /// Processes that will end.
        running: usize,
    },
    /// A run was saved because of a signal.
    Interrupted {
        /// The run.
        cell: Cell,
    },
    /// All runs of a rung have ended.
    Rung(Rung),
}

/// A run that ended by an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// The run.
    pub cell: Cell,
    /// What went wrong.
    #[serde(flatten)]
    pub failure: Failure,
    /// What its processes printed.
    pub log: PathBuf,
}

/// What became of the runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Outcome {
    /// The folder of the sweep.
    pub folder: PathBuf,
    /// Runs of the sweep, or of the part.
    pub runs: u64,
    /// Runs that have all their results, with those that had them before.
    pub done: u64,
    /// Runs that ended by an error.
    pub broken: Vec<Broken>,
    /// Rungs that are done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rungs: Vec<Rung>,
    /// The signal that asked for the end.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "name_of")]
    pub interrupted: Option<Signal>,
}

impl Outcome {
    /// Exit code of a program that says no more: 130 or 143 after a signal, 1 where a run broke, 0 otherwise.
    pub fn exit_code(&self) -> u8 {
        match self.interrupted {
            Some(signal) => signal.exit_code(),
            None => u8::from(!self.broken.is_empty()),
        }
    }
}

impl Display for Event {
    /// Writes a line, for a rung several.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { number, of, cell } => write!(f, "started   {cell} ({number} of {of})"),
            Self::Finished { cell, seconds } => write!(f, "finished  {cell} in {seconds:.0} s"),
            Self::Broken(broken) => write!(f, "{broken}"),
            Self::Stopping { signal, running: 0 } => write!(f, "{}: no run is started", signal.name()),
            Self::Stopping { signal, running } => {
                write!(f, "{}: passed on to {running} runs, which are saved", signal.name())
            }
            Self::Interrupted { cell } => write!(f, "saved     {cell}"),
            Self::Rung(rung) => write!(f, "{rung}"),
        }
    }
}

impl Display for Cell {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} seed {}", self.variant, self.seed)
    }
}

impl Display for Broken {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { cell, failure: Failure { code, signal, error }, log } = self;
        let how = match (code, signal) {
            (Some(code), _) => format!(" (exit code {code})"),
            (None, Some(signal)) => format!(" (signal {signal})"),
            (None, None) => String::new(),
        };
        write!(f, "broken    {cell}{how}: {error}; see {}", log.display())
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { folder, runs, done, broken, interrupted, .. } = self;
        write!(f, "{done} of {runs} runs are done")?;
        if !broken.is_empty() {
            write!(f, ", {} broke", broken.len())?;
        }
        match interrupted {
            Some(signal) => write!(f, "; interrupted ({}); to resume: the same command", signal.name()),
            None if !broken.is_empty() => write!(f, "; to try again: the same command"),
            None => write!(f, ", in {}", folder.display()),
        }
    }
}

fn name<S: Serializer>(signal: &Signal, serializer: S) -> Result<S::Ok, S::Error> {
    signal.name().serialize(serializer)
}

fn name_of<S: Serializer>(signal: &Option<Signal>, serializer: S) -> Result<S::Ok, S::Error> {
    signal.map(Signal::name).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_objects() {
        let cell = Cell { variant: "loss=a".into(), seed: 1, sets: vec!["a=1".into()], folder: "runs/ab".into() };
        let cell_json = json!({ "variant": "loss=a", "seed": 1, "sets": ["a=1"], "folder": "runs/ab" });
        let failure = Failure { code: None, signal: Some(9), error: "killed by signal 9".into() };
        let broken = Broken { cell, failure, log: "runs/ab.log".into() };
        assert_eq!(
            serde_json::to_value(Event::Broken(broken.clone())).unwrap(),
            json!({ "event": "broken", "cell": cell_json, "signal": 9, "error": "killed by signal 9", "log": "runs/ab.log" })
        );
        let stopping = Event::Stopping { signal: Signal::Terminate, running: 2 };
        let expected = json!({ "event": "stopping", "signal": "SIGTERM", "running": 2 });
        assert_eq!(serde_json::to_value(stopping).unwrap(), expected);
        let outcome =
            Outcome { runs: 2, broken: vec![broken], interrupted: Some(Signal::Interrupt), ..Outcome::default() };
        assert_eq!(serde_json::to_value(&outcome).unwrap()["interrupted"], "SIGINT");
        assert_eq!(
            (outcome.to_string().as_str(), outcome.exit_code()),
            ("0 of 2 runs are done, 1 broke; interrupted (SIGINT); to resume: the same command", 130)
        );
    }
}
