//! Times whole optimizer steps.

use super::process::{peak_memory, processor_time};
use super::random::random_batch;
use super::report::{GroupTime, Spread, StepBench};
use super::{check_above_zero, compile};
use crate::feed::Position;
use crate::loss::{CrfLoss, Objective};
use crate::ops::{Device, OpGroup, Peak};
use crate::plugin::Plugin;
use crate::report::{Progress, Record, Sink, Step};
use crate::rows::Rows;
use crate::run::{DataSizes, Memory, RunConfig, RunPlugins, RunTask, on_threads};
use crate::train::{Trainer, loader};
use crate::{Error, Result};
use std::time::{Duration, Instant};
use trainyard_plugin::Kind;

/// What to time.
#[derive(Debug, Clone)]
pub struct StepOptions {
    /// Train on random tokens of a vocabulary of this size; without it, on the config's data.
    pub vocab: Option<usize>,
    /// Steps that are timed.
    pub steps: u64,
    /// Steps before them, in which memory is allocated.
    pub warmup: u64,
    /// No progress on stderr.
    pub quiet: bool,
}

/// Times steps of the config's model, loss, optimizer and precision on its number of threads. A step is all that
/// [`Trainer::step`] does; making its batch is not in it.
///
/// # Errors
/// A vocabulary or a number of steps of 0, and all that stops training.
pub fn step(config: &RunConfig, options: &StepOptions) -> Result<StepBench> {
    check_above_zero(&[("--steps", options.steps), ("--vocab", options.vocab.unwrap_or(1) as u64)])?;
    on_threads(config.train.threads, "train.threads", || match options.vocab {
        Some(vocab) => {
            let objective = objective(config, &Plugin::open(&config.loss, Kind::Loss)?)?;
            let sizes = DataSizes { vocab, labels: config.task.listed_labels() };
            let batches = (0..).map(|index| random_batch(config, sizes, index));
            time(config, options, sizes, objective, batches)
        }
        None => {
            let plugins = RunPlugins::open(config)?;
            let objective = objective(config, &plugins.loss)?;
            let folder = tempfile::tempdir().map_err(|error| Error::run(format!("temporary folder: {error}")))?;
            let data = plugins.data.prepare(config, folder.path())?;
            let task = RunTask::open(config, &plugins.data.tokenizer, &data)?;
            let mut loader = loader(config, &task, &data, Position::default())?;
            let batches = std::iter::repeat_with(|| loader.next_batch());
            time(config, options, task.sizes, objective, batches)
        }
    })
}

/// What a step minimises.
pub(super) fn objective(config: &RunConfig, loss: &Plugin) -> Result<Objective> {
    match config.task.has_crf() {
        true => Ok(Objective::Crf(CrfLoss::default())),
        false => compile(loss, config.task.supplied()).map(Into::into),
    }
}

/// The config's model, optimizer and objective on its device, and the memory that they are predicted to need.
pub(super) fn trainer(config: &RunConfig, sizes: DataSizes, objective: Objective) -> Result<(Trainer, Memory, Device)> {
    let (device, _) = Device::open(config.train.device)?;
    let predicted = Memory::checked(config, sizes, &device)?;
    let described = config.model.described(sizes)?.of_run(config)?;
    let trainer = Trainer::new(config, described, objective, device.clone())?;
    // weights that are to be loaded are random here
    trainer.model.params().draw(|_| true)?;
    Ok((trainer, predicted, device))
}

fn time(
    config: &RunConfig,
    options: &StepOptions,
    sizes: DataSizes,
    objective: Objective,
    mut batches: impl Iterator<Item = Rows>,
) -> Result<StepBench> {
    let (mut trainer, predicted, device) = trainer(config, sizes, objective)?;
    let total = options.warmup + options.steps;
    let mut progress = Progress::new(total, 0, 0.0, options.quiet);
    let mut peak = Peak::measure(trainer.model.engine())?;
    let mut seconds = Vec::new();
    let (mut begun, mut processor) = (Instant::now(), processor_time());
    let (started, mut loss, mut tokens) = (Instant::now(), f64::NAN, 0);
    for step in 0..total {
        if step == options.warmup {
            trainer.model.engine().take_times();
            seconds.clear();
            (begun, processor) = (Instant::now(), processor_time());
        }
        let micro_batches: Vec<Rows> = batches.by_ref().take(config.train.accumulate).collect();
        let step_begun = Instant::now();
        let report = trainer.step(step, &micro_batches)?;
        seconds.push(step_begun.elapsed().as_secs_f64());
        (loss, tokens) = (report.outputs[0], report.tokens);
        let tokens_per_second = tokens as f64 / step_begun.elapsed().as_secs_f64();
        progress.write(&Record::Step(Step {
            step: step + 1,
            loss,
            lr: report.lr,
            tokens_per_second,
            share_of_peak: peak.share(tokens_per_second * trainer.model.flops_per_token()),
            seconds: Some(started.elapsed().as_secs_f64()),
            ..Step::default()
        }))?;
    }
    let cores_busy = processor.and_then(|before| cores_busy(before, begun.elapsed()));
    progress.finish();
    let peak_memory = device.gpu().map_or_else(|| Ok(peak_memory()), |gpu| gpu.peak_memory().map(Some))?;
    peak.measure_again(trainer.model.engine())?;
    let more: Vec<Rows> = batches.take(config.train.accumulate).collect();
    let groups = groups(&mut trainer, &seconds, total, &more)?;
    let milliseconds = Spread::of(seconds.iter().map(|seconds| 1e3 * seconds).collect());
    let tokens_per_second = 1e3 * tokens as f64 / milliseconds.median;
    let model = &trainer.model;
    Ok(StepBench {
        layers: trainer.described().network.blocks.len(),
        width: trainer.described().width,
        context: config.model.context(),
        vocab: sizes.vocab,
        parameters: model.params().n_values(),
        tokens,
        precision: config.train.precision,
        device: device.to_string(),
        threads: rayon::current_num_threads(),
        steps: options.steps,
        loss,
        milliseconds,
        tokens_per_second,
        peak_gflops: peak.flops() / 1e9,
        flops_per_token: model.flops_per_token(),
        share_of_peak: peak.share(tokens_per_second * model.flops_per_token()),
        cores_busy,
        peak_memory,
        predicted_memory: predicted.total() as u64,
        groups,
    })
}

/// Processor time since it was `before`, over the time since then.
fn cores_busy(before: Duration, wall: Duration) -> Option<f64> {
    Some((processor_time()? - before).as_secs_f64() / wall.as_secs_f64())
}

/// Times per group of operations: on the CPU those of the timed steps, on a GPU those of one step more, in which each
/// operation is waited for.
fn groups(trainer: &mut Trainer, seconds: &[f64], step: u64, micro_batches: &[Rows]) -> Result<Vec<GroupTime>> {
    if trainer.model.engine().device().gpu().is_none() {
        return Ok(group_times(trainer, seconds));
    }
    trainer.model.engine().wait_for_each(true);
    trainer.model.engine().take_times();
    let begun = Instant::now();
    trainer.step(step, micro_batches)?;
    Ok(group_times(trainer, &[begun.elapsed().as_secs_f64()]))
}

/// Means over the timed steps, whose times are `seconds`.
fn group_times(trainer: &Trainer, seconds: &[f64]) -> Vec<GroupTime> {
    let step = 1e3 * seconds.iter().sum::<f64>() / seconds.len() as f64;
    let group = |name: String, milliseconds: f64| GroupTime { group: name, milliseconds, share: milliseconds / step };
    let per_step = |time: Duration| 1e3 * time.as_secs_f64() / seconds.len() as f64;
    let name = |counted: OpGroup| format!("{counted:?}").to_lowercase();
    let times = trainer.model.engine().take_times();
    let mut groups: Vec<_> = times.map(|(counted, time)| group(name(counted), per_step(time))).into();
    let counted: f64 = groups.iter().map(|group| group.milliseconds).sum();
    groups.push(group("other".into(), step - counted));
    groups
}
