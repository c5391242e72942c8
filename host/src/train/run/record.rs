//! The records that the loop writes.

use super::Run;
use crate::base::interrupt::Signal;
use crate::eval::written_sample;
use crate::feed::Dataset;
use crate::ops::Device;
use crate::ranks::Group;
use crate::report::{
    BestReport, Digests, End, EndState, Header, Record, Sample, Sink, Step, Validation, Warning, Watch, host_name, now,
};
use crate::run::checkpoint::{folder_name, sha256};
use crate::run::{COMMIT, VERSION};
use crate::train::ranks::Order;
use crate::train::step::StepReport;
use crate::train::watch::Watched;
use crate::{Error, Result};
use std::time::Duration;

impl Run<'_> {
    /// Gives a record to every sink, the log first.
    pub(super) fn record(&mut self, record: &Record) -> Result<()> {
        let sinks: [&mut dyn Sink; 2] = [&mut self.log, &mut self.progress];
        sinks.into_iter().try_for_each(|sink| sink.write(record))?;
        self.write_event(record);
        Ok(())
    }

    /// Adds a record that a run has once, at its end.
    pub(super) fn record_once(&mut self, record: &Record) -> Result<()> {
        self.log.write_once(record)?;
        self.write_event(record);
        Ok(())
    }

    /// The header: of the run if it begins, of a resume otherwise. Nothing when the log is complete already.
    pub(super) fn record_start(&mut self, data: &Dataset) -> Result<()> {
        if self.log.is_complete() {
            return Ok(());
        }
        let header = Box::new(Header {
            step: self.state.step,
            name: self.config.run.name.clone(),
            version: VERSION.to_owned(),
            commit: COMMIT.to_owned(),
            host: host_name(),
            device: match &self.device {
                Device::Cpu => "cpu".to_owned(),
                Device::Gpu(gpu) => format!("{} ({})", gpu.place(), gpu.name()),
            },
            threads: rayon::current_num_threads(),
            ranks: self.options.ranks.as_ref().map_or(0, Group::size),
            started: self.started.clone(),
            set: self.options.set.clone(),
            digests: Digests {
                config: sha256(&self.folder.config())?,
                data: data.manifest.digest(),
                plugins: sha256(&self.folder.root().join("plugins.lock"))?,
            },
            parameters: self.trainer.model.params().n_values(),
            vocabulary: data.tokenizer.n_tokens,
            steps: self.config.train.steps,
            tokens_per_step: self.tokens_per_step(),
            metrics: self.evaluator.metrics(),
        });
        self.open_events(&header);
        self.record(&if self.state.step == 0 { Record::Run(header) } else { Record::Resume(header) })
    }

    /// What is wrong and does not stop the run: recorded once, at its beginning.
    pub(super) fn record_warnings(&mut self) -> Result<()> {
        for warning in self.warnings.clone() {
            match self.state.step {
                0 => self.record(&Record::Warning(Warning { step: 0, warning }))?,
                _ => self.progress.message(&format!("warning: {warning}")),
            }
        }
        Ok(())
    }

    /// The step that was just done.
    pub(super) fn record_step(&mut self, report: &StepReport, pace: &Pace) -> Result<()> {
        let step = Step {
            step: self.state.step,
            loss: report.outputs.first().copied().unwrap_or(f64::NAN),
            lr: report.lr,
            grad_norm: report.grad_norm,
            seconds: Some(milli(self.seconds())),
            tokens: Some(self.tokens()),
            epochs: Some(self.state.position.sample as f64 / self.sequences_per_epoch.max(1) as f64),
            tokens_per_second: pace.rate.round(),
            share_of_peak: pace.share_of_peak.map(milli),
            data_wait_ms: milli(pace.data_wait.as_secs_f64() * 1e3),
            negative_weight: (report.weight < 0.0).then_some(report.weight),
            outputs: Step::outputs(self.trainer.output_names(), &report.outputs),
        };
        self.record(&Record::Step(step))
    }

    /// A validation after the step that was just done.
    pub(super) fn record_validation(&mut self, validation: Validation) -> Result<()> {
        let tokens = Some(self.tokens());
        self.record(&Record::Validation(Validation { seconds: Some(milli(self.seconds())), tokens, ..validation }))
    }

    /// Measures the texts that are watched.
    pub(super) fn record_watched(&mut self, data: &Dataset) -> Result<()> {
        let (seconds, tokens, step) = (Some(milli(self.seconds())), Some(self.tokens()), self.state.step);
        let ranks = self.ranks_with_the_model().filter(|_| !self.watched.is_empty());
        ranks.map_or(Ok(()), |group| Order::Watch.tell(group))?;
        let model = &mut self.trainer.model;
        let measure = |text: &Watched| {
            let measured = text.measure(self.config, data, model, (&self.evaluator, ranks), step)?;
            Ok(Watch { text: text.name.clone(), measured: Validation { seconds, tokens, ..measured } })
        };
        let measured: Vec<Watch> = self.watched.iter().map(measure).collect::<Result<_>>()?;
        measured.into_iter().try_for_each(|watch| self.record(&Record::Watch(watch)))
    }

    /// A text of the model as it is after the step that was just done. A plugin that fails at it is told, and stops no
    /// run.
    pub(super) fn record_sample(&mut self, data: &Dataset) -> Result<()> {
        let (seconds, step) = (Some(milli(self.seconds())), self.state.step);
        match written_sample(self.config, &self.plugins, data, (&self.trainer.model, &self.task)) {
            Ok((text, _)) if text.is_empty() => Ok(()),
            Ok((text, _tokenizer)) => self.record(&Record::Sample(Sample { step, seconds, text })),
            Err(Error::Plugin(why)) => {
                self.progress.message(&format!("warning: sample: {why}"));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The end of a run that has all its results.
    pub(super) fn record_finish(&mut self) -> Result<()> {
        if self.log.is_complete() {
            return Ok(());
        }
        let state = if self.stopped_early() { EndState::StoppedEarly } else { EndState::Done };
        let end = Record::End(self.end(state));
        self.record_once(&end)
    }

    /// The end of a run by `error`. That it cannot be recorded is not worth more than the error.
    pub(super) fn record_failure(&mut self, error: &Error) {
        let end = match error {
            Error::Interrupted(signal, _) => {
                let signal = Some(Signal::name(*signal).to_owned());
                End { signal, ..self.end(EndState::Interrupted) }
            }
            _ => End { error: Some(error.to_string()), ..self.end(EndState::Failed) },
        };
        drop(self.record(&Record::End(end)).and_then(|()| self.log.sync()));
    }

    fn end(&self, state: EndState) -> End {
        let (step, seconds, best) = (self.state.step, milli(self.seconds()), self.best());
        End { step, state, seconds, ended: now(), best, error: None, signal: None }
    }

    /// The best validation so far, and whether its checkpoint is there.
    pub(super) fn best(&self) -> Option<BestReport> {
        let best = self.state.best?;
        let folder = self.folder.checkpoints().join(folder_name(best.step));
        Some(BestReport { step: best.step, loss: best.loss, kept: folder.is_dir() })
    }

    /// Tokens that the run has read.
    fn tokens(&self) -> u64 {
        self.state.position.sample * self.config.model.context() as u64
    }

    /// The training clock: seconds of this process's steps, on top of those that the log knew.
    fn seconds(&self) -> f64 {
        self.log.seconds() + self.begun.map_or(0.0, |begun| begun.elapsed().as_secs_f64())
    }
}

/// How fast a step was.
pub(super) struct Pace {
    /// Tokens per second.
    pub rate: f64,
    /// The rate by the fastest that the machine can do.
    pub share_of_peak: Option<f64>,
    /// Time that the step waited for its batches.
    pub data_wait: Duration,
}

/// The number with three decimals.
fn milli(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
