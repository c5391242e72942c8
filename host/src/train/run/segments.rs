//! The loop of ranks that do not wait for one another: from one look at the model, where all meet, to the next.

use super::record::Pace;
use super::{Run, Trained, due, is_finished};
use crate::base::interrupt;
use crate::feed::{Dataset, Supply};
use crate::report::Record;
use crate::train::apart::{Came, Recorded, Schedule, Segment, Steps};
use crate::{Error, Result};
use std::path::Path;
use std::time::{Duration, Instant};

impl Run<'_> {
    /// As [`Run::steps`], of ranks that do not wait for one another.
    pub(super) fn segments(&mut self, data: &Dataset, batches: &mut dyn Supply) -> Result<Trained> {
        let mut trained = Trained { loss: f64::NAN, data_wait: Duration::ZERO, stopped_by: interrupt::requested() };
        let mut steps = Steps::new(batches, self.config.train.accumulate, self.state.step);
        let mut recorded = self.recorded.take();
        while !is_finished(self.config, &self.state) && trained.stopped_by.is_none() {
            self.segment(&mut steps, recorded.as_mut(), &mut trained)?;
            self.prune()?;
            self.look(data, &mut trained, true)?;
        }
        Ok(trained)
    }

    /// Trains to the next step after which the model is looked at.
    fn segment(&mut self, steps: &mut Steps<'_>, recorded: Option<&mut Recorded>, trained: &mut Trained) -> Result<()> {
        let Some(group) = &self.options.ranks else { return Ok(()) };
        let (begun, first, ranks) = (Instant::now(), self.state.step, &self.config.ranks);
        let (range, updates) = (first..self.next_look(), self.state.updates);
        let schedule = match recorded {
            Some(recorded) => Schedule::replayed(range, group.size(), updates, recorded)?,
            None => Schedule::new(range, group.size(), (ranks.local_steps, ranks.max_staleness), updates),
        };
        let mut segment = Segment::begin(&self.trainer, group, first, schedule)?;
        while let Some(came) = segment.next(&mut self.trainer, steps)? {
            match came {
                Came::Update(update) => self.record(&Record::Update(update))?,
                Came::Step(report) => {
                    self.state.step += 1;
                    self.state.position.sample += self.sequences_per_step();
                    trained.loss = report.outputs[0];
                    self.check_weight(&report);
                    let tokens = (self.state.step - first) * self.tokens_per_step();
                    let rate = tokens as f64 / begun.elapsed().as_secs_f64();
                    self.record_step(&report, &Pace { rate, share_of_peak: None, data_wait: Duration::ZERO })?;
                }
            }
        }
        self.state.updates = segment.finish(&self.trainer)?;
        // what only other ranks have trained
        steps.skip_to(self.state.step)?;
        self.state.position = steps.position();
        Ok(())
    }

    /// The next step after which all ranks meet.
    fn next_look(&self) -> u64 {
        let train = &self.config.train;
        let every = [train.validate_every, train.checkpoint_every, self.config.sample.every];
        let mut after = self.state.step + 1..train.steps;
        after.find(|&step| every.iter().any(|&every| due(step, every))).unwrap_or(train.steps)
    }
}

/// What is to be replayed by a run that `updates` updates were made of, if anything is.
///
/// # Errors
/// A log that cannot be read or has no updates.
pub(super) fn recorded(replay: Option<&Path>, updates: u64) -> Result<Option<Recorded>> {
    let Some(run) = replay else { return Ok(None) };
    let mut recorded = read(run).map_err(|error| error.context("--replay"))?;
    recorded.retain(|update| update.update > updates);
    Ok(Some(recorded))
}

/// The updates that a run, or its log, has recorded.
fn read(run: &Path) -> Result<Recorded> {
    let log = if run.is_dir() { run.join("metrics.jsonl") } else { run.to_owned() };
    let text = std::fs::read_to_string(&log).map_err(|error| Error::usage(format!("{}: {error}", log.display())))?;
    let mut updates = Recorded::new();
    for record in text.lines().filter_map(|line| serde_json::from_str(line).ok()).filter_map(Record::from_json) {
        match record {
            Record::Update(update) => updates.push_back(update),
            // what came after it was trained again
            Record::Rewind(rewind) => updates.retain(|update| update.step <= rewind.step),
            _ => {}
        }
    }
    match updates.is_empty() {
        true => Err(Error::usage(format!(
            "{}: expected updates of ranks that do not wait for one another (ranks.asynchronous), got none",
            log.display()
        ))),
        false => Ok(updates),
    }
}
