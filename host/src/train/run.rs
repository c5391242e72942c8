//! A whole run: config → plugins → data → steps → summary.

mod begin;
mod introduce;
mod keep;
mod preview;
mod record;
mod segments;
mod show;
mod together;

use super::apart::Recorded;
use super::batches::{loader, source_reports, validation_batches, validation_extent};
use super::ranks::Order;
use super::step::Trainer;
use super::watch::Watched;
use super::{saved_data, state};
use crate::Result;
use crate::base::interrupt::{self, Signal};
use crate::corpus::Split;
use crate::eval::{Evaluator, TestSets, Writing, final_report, loses_text, loss_of, mark_lossy};
use crate::export::tensorboard::TensorBoard;
use crate::feed::{Dataset, Supply};
use crate::ops::{Device, Peak};
use crate::ranks::Group;
use crate::report::{
    DOCUMENTS, Extent, Final, FinalReport, MetricsLog, Plugins, Progress, Record, TrainSummary, Validation, now,
    write_documents,
};
use crate::rows::Rows;
use crate::run::{
    Best, Changed, Claim, DataSizes, Memory, RunConfig, RunFolder, RunModel, RunPlugins, RunState, RunTask,
    TokenizerFolder, TrainOptions, checkpoint, numerics, on_threads,
};
pub(super) use begin::{Needs, ready};
use begin::{begin_ranks, open_log, resumed};
pub use preview::{Preview, preview};
use record::Pace;
use segments::recorded;
use std::time::{Duration, Instant};

/// Trains as `config` says, on its number of threads; returns what the run came to.
///
/// # Errors
/// Whatever keeps the run from its end.
pub fn run(config: &RunConfig, options: &TrainOptions) -> Result<TrainSummary> {
    run_open(config, options).map(|(summary, _)| summary)
}

/// As [`run`], with the run's plugins still open, to be closed when the summary was shown.
///
/// # Errors
/// As [`run`].
pub fn run_open(config: &RunConfig, options: &TrainOptions) -> Result<(TrainSummary, RunPlugins)> {
    on_threads(config.train.threads, "train.threads", || {
        let trained = train(config, options);
        // the other ranks wait for a word, however it went
        let Some(group) = &options.ranks else { return trained };
        let told = Order::End.tell(group).and_then(|()| group.finish());
        trained.and_then(|trained| told.map(|()| trained))
    })
}

fn train(config: &RunConfig, options: &TrainOptions) -> Result<(TrainSummary, RunPlugins)> {
    let (mut run, data) = Run::start(config, options)?;
    match run.finish(&data) {
        Ok(summary) => Ok((summary, run.plugins)),
        Err(error) => {
            run.progress.finish();
            run.record_failure(&error);
            Err(error)
        }
    }
}

/// What the loop came to.
struct Trained {
    /// Loss of the last step; NaN when there was nothing left to do.
    loss: f64,
    /// Time that the trainer waited for batches.
    data_wait: Duration,
    /// The signal that ended it early; what was trained is saved.
    stopped_by: Option<Signal>,
}

/// A run under way.
struct Run<'c> {
    config: &'c RunConfig,
    folder: RunFolder,
    claim: Claim,
    plugins: RunPlugins,
    task: RunTask,
    tokenizer: TokenizerFolder,
    device: Device,
    /// Why it is the CPU, where a GPU was wanted if possible.
    why_cpu: Option<String>,
    memory: Memory,
    trainer: Trainer,
    evaluator: Evaluator,
    /// What validations read.
    validation: Option<Extent>,
    /// Other texts that they measure.
    watched: Vec<Watched>,
    /// Prompts that the finished model writes for.
    test_sets: TestSets,
    state: RunState,
    /// What is wrong with the loss or a metric and does not stop the run.
    warnings: Vec<String>,
    log: MetricsLog,
    /// Event files for TensorBoard, where they are wanted.
    events: Option<TensorBoard>,
    progress: Progress,
    /// Time of day when this process began.
    started: String,
    /// When this process began to train; none before.
    begun: Option<Instant>,
    /// Sequences of an epoch of all sources.
    sequences_per_epoch: u64,
    options: &'c TrainOptions,
    /// Steps of checkpoints that wait for the first one of this process.
    later: Vec<u64>,
    /// Updates by ranks that do not wait for one another, which are to be repeated.
    recorded: Option<Recorded>,
    /// Says that the name of the mark is taken by something that is not ours, which was told.
    is_best_taken: bool,
    /// Says that checkpoints may be more than are kept. They go when a step has shown that the newest is not spoilt.
    prune_due: bool,
}

impl<'c> Run<'c> {
    fn start(config: &'c RunConfig, options: &'c TrainOptions) -> Result<(Self, Dataset)> {
        let started = now();
        let needs = Needs::of(config)?;
        let folder = RunFolder::of(config);
        let mut claim = Claim::enter(folder.clone(), options)?;
        // data: a resumed run uses what it has, unless a change of it was allowed
        let (reader, saved, changes) = resumed(config, &needs, &folder, options)?;
        let Needs { device, why_cpu, plugins, test_sets, program, evaluator, mut identity, .. } = needs;
        saved.iter().for_each(|saved| identity.keep_start(&saved.identity));
        let recorded = recorded(options.replay.as_deref(), saved.as_ref().map_or(0, |saved| saved.updates))?;
        let unchanged = saved.as_ref().filter(|_| changes.same_data());
        let mut data = saved_data::open_or_prepare(config, &plugins, &folder, &claim, unchanged)?;
        // model
        let task = RunTask::open(config, &plugins.data.tokenizer, &data)?;
        if let Some(saved) = &saved {
            numerics::check_sums(saved.numerics, (&config.train, &device), task.sizes, &options.allow_changed)?;
        }
        let memory = Memory::checked(config, task.sizes, &device)?;
        let parts = (plugins.described(config, task.sizes)?, program, device.clone());
        let saved = saved.zip(reader.as_ref());
        let (trainer, started_from, mut state) =
            ready(config, parts, (&task, &identity), options.ranks.clone(), saved)?;
        state.identity = identity;
        state.changes.extend(changes.record().map(|changed| Changed { step: state.step, changed }));
        let validation = validation_extent(config, &task, &data)?;
        let watched = Watched::open(config, &plugins.data, &data, &task)?;
        let tokenizer = TokenizerFolder::new(config, (&data, &task), reader.as_ref().map(checkpoint::Reader::folder))?;
        let checkpoint = reader.as_ref().map(|reader| reader.folder().to_owned());
        begin_ranks(options.ranks.as_ref(), (&trainer, &state), &data, checkpoint)?;
        // all that can be wrong was tried: the folder is this run's from here on
        let later = claim.take_over(reader.is_some().then_some(state.step))?;
        data.relocate(&folder.data());
        state.data = Some(data.manifest.digest());
        folder.describe(config, &plugins)?;
        state.numerics = numerics::NUMERICS;
        let log = open_log(config, &folder, reader.is_some().then_some(&state))?;
        let progress = Progress::new(config.train.steps, state.step, log.seconds(), options.quiet);
        changes.line().iter().chain(&started_from).for_each(|line| progress.message(line));
        let run = Self {
            config,
            folder,
            claim,
            plugins,
            task,
            tokenizer,
            device,
            why_cpu,
            memory,
            trainer,
            warnings: evaluator.warnings().to_vec(),
            evaluator,
            validation,
            watched,
            test_sets,
            state,
            log,
            events: None,
            progress,
            started,
            begun: None,
            sequences_per_epoch: 0,
            options,
            later,
            recorded,
            is_best_taken: false,
            // a kill may have come between a save and this
            prune_due: true,
        };
        Ok((run, data))
    }

    /// Steps to the end, then the final report.
    fn finish(&mut self, data: &Dataset) -> Result<TrainSummary> {
        self.record_start(data)?;
        self.note_start()?;
        self.introduce(data);
        self.record_warnings()?;
        let started = Instant::now();
        self.begun = Some(started);
        let first_step = self.state.step;
        let loader = loader(self.config, &self.task, data, self.state.position)?;
        self.sequences_per_epoch = loader.sequences_per_epoch();
        loader.packing_line().iter().for_each(|line| self.progress.message(line));
        if first_step == 0 {
            self.record_watched(data)?;
        }
        let trained = std::thread::scope(|scope| {
            let mut batches = loader.ahead(scope, self.config.train.workers);
            match self.config.ranks.asynchronous {
                true => self.segments(data, &mut batches),
                false => self.steps(data, &mut batches),
            }
        })?;
        self.progress.finish();
        self.say_ranks(started.elapsed())?;
        self.say_memory()?;
        if let Some(signal) = trained.stopped_by {
            return Err(self.interrupted(signal, first_step));
        }
        let seconds = started.elapsed().as_secs_f64();
        let model = RunModel::of_run(&self.folder, self.config.train.patience)?;
        if model.step != self.state.step {
            state::restore_parameters(&checkpoint::Reader::open(&model.folder)?, &self.trainer)?;
        }
        let mut report = self.measured(data, &model).map_err(|error| self.unreported(error))?;
        write_documents(&self.folder.root().join(DOCUMENTS), &std::mem::take(&mut report.documents))?;
        let step = self.state.step;
        let last = Final { step, model_step: model.step, report: report.clone() };
        self.record_once(&Record::Final(Box::new(last)))?;
        let plugins = self.plugins.report();
        self.record_once(&Record::Plugins(Plugins { step, plugins: plugins.clone() }))?;
        self.claim.settle()?;
        self.prune()?;
        self.record_finish()?;
        self.log.sync()?;
        self.show();
        let tokens = ((step - first_step) * self.tokens_per_step()) as f64;
        Ok(TrainSummary {
            run: self.folder.root().to_owned(),
            steps: step,
            stopped_early: self.stopped_early(),
            best: self.best(),
            train_loss: trained.loss,
            seconds,
            data_wait: trained.data_wait.as_secs_f64(),
            sources: source_reports(&loader, self.state.position),
            tokens_per_second: tokens / seconds.max(1e-9),
            parameters: self.trainer.model.params().n_values(),
            vocabulary: self.plugins.data.vocabulary(self.config, data.tokenizer.n_tokens),
            checkpoint: model.folder,
            model: model.which.name(),
            model_step: model.step,
            validation_while_training: self.validation,
            report,
            plugins,
            warnings: self.warnings.clone(),
        })
    }

    /// The report on the run's model.
    fn measured(&mut self, data: &Dataset, of: &RunModel) -> Result<FinalReport> {
        let ranks = self.ranks_with_the_model();
        if let Some(group) = ranks {
            let checkpoint = (of.step != self.state.step).then(|| of.folder.clone());
            Order::Report { step: of.step, checkpoint }.tell(group)?;
        }
        let report = self.measured_by(data, of, ranks);
        // however it went, the others wait for a word
        let told = Writing::finish(ranks);
        report.and_then(|report| told.map(|()| report))
    }

    fn measured_by(&mut self, data: &Dataset, of: &RunModel, ranks: Option<&Group>) -> Result<FinalReport> {
        let (config, plugins, model) = (self.config, &self.plugins, &mut self.trainer.model);
        let mut report = final_report(config, plugins, (data, &self.task), model, (&self.evaluator, ranks), of.step)?;
        let writing = Writing { model, task: &self.task, ranks };
        report.sets = self.test_sets.measure(config, plugins, data, &writing, &mut report.faults)?;
        Ok(report)
    }

    /// The loop.
    fn steps(&mut self, data: &Dataset, batches: &mut dyn Supply) -> Result<Trained> {
        let train = &self.config.train;
        let mut trained = Trained { loss: f64::NAN, data_wait: Duration::ZERO, stopped_by: interrupt::requested() };
        let mut peak = Peak::measure(self.trainer.model.engine())?;
        while !is_finished(self.config, &self.state) && trained.stopped_by.is_none() {
            // data
            let asked = Instant::now();
            let micro_batches: Vec<Rows> = (0..train.accumulate).map(|_| batches.next()).collect::<Result<_>>()?;
            let data_wait = asked.elapsed();
            trained.data_wait += data_wait;
            // forward, backward, update
            self.options.ranks.as_ref().map_or(Ok(()), |group| Order::Step.tell(group))?;
            let begun = Instant::now();
            let report = match self.trainer.step(self.state.step, &micro_batches) {
                Ok(report) => report,
                Err(error) => return Err(self.keep_for_replay(data, error)),
            };
            let rate = report.tokens as f64 / begun.elapsed().as_secs_f64();
            self.state.step += 1;
            self.state.position = batches.position();
            trained.loss = report.outputs[0];
            self.check_weight(&report);
            self.prune()?;
            // record
            let flops = rate * self.trainer.model.flops_per_token();
            let share_of_peak = peak.share_checked(flops, self.trainer.model.engine());
            self.record_step(&report, &Pace { rate, share_of_peak, data_wait })?;
            let is_together = self.trainer.outer().is_none_or(|outer| outer.is_together(self.state.step));
            self.look(data, &mut trained, is_together)?;
        }
        Ok(trained)
    }

    /// Validation, sample and checkpoint after a step, where they are due. Where the ranks are together, a signal ends
    /// the run.
    fn look(&mut self, data: &Dataset, trained: &mut Trained, is_together: bool) -> Result<()> {
        let train = &self.config.train;
        let last = self.state.step == train.steps;
        let improved = if due(self.state.step, train.validate_every) || last { self.validate(data)? } else { false };
        if due(self.state.step, self.config.sample.every) && !last {
            self.record_sample(data)?;
        }
        let keep_best = improved && train.patience > 0;
        trained.stopped_by = interrupt::requested().filter(|_| is_together && !is_finished(self.config, &self.state));
        let ends = is_finished(self.config, &self.state) || trained.stopped_by.is_some();
        if due(self.state.step, train.checkpoint_every) || keep_best || ends {
            self.save(data)?;
        }
        Ok(())
    }

    /// Measures the validation split; says whether it is the best so far.
    fn validate(&mut self, data: &Dataset) -> Result<bool> {
        self.record_watched(data)?;
        let (Some(shard), Some(extent)) = (&data.validation, self.validation) else { return Ok(false) };
        let (config, step) = (self.config, self.state.step);
        let (batches, _) = validation_batches(config, (shard, self.task.rows.as_ref()), data)?;
        let ranks = self.ranks_with_the_model();
        ranks.map_or(Ok(()), |group| Order::Validate.tell(group))?;
        let mut values = self.evaluator.evaluate(&mut self.trainer.model, batches, step, ranks)?;
        let lossy = loses_text(data, Split::Validation, &self.plugins);
        mark_lossy(&mut values, lossy);
        self.record_validation(Validation::new(step, extent, &values, lossy))?;
        let loss = loss_of(&values);
        let improved = self.state.best.is_none_or(|best| loss < best.loss);
        self.state.best = match self.state.best {
            Some(best) if !improved => Some(Best { since: best.since + 1, ..best }),
            _ => Some(Best { step, loss, since: 0 }),
        };
        Ok(improved)
    }

    fn stopped_early(&self) -> bool {
        stopped_early(self.config, &self.state)
    }

    fn sequences_per_step(&self) -> u64 {
        (self.config.train.batch * self.config.train.accumulate) as u64
    }

    fn tokens_per_step(&self) -> u64 {
        self.sequences_per_step() * self.config.model.context() as u64
    }
}

/// Refuses a run that is too large whatever its data are; returns the least that it needs.
fn check_least(config: &RunConfig, device: &Device) -> Result<Memory> {
    let labels = config.model.size("labels").filter(|&labels| labels > 0).unwrap_or(1);
    let least = DataSizes { vocab: 1, labels: if config.task.has_labels() { labels } else { 0 } };
    Memory::checked(config, least, device)
}

fn stopped_early(config: &RunConfig, state: &RunState) -> bool {
    let patience = config.train.patience;
    patience > 0 && state.best.is_some_and(|best| best.since >= patience)
}

/// Says whether nothing is left to train.
fn is_finished(config: &RunConfig, state: &RunState) -> bool {
    state.step >= config.train.steps || stopped_early(config, state)
}

fn due(step: u64, every: u64) -> bool {
    every > 0 && step.is_multiple_of(every)
}
