//! A run's records as events.

use super::file::EventFile;
use crate::clock::{Clock, time};
use crate::hparams::{Hparam, flatten};
use crate::scalars::Scalars;
use crate::{Error, Result};
use std::path::{Path, PathBuf};
use trainyard_report::{End, EndState, Header, Record, Sink, Warning};

/// Seconds of training after which a step is written to the file.
const SECONDS_BETWEEN_FLUSHES: f64 = 2.0;

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
    scalars: Scalars,
    /// The training clock when the file was last written to.
    flushed: f64,
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
        let hparams = flatten(config)?;
        let clock = Clock::new(header, seconds);
        Ok(Self {
            file: EventFile::create(dir, clock.wall_time(), &header.host)?,
            config: config.to_owned(),
            hparams,
            clock,
            scalars: Scalars::default(),
            flushed: seconds,
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

    /// A process whose first step is `first`.
    fn header(&mut self, header: &Header, first: u64) -> Result<()> {
        self.failed = None;
        let wall_time = self.clock.wall_time();
        self.file.start(first, wall_time)?;
        let about = serde_json::to_string_pretty(header);
        let about = about.map_err(|error| Error::run(format!("a header as JSON: {error}")))?;
        self.file.text("run", header.step, &verbatim(&about), wall_time)?;
        if self.config.is_empty() {
            return Ok(());
        }
        self.file.text("config", header.step, &verbatim(&self.config), wall_time)?;
        self.file.hparams(&self.hparams, wall_time)
    }

    fn warning(&mut self, warning: &Warning) -> Result<()> {
        if self.warnings.0 != warning.step {
            self.warnings = (warning.step, Vec::new());
        }
        self.warnings.1.push(warning.warning.clone());
        let text = verbatim(&self.warnings.1.join("\n"));
        self.file.text("warnings", warning.step, &text, self.clock.wall_time())
    }

    fn end(&mut self, end: &End) -> Result<()> {
        let ended = time(&end.ended).unwrap_or(self.clock.wall_time());
        match end.state {
            EndState::Done | EndState::StoppedEarly => self.file.end(true, ended)?,
            EndState::Failed => self.failed = Some(ended),
            EndState::Interrupted => {}
        }
        Ok(())
    }
}

impl Sink for TensorBoard {
    /// Adds what the record says. After a failure nothing more is added.
    fn write(&mut self, record: &Record) -> Result<()> {
        self.clock.advance(record);
        let wall_time = self.clock.wall_time();
        let values = self.scalars.of(record);
        if !values.is_empty() {
            self.file.scalars(&values, record.step(), wall_time)?;
        }
        match record {
            // step 0 is the run before its first step
            Record::Run(header) => self.header(header, 0)?,
            Record::Resume(header) => self.header(header, header.step + 1)?,
            Record::Final(last) if !last.report.sample.is_empty() => {
                self.file.text("sample", last.step, &verbatim(&last.report.sample), wall_time)?;
            }
            Record::Sample(sample) => {
                self.file.text("sample", sample.step, &verbatim(&sample.text), wall_time)?;
            }
            Record::Warning(warning) => self.warning(warning)?,
            Record::End(end) => self.end(end)?,
            // the header of the process that goes back says where it begins
            Record::Rewind(_) => {}
            Record::Update(_) => {}
            Record::Step(_) | Record::Validation(_) | Record::Watch(_) | Record::Final(_) | Record::Plugins(_) => {}
        }
        // a clock that was set back is one that begins again
        let waited = (self.clock.seconds() - self.flushed).abs();
        if matches!(record, Record::Step(_)) && waited < SECONDS_BETWEEN_FLUSHES {
            return Ok(());
        }
        self.flushed = self.clock.seconds();
        self.file.flush()
    }
}

/// The text as Markdown that shows it as it is: a block of code.
fn verbatim(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}
