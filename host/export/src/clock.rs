//! The time of day of records, which have only seconds of training.

use chrono::DateTime;
use trainyard_report::{Header, Record};

/// A run's clock: the start of its process, and the seconds that it has trained since.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    /// Seconds since 1970 when the process began; 0 where it did not say.
    started: f64,
    /// The training clock at that time.
    first: f64,
    /// The training clock now.
    seconds: f64,
}

impl Clock {
    /// The clock of a process that begins when the training clock is at `seconds`.
    pub fn new(header: &Header, seconds: f64) -> Self {
        Self { started: time(&header.started).unwrap_or_default(), first: seconds, seconds }
    }

    /// Reads the time of a record. Some records have none, and no step of earlier versions has.
    pub fn advance(&mut self, record: &Record) {
        let seconds = match record {
            Record::Run(header) => return *self = Self::new(header, 0.0),
            Record::Resume(header) => return *self = Self::new(header, self.seconds),
            Record::Step(step) => step.seconds,
            Record::Validation(validation) => validation.seconds,
            Record::Watch(watch) => watch.measured.seconds,
            Record::Sample(sample) => sample.seconds,
            Record::End(end) => Some(end.seconds),
            Record::Rewind(_) | Record::Warning(_) | Record::Update(_) => None,
            Record::Final(_) | Record::Plugins(_) => None,
        };
        self.seconds = seconds.unwrap_or(self.seconds);
    }

    /// Seconds of training.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Seconds since 1970.
    pub fn wall_time(&self) -> f64 {
        self.started + (self.seconds - self.first)
    }
}

/// Seconds since 1970 of a time as RFC 3339.
pub fn time(text: &str) -> Option<f64> {
    Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp() as f64)
}
