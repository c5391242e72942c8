//! A whole run: config → plugins → data → steps → summary.

mod keep;

use super::batches::{loader, packing_line, source_reports, validation_extent};
use super::record::{step_record, validation_record};
use super::step::{StepReport, Trainer};
use super::{saved_data, state};
use crate::corpus;
use crate::eval::{Evaluator, final_report, loss_of};
use crate::feed::{Ahead, Dataset, SUPPLIED, packed_eval_batches};
use crate::loss::Program;
use crate::ops::{Device, Peak, Precision, has_bf16};
use crate::report::{Extent, MetricsLog, Progress, StepLine, TrainSummary, bytes};
use crate::rows::Rows;
use crate::run::{
    Best, Changed, Changes, Claim, Memory, RunConfig, RunFolder, RunIdentity, RunModel, RunPlugins, RunState,
    TokenizerFolder, TrainOptions, checkpoint, compare, numerics, read_state, restore_model,
};
use crate::{Error, Result};
use serde_json::json;
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
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(config.train.threads)
        .build()
        .map_err(|error| Error::run(format!("train.threads: cannot start threads: {error}")))?;
    pool.install(|| {
        let (run, data) = Run::start(config, options)?;
        run.finish(&data)
    })
}

/// What the loop came to.
struct Trained {
    /// Of the last step; NaN when there was nothing left to do.
    loss: f64,
    /// That the trainer waited for batches.
    data_wait: Duration,
}

/// A run under way.
struct Run<'c> {
    config: &'c RunConfig,
    folder: RunFolder,
    claim: Claim,
    plugins: RunPlugins,
    tokenizer: TokenizerFolder,
    device: Device,
    /// Why it is the CPU, where a GPU was wanted if possible.
    why_cpu: Option<String>,
    memory: Memory,
    trainer: Trainer,
    evaluator: Evaluator,
    /// What validations read.
    validation: Option<Extent>,
    state: RunState,
    /// What is wrong with the loss or a metric and does not stop the run.
    warnings: Vec<String>,
    log: MetricsLog,
    progress: Progress,
    /// Whether checkpoints may be more than are kept. They go when a step has shown that the newest one is not spoilt.
    prune_due: bool,
}

impl<'c> Run<'c> {
    fn start(config: &'c RunConfig, options: &TrainOptions) -> Result<(Self, Dataset)> {
        let (device, why_cpu) = Device::open(config.train.device)?;
        // A run that is too large for any vocabulary ends before its data are read.
        Memory::of(config, 1, &device)?.check(config, 1, &device)?;
        // plugins
        let plugins = RunPlugins::open(config)?;
        let (program, evaluator) = programs(&plugins)?;
        // where the run stands
        let folder = RunFolder::of(config);
        let identity = RunIdentity::new(config, &plugins, &corpus::source_digest(&config.data)?)?;
        let mut claim = Claim::enter(folder.clone(), options)?;
        let reader = claim.base(options)?.map(|base| checkpoint::Reader::open(&base)).transpose()?;
        let saved = reader.as_ref().map(read_state).transpose()?;
        // data: a resumed run uses what it has, unless a change of it was allowed
        let changes = match &saved {
            Some(saved) => {
                numerics::check(saved.numerics, config, &plugins, &options.allow_changed)?;
                let run = (config, &plugins, &identity);
                compare(run, &saved.identity, &folder.config(), &options.allow_changed)?
            }
            None => Changes::default(),
        };
        let mut data = match &saved {
            Some(saved) if changes.same_data() => saved_data::open(config, &plugins, &folder, &claim, saved)?,
            _ => plugins.data.prepare(config, &claim.data_to_prepare()?)?,
        };
        // model
        let memory = Memory::of(config, data.tokenizer.n_tokens, &device)?;
        memory.check(config, data.tokenizer.n_tokens, &device)?;
        let mut trainer = Trainer::new(config, data.tokenizer.n_tokens, program, device.clone())?;
        let mut state = saved.unwrap_or_else(|| RunState::new(identity.clone()));
        state.identity = identity;
        state.changes.extend(changes.record().map(|changed| Changed { step: state.step, changed }));
        reader.as_ref().map_or(Ok(()), |reader| state::restore(reader, &mut trainer))?;
        let validation = validation_extent(config, &data)?;
        let tokenizer = TokenizerFolder::new(config, &data)?;
        // all that can be wrong was tried: the folder is this run's from here on
        let later = claim.take_over(reader.is_some().then_some(state.step))?;
        data.relocate(&folder.data());
        state.data = Some(data.manifest.digest());
        folder.describe(config, &plugins)?;
        state.numerics = numerics::NUMERICS;
        let log = match &reader {
            Some(_) => MetricsLog::resume(&folder.metrics(), state.step, is_finished(config, &state))?,
            None => MetricsLog::create(&folder.metrics())?,
        };
        let progress = Progress::new(config.train.steps, state.step, options.quiet);
        changes.line().iter().for_each(|line| progress.message(line));
        let mut run = Self {
            config,
            folder,
            claim,
            plugins,
            tokenizer,
            device,
            why_cpu,
            memory,
            trainer,
            warnings: evaluator.warnings().to_vec(),
            evaluator,
            validation,
            state,
            log,
            progress,
            // a kill may have come between a save and this
            prune_due: true,
        };
        run.note_start(options, &later)?;
        Ok((run, data))
    }

    /// Steps to the end, then the final report.
    fn finish(mut self, data: &Dataset) -> Result<(TrainSummary, RunPlugins)> {
        self.introduce(data);
        for warning in &self.warnings {
            self.progress.message(&format!("warning: {warning}"));
            if self.state.step == 0 {
                self.log.write(&json!({ "step": 0, "warning": warning }))?;
            }
        }
        let started = Instant::now();
        let first_step = self.state.step;
        let loader = loader(self.config, data, self.state.position)?;
        packing_line(self.config.data.packing, &loader).iter().for_each(|line| self.progress.message(line));
        let trained = std::thread::scope(|scope| {
            let mut batches = loader.ahead(scope, self.config.train.workers);
            self.steps(data, &mut batches, started)
        })?;
        self.progress.finish();
        if let Device::Gpu(gpu) = &self.device {
            let (peak, predicted) = (gpu.peak_memory()? as f64, self.memory.total());
            self.progress.message(&format!(
                "memory of the GPU: {} at most, {} predicted",
                bytes(peak),
                bytes(predicted)
            ));
        }
        let seconds = started.elapsed().as_secs_f64();
        let model = RunModel::of_run(&self.folder, self.config.train.patience)?;
        if model.step != self.state.step {
            restore_model(&checkpoint::Reader::open(&model.folder)?, &self.trainer.model)?;
        }
        let report =
            final_report(self.config, &self.plugins, data, &mut self.trainer.model, &self.evaluator, model.step)?;
        let last = json!({ "step": self.state.step, "model_step": model.step, "final": report });
        self.log.write_once("final", &last)?;
        let plugins = self.plugins.report();
        self.log.write_once("plugins", &json!({ "step": self.state.step, "plugins": plugins }))?;
        self.log.sync()?;
        self.claim.settle()?;
        self.prune()?;
        let tokens = (self.state.step - first_step) as f64 * self.tokens_per_step();
        let summary = TrainSummary {
            run: self.folder.root().to_owned(),
            steps: self.state.step,
            stopped_early: self.stopped_early(),
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
            warnings: self.warnings,
        };
        Ok((summary, self.plugins))
    }

    /// The loop.
    fn steps(&mut self, data: &Dataset, batches: &mut Ahead<'_, '_>, started: Instant) -> Result<Trained> {
        let train = &self.config.train;
        let mut trained = Trained { loss: f64::NAN, data_wait: Duration::ZERO };
        let mut peak = Peak::measure(self.trainer.model.engine())?;
        while self.state.step < train.steps && !self.stopped_early() {
            // data
            let asked = Instant::now();
            let micro_batches: Vec<Rows> =
                (0..train.accumulate).map(|_| batches.next_batch()).collect::<Result<_>>()?;
            let data_wait = asked.elapsed();
            trained.data_wait += data_wait;
            // forward, backward, update
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
            // log
            self.log_step(&report, rate, data_wait)?;
            self.progress.step(&StepLine {
                step: self.state.step,
                loss: trained.loss,
                lr: report.lr,
                tokens_per_second: rate,
                share_of_peak: peak
                    .share_checked(rate * self.trainer.model.flops_per_token(), self.trainer.model.engine()),
                seconds: started.elapsed().as_secs_f64(),
                data_wait: trained.data_wait.as_secs_f64(),
            });
            // validation, checkpoint
            let last = self.state.step == train.steps;
            let improved =
                if due(self.state.step, train.validate_every) || last { self.validate(data)? } else { false };
            let keep_best = improved && train.patience > 0;
            if due(self.state.step, train.checkpoint_every) || last || keep_best || self.stopped_early() {
                self.save(data)?;
            }
        }
        Ok(trained)
    }

    fn introduce(&self, data: &Dataset) {
        let config = self.config;
        for line in data.manifest.report.lines() {
            self.progress.message(&line);
        }
        self.progress.message(&format!(
            "model: {} layers, width {}, vocabulary {}, {} parameters; {} tokens a step, {} steps",
            config.model.layers,
            config.model.width,
            data.tokenizer.n_tokens,
            self.trainer.model.params().n_values(),
            self.tokens_per_step(),
            config.train.steps,
        ));
        let vocabulary = self.plugins.data.vocabulary(config, data.tokenizer.n_tokens);
        vocabulary.line().iter().for_each(|line| self.progress.message(line));
        self.plugins.metric_names().lines().for_each(|line| self.progress.message(&line));
        self.why_cpu.iter().for_each(|why| self.progress.message(why));
        if let Device::Gpu(gpu) = &self.device {
            let total = gpu.memory().map_or(0.0, |memory| memory.total as f64);
            let needed = bytes(self.memory.total());
            self.progress.message(&format!(
                "device: {} ({}), about {needed} of its {} needed",
                gpu.place(),
                gpu.name(),
                bytes(total)
            ));
        } else if config.train.precision == Precision::Bf16 && !has_bf16() {
            self.progress.message(
                "train.precision: this CPU has no bfloat16 dot product (AVX-512 BF16): it is emulated, \"f32\" is faster",
            );
        }
        if self.state.step > 0 {
            self.progress.message(&format!("resumed after step {}", self.state.step));
        }
    }

    /// Warns at the first step whose weight is negative: what is summed is minimised with the opposite sign.
    fn check_weight(&mut self, report: &StepReport) {
        let culprit = self.plugins.loss.culprit();
        if report.weight >= 0.0 || self.warnings.iter().any(|warning| warning.starts_with(culprit)) {
            return;
        }
        let (step, weight) = (self.state.step, report.weight);
        let warning = format!("{culprit}: the weight of step {step} is negative ({weight}), expected 0 or more");
        self.progress.message(&format!("warning: {warning}"));
        self.warnings.push(warning);
    }

    fn log_step(&mut self, report: &StepReport, rate: f64, data_wait: Duration) -> Result<()> {
        let record = step_record(self.state.step, report, self.trainer.output_names(), rate, data_wait);
        self.log.write(&record)
    }

    /// Measures the validation split; says whether it is the best so far.
    fn validate(&mut self, data: &Dataset) -> Result<bool> {
        let (Some(shard), Some(extent)) = (&data.validation, self.validation) else { return Ok(false) };
        let (config, step) = (self.config, self.state.step);
        let (context, token_bytes) = (config.model.context, &data.tokenizer.token_bytes);
        let (packing, batch, limit) = (config.data.packing, config.train.batch, config.train.validate_batches);
        let batches = packed_eval_batches(shard, packing, context, batch, token_bytes, limit)?;
        let values = self.evaluator.evaluate(&mut self.trainer.model, batches, step)?;
        self.log.write(&validation_record(step, extent, &values))?;
        self.progress.validation(step, extent, &values);
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

    fn tokens_per_step(&self) -> f64 {
        (self.config.train.batch * self.config.train.accumulate * self.config.model.context) as f64
    }
}

/// The loss compiled for steps, and with all metrics for validations.
fn programs(plugins: &RunPlugins) -> Result<(Program, Evaluator)> {
    let loss = plugins.loss.loss()?.describe()?;
    let culprit = |error: Error| error.context(format!("loss: {}", plugins.loss.culprit()));
    let program = Program::compile_for(&[&loss], SUPPLIED).map_err(culprit)?;
    Ok((program, Evaluator::new(&loss, plugins)?))
}

fn stopped_early(config: &RunConfig, state: &RunState) -> bool {
    let patience = config.train.patience;
    patience > 0 && state.best.is_some_and(|best| best.since >= patience)
}

/// Whether nothing is left to train.
fn is_finished(config: &RunConfig, state: &RunState) -> bool {
    state.step >= config.train.steps || stopped_early(config, state)
}

fn due(step: u64, every: u64) -> bool {
    every > 0 && step.is_multiple_of(every)
}
