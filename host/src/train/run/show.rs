//! What a run writes for people and other tools: its page, and event files for TensorBoard. None of it can stop a run.

use super::Run;
use crate::experiments::{Report, ReportOptions};
use crate::export::tensorboard::TensorBoard;
use crate::report::{Header, Record, Sink};
use crate::{Error, Result};
use std::fs;

/// The page, in the run's folder.
const PAGE: &str = "report.html";
/// The folder of event files, there too.
const EVENTS: &str = "tensorboard";

impl Run<'_> {
    /// Opens the event file of this process.
    pub(super) fn open_events(&mut self, header: &Header) {
        if !self.config.report.tensorboard {
            return;
        }
        let config = fs::read_to_string(self.folder.config()).unwrap_or_default();
        let opened = TensorBoard::create(&self.folder.root().join(EVENTS), header, self.log.seconds(), &config);
        self.events = opened.map_err(|error| self.say(&error, "report.tensorboard")).ok();
    }

    /// Gives a record to TensorBoard; after a failure, no more of them.
    pub(super) fn write_event(&mut self, record: &Record) {
        if let Some(Err(error)) = self.events.as_mut().map(|events| events.write(record)) {
            self.say(&error, "report.tensorboard");
            self.events = None;
        }
    }

    /// Writes what is left of the events, and the page of the finished run.
    pub(super) fn show(&mut self) {
        if let Some(Err(error)) = self.events.take().map(TensorBoard::finish) {
            self.say(&error, "report.tensorboard");
        }
        if self.config.report.page
            && let Err(error) = self.write_page()
        {
            self.say(&error, "report.page");
        }
    }

    fn write_page(&self) -> Result<()> {
        // without the time, so that a run that is resumed after its end writes the same page
        Report::of(&[self.folder.root().to_owned()], &ReportOptions::default())?.save(&self.folder.root().join(PAGE))
    }

    fn say(&self, error: &Error, key: &str) {
        self.progress.message(&format!("warning: {key}: {error}"));
    }
}
