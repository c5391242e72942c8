//! What a log says of a run, as the page has it.

use crate::series::{Kind, Seen, Series, number};
use serde_json::{Value, json};
use trainyard_experiments::{Log, State};
use trainyard_report::{Metric, Record, Step, Validation};

/// The metric that training minimises, by its name in validations.
const LOSS: &str = "loss";

/// The number that is comparable between runs.
const BITS_PER_BYTE: &str = "bits-per-byte";

/// The names of the series, in their order in [`Run`].
pub const NAMES: [&str; 4] = ["loss", "validation", "rate", "speed"];

/// How much of each series a page has.
pub type AllSeen = [Seen; NAMES.len()];

/// A run.
#[derive(Debug, Clone)]
pub struct Run {
    log: Log,
    series: [Series; NAMES.len()],
    /// Tokens per second of the last step.
    speed: Option<f64>,
    /// Whether a process trains.
    pub is_running: bool,
    /// When the log last changed, in seconds since 1970.
    pub changed: Option<f64>,
    /// Why the log cannot be read.
    pub reason: Option<String>,
}

impl Default for Run {
    fn default() -> Self {
        let series = [Kind::Mean, Kind::Last, Kind::Last, Kind::Mean].map(Series::new);
        Self { log: Log::default(), series, speed: None, is_running: false, changed: None, reason: None }
    }
}

impl Run {
    /// Takes a record of the log.
    pub fn take(&mut self, record: Record) {
        match &record {
            Record::Step(step) => {
                self.take_step(step);
                self.log.take_step(step.step, step.seconds, step.tokens);
                return;
            }
            Record::Validation(validation) => self.take_validation(validation),
            Record::Resume(header) => self.go_back(header.step),
            Record::Rewind(rewind) => self.go_back(rewind.step),
            _ => {}
        }
        self.log.take(record);
    }

    fn take_step(&mut self, step: &Step) {
        let x = step.step as f64;
        if self.series[0].last_x().is_some_and(|last| last >= x) {
            self.go_back(step.step.saturating_sub(1));
        }
        let values = [(0, step.loss), (2, step.lr), (3, step.tokens_per_second)];
        values.into_iter().for_each(|(n, y)| self.series[n].push(x, y));
        self.speed = Some(step.tokens_per_second);
    }

    fn take_validation(&mut self, validation: &Validation) {
        let x = validation.step as f64;
        if self.series[1].last_x().is_some_and(|last| last >= x) {
            self.series[1].go_back(x - 1.0);
        }
        self.series[1].push(x, validation.values.get(LOSS).copied().unwrap_or(f64::NAN));
    }

    /// Forgets all records: the log was replaced by another.
    pub fn restart(&mut self) {
        self.go_back(0);
        (self.log, self.speed) = (Log::default(), None);
    }

    /// Forgets what was after a step, from which the run continues.
    fn go_back(&mut self, step: u64) {
        self.series.iter_mut().for_each(|series| series.go_back(step as f64));
        self.log.step = self.log.step.min(step);
        self.log.end = None;
    }

    /// The machine that trains it; empty if unknown.
    pub fn host(&self) -> &str {
        self.log.header.as_ref().map_or("", |header| &header.host)
    }

    /// Returns how much of each series there is.
    pub fn seen(&self) -> AllSeen {
        self.series.each_ref().map(Series::seen)
    }

    /// Returns the run as JSON: the summary, and of the series what a page that has `seen` does not have.
    pub fn json(&self, name: &str, seen: &AllSeen) -> Value {
        let (log, header) = (&self.log, self.log.header.as_ref());
        let state = if self.reason.is_some() { State::Unreadable } else { State::of(log, self.is_running) };
        let failure = log.failure().filter(|_| state == State::Failed);
        let new = NAMES.into_iter().zip(&self.series).zip(seen);
        let series: serde_json::Map<_, _> =
            new.filter_map(|((name, series), seen)| Some((name.to_owned(), series.since(*seen)?))).collect();
        json!({
            "name": name,
            "state": state.to_string(),
            "is_running": self.is_running,
            "reason": self.reason.as_deref().or(failure),
            "step": log.step,
            "steps": header.map(|header| header.steps),
            "best": log.best.as_ref().map(measured),
            "last": log.last.as_ref().map(measured),
            "loss": header.and_then(|header| header.metrics.iter().find(|metric| metric.name == LOSS)).map(label),
            "speed": self.speed.filter(|_| self.is_running).or(log.tokens_per_second()).map(number),
            "seconds": log.seconds.map(number),
            "changed": self.changed,
            "series": series,
        })
    }
}

/// A validation: its loss, and the bits per byte, where the run has them.
fn measured(validation: &Validation) -> Value {
    let value = |name: &str| validation.values.get(name).copied().map(number);
    json!({ "step": validation.step, "loss": value(LOSS), "bits_per_byte": value(BITS_PER_BYTE) })
}

/// What the values of the loss are.
fn label(loss: &Metric) -> String {
    let unit = if loss.unit.is_empty() { String::new() } else { format!(", {}", loss.unit) };
    format!("{}{unit}", if loss.plugin.is_empty() { &loss.name } else { &loss.plugin })
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_report::{End, EndState, Header, Rewind};

    fn header(step: u64) -> Box<Header> {
        let metric = |name: &str, plugin: &str, unit: &str| {
            let (name, plugin, unit) = (name.into(), plugin.into(), unit.into());
            Metric { name, plugin, unit, higher_is_better: false, comparable: trainyard_report::Comparable::Tokenizer }
        };
        let metrics = vec![metric("loss", "focal", "nats/token"), metric("bits-per-byte", "", "bits/byte")];
        Box::new(Header { step, steps: 9, metrics, ..Header::default() })
    }

    fn step(step: u64) -> Record {
        let (seconds, tokens) = (Some(step as f64 / 2.0), Some(step * 100));
        Record::Step(Step { step, loss: step as f64, seconds, tokens, tokens_per_second: 7.0, ..Step::default() })
    }

    fn validation(step: u64, loss: f64) -> Record {
        let values = [("loss".to_owned(), loss), ("bits-per-byte".to_owned(), loss / 2.0)].into();
        Record::Validation(Validation { step, values, ..Validation::default() })
    }

    fn json(run: &Run) -> Value {
        run.json("a", &AllSeen::default())
    }

    #[test]
    fn a_run_from_its_records() {
        let mut run = Run::default();
        assert_eq!(json(&run)["state"], "prepared");
        run.take(Record::Run(header(0)));
        (1..=4).for_each(|n| run.take(step(n)));
        run.take(validation(2, 3.0));
        run.take(validation(4, 3.5));
        let found = json(&run);
        assert_eq!(found["best"], json!({ "step": 2, "loss": 3.0, "bits_per_byte": 1.5 }));
        assert_eq!(found["last"], json!({ "step": 4, "loss": 3.5, "bits_per_byte": 1.75 }));
        assert_eq!([&found["loss"], &found["state"]], ["focal, nats/token", "interrupted"]);
        assert_eq!((&found["speed"], &found["steps"]), (&json!(200.0), &json!(9)), "the mean of all steps");
        run.is_running = true;
        assert_eq!((&json(&run)["speed"], &json(&run)["state"]), (&json!(7.0), &json!("running")), "the last step");
        let end = End {
            step: 4,
            state: EndState::Failed,
            seconds: 2.0,
            ended: String::new(),
            best: None,
            error: Some("no disk".into()),
            signal: None,
        };
        run.is_running = false;
        run.take(Record::End(end));
        assert_eq!([&json(&run)["state"], &json(&run)["reason"]], ["failed", "no disk"]);
    }

    #[test]
    fn a_run_that_goes_back() {
        let mut run = Run::default();
        (1..=4).for_each(|n| run.take(step(n)));
        run.take(validation(4, 3.5));
        run.take(Record::Rewind(Rewind { step: 3, from: "step-3".into(), later: vec![4] }));
        let steps = |run: &Run| json(run)["series"]["loss"]["x"].clone();
        assert_eq!((steps(&run), &json(&run)["step"]), (json!([1.0, 2.0, 3.0]), &json!(3)));
        assert_eq!(json(&run)["series"]["validation"]["x"], json!([]));
        run.take(Record::Resume(header(2)));
        run.take(step(3));
        assert_eq!(steps(&run), json!([1.0, 2.0, 3.0]));
        // without a word of it
        run.take(step(2));
        assert_eq!(steps(&run), json!([1.0, 2.0]));
        run.restart();
        assert_eq!((steps(&run), &json(&run)["step"]), (json!([]), &json!(0)));
    }
}
