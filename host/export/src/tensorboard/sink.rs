//! A run's records as events.

use super::file::EventFile;
use super::hparams::{Hparam, flatten};
use crate::{Error, Result};
use chrono::DateTime;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trainyard_report::{
    End, EndState, Final, Header, MetricValue, Plugins, Record, Sink, Step, Validation, Warning, distinct,
};

/// Seconds of training after which a step is written to the file.
const SECONDS_BETWEEN_FLUSHES: f64 = 2.0;

/// Scalars of a step that have this name for every loss. An output of the loss with such a name is numbered.
const OF_STEP: [&str; 9] = [
    "loss",
    "lr",
    "grad_norm",
    "tokens_per_second",
    "data_wait_ms",
    "tokens",
    "epochs",
    "share_of_peak",
    "negative_weight",
];

/// Takes records and writes them to an event file.
///
/// | record | tags |
/// |---|---|
/// | header | texts `run` and `config`, hyperparameters |
/// | step | `train/loss`, `train/lr`, …, `train/OUTPUT` |
/// | validation | `validation/METRIC`, `validation/METRIC/OUTPUT` |
/// | watched text | `watch/TEXT/METRIC`, as for the validation |
/// | final report | `final/SPLIT/METRIC`, `final/predictions/SPLIT/NUMBER`, the text `sample` |
/// | plugins | `plugins/PLACE/NAME/seconds` |
/// | warning | text `warnings` |
/// | end | the session's end, when the run is finished |
///
/// An event's step is the record's. Its time is that of the process' start and the seconds that it has trained since.
#[derive(Debug)]
pub struct TensorBoard {
    file: EventFile,
    /// The config as it was written.
    config: String,
    hparams: Vec<(String, Hparam)>,
    clock: Clock,
    /// The training clock when the file was last written to.
    flushed: f64,
    /// Tags of the loss's outputs, by name.
    outputs: BTreeMap<String, String>,
    /// Warnings of one step. Of texts with one step and tag TensorBoard shows the last, so each text has all.
    warnings: (u64, Vec<String>),
    /// When the run failed, if that was its last record.
    failed: Option<f64>,
}

impl TensorBoard {
    /// A new event file in the folder `dir` for the process that `header` describes, before its header is written.
    /// `seconds` is the training clock at which the process begins, and `config` the text of the run's `config.toml`;
    /// empty where there is none.
    ///
    /// # Errors
    /// A folder that cannot be written to, a config that is no TOML.
    pub fn create(dir: &Path, header: &Header, seconds: f64, config: &str) -> Result<Self> {
        let table = config.parse().map_err(|error: toml::de::Error| {
            Error::usage(format!("config.toml: expected TOML, got {}; restore the run's config", error.message()))
        })?;
        let mut clock = Clock { started: 0.0, first: 0.0, seconds };
        clock.start(header, seconds);
        Ok(Self {
            file: EventFile::create(dir, clock.wall_time(), &header.host)?,
            config: config.to_owned(),
            hparams: flatten(&table),
            clock,
            flushed: seconds,
            outputs: BTreeMap::new(),
            warnings: (0, Vec::new()),
            failed: None,
        })
    }

    /// Says that nothing follows, so that a failure is the run's end, and writes what is held back. Returns the file's
    /// place. A run under way is just dropped: when it has failed, it may still be resumed.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(mut self) -> Result<PathBuf> {
        if let Some(failed) = self.failed {
            self.file.end(false, failed)?;
        }
        self.file.flush()?;
        Ok(self.file.path().to_owned())
    }

    /// A process that has done `header.step` steps begins with the one after it, or with step 0, where the run is
    /// measured before its first step.
    fn header(&mut self, header: &Header, first: u64) -> Result<()> {
        self.failed = None;
        let wall_time = self.clock.wall_time();
        self.file.start(first, wall_time)?;
        let about = serde_json::to_string_pretty(header);
        let about = about.map_err(|error| Error::run(format!("a header as JSON: {error}")))?;
        self.file.text("run", header.step, &verbatim(&about), wall_time)?;
        if !self.config.is_empty() {
            self.file.text("config", header.step, &verbatim(&self.config), wall_time)?;
            self.file.hparams(&self.hparams, wall_time)?;
        }
        self.file.flush()
    }

    fn step(&mut self, step: &Step) -> Result<()> {
        self.clock.advance(step.seconds);
        if step.outputs.keys().any(|name| !self.outputs.contains_key(name)) {
            let tags = distinct(step.outputs.keys().map(String::as_str), &OF_STEP);
            self.outputs = step.outputs.keys().cloned().zip(tags.iter().map(|tag| format!("train/{tag}"))).collect();
        }
        let mut values = vec![
            ("train/loss", step.loss),
            ("train/lr", step.lr),
            ("train/grad_norm", step.grad_norm),
            ("train/tokens_per_second", step.tokens_per_second),
            ("train/data_wait_ms", step.data_wait_ms),
        ];
        values.extend(step.tokens.map(|tokens| ("train/tokens", tokens as f64)));
        values.extend(step.epochs.map(|epochs| ("train/epochs", epochs)));
        values.extend(step.share_of_peak.map(|share| ("train/share_of_peak", share)));
        values.extend(step.negative_weight.map(|weight| ("train/negative_weight", weight)));
        values.extend(step.outputs.iter().filter_map(|(name, &value)| Some((self.outputs.get(name)?.as_str(), value))));
        self.file.scalars(&values, step.step, self.clock.wall_time())?;
        // a clock that was set back is one that begins again
        if (self.clock.seconds - self.flushed).abs() >= SECONDS_BETWEEN_FLUSHES {
            return self.flush();
        }
        Ok(())
    }

    /// A validation under the tags that begin with `group`.
    fn validation(&mut self, group: &str, validation: &Validation) -> Result<()> {
        self.clock.advance(validation.seconds);
        let plain = validation.values.iter().map(|(name, &value)| (format!("{group}/{name}"), value));
        let named = |(metric, values): (&String, &BTreeMap<String, f64>)| -> Vec<_> {
            values.iter().map(|(name, &value)| (format!("{group}/{metric}/{name}"), value)).collect()
        };
        let outputs = validation.outputs.iter().flat_map(named);
        self.scalars(validation.step, plain.chain(outputs).collect())
    }

    fn last(&mut self, last: &Final) -> Result<()> {
        let Final { step, report, .. } = last;
        let mut values = Vec::new();
        for (split, measured) in [("validation", &report.validation), ("test", &report.test)] {
            for MetricValue { name, value, outputs, .. } in measured {
                values.push((format!("final/{split}/{name}"), *value));
                let named = outputs.iter().map(|(output, &value)| (format!("final/{split}/{name}/{output}"), value));
                values.extend(named);
            }
        }
        for (split, predictions) in &report.predictions {
            numbers(&mut values, &format!("final/predictions/{split}"), &predictions.values);
        }
        self.scalars(*step, values)?;
        if report.sample.is_empty() {
            return Ok(());
        }
        self.file.text("sample", *step, &verbatim(&report.sample), self.clock.wall_time())?;
        self.flush()
    }

    fn plugins(&mut self, plugins: &Plugins) -> Result<()> {
        let places: Vec<_> = plugins.plugins.iter().map(|plugin| format!("{}/{}", plugin.place, plugin.name)).collect();
        let seconds = plugins.plugins.iter().map(|plugin| plugin.seconds);
        let names = distinct(places.iter().map(String::as_str), &[]);
        let values = names.into_iter().map(|name| format!("plugins/{name}/seconds")).zip(seconds);
        self.scalars(plugins.step, values.collect())
    }

    fn warning(&mut self, warning: &Warning) -> Result<()> {
        if self.warnings.0 != warning.step {
            self.warnings = (warning.step, Vec::new());
        }
        self.warnings.1.push(warning.warning.clone());
        let text = verbatim(&self.warnings.1.join("\n"));
        self.file.text("warnings", warning.step, &text, self.clock.wall_time())?;
        self.flush()
    }

    fn end(&mut self, end: &End) -> Result<()> {
        self.clock.advance(Some(end.seconds));
        let ended = time(&end.ended).unwrap_or(self.clock.wall_time());
        match end.state {
            EndState::Done | EndState::StoppedEarly => self.file.end(true, ended)?,
            EndState::Failed => self.failed = Some(ended),
            EndState::Interrupted => {}
        }
        self.flush()
    }

    /// Scalars that readers see at once.
    fn scalars(&mut self, step: u64, values: Vec<(String, f64)>) -> Result<()> {
        let values: Vec<_> = values.iter().map(|(tag, value)| (tag.as_str(), *value)).collect();
        self.file.scalars(&values, step, self.clock.wall_time())?;
        self.flush()
    }

    fn flush(&mut self) -> Result<()> {
        self.flushed = self.clock.seconds;
        self.file.flush()
    }
}

impl Sink for TensorBoard {
    /// Adds what the record says. After a failure nothing more is added.
    fn write(&mut self, record: &Record) -> Result<()> {
        match record {
            Record::Run(header) => {
                self.clock.start(header, 0.0);
                self.header(header, 0)
            }
            Record::Resume(header) => {
                self.clock.start(header, self.clock.seconds);
                self.header(header, header.step + 1)
            }
            Record::Step(step) => self.step(step),
            Record::Validation(validation) => self.validation("validation", validation),
            Record::Watch(watch) => self.validation(&format!("watch/{}", watch.text), &watch.measured),
            Record::Final(last) => self.last(last),
            Record::Plugins(plugins) => self.plugins(plugins),
            Record::Warning(warning) => self.warning(warning),
            Record::End(end) => self.end(end),
            // the header of the process that goes back says where it begins
            Record::Rewind(_) => Ok(()),
        }
    }
}

/// The time of day of a record.
#[derive(Debug, Clone, Copy)]
struct Clock {
    /// Seconds since 1970 when the process began; 0 where it did not say.
    started: f64,
    /// The training clock at that time.
    first: f64,
    /// The training clock now.
    seconds: f64,
}

impl Clock {
    fn start(&mut self, header: &Header, seconds: f64) {
        *self = Self { started: time(&header.started).unwrap_or(self.started), first: seconds, seconds };
    }

    /// Earlier versions and some records say no time.
    fn advance(&mut self, seconds: Option<f64>) {
        self.seconds = seconds.unwrap_or(self.seconds);
    }

    fn wall_time(&self) -> f64 {
        self.started + (self.seconds - self.first)
    }
}

/// Seconds since 1970 of a time as RFC 3339.
fn time(text: &str) -> Option<f64> {
    Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp() as f64)
}

/// The text as Markdown that shows it as it is: a block of code.
fn verbatim(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// The numbers in an object, by their paths. Arrays are tables of their own, which have no curve.
fn numbers(values: &mut Vec<(String, f64)>, path: &str, value: &Value) {
    match value {
        Value::Number(number) => values.extend(number.as_f64().map(|number| (path.to_owned(), number))),
        Value::Object(object) => {
            object.iter().for_each(|(name, value)| numbers(values, &format!("{path}/{name}"), value));
        }
        _ => {}
    }
}
