//! Times steps of several ranks and the network between them, and predicts those of more.

use super::check_above_zero;
use super::random::random_batch;
use super::report::Spread;
use super::step::{objective, trainer};
use crate::model::Model;
use crate::ops::OpGroup;
use crate::plugin::Plugin;
use crate::ranks::{Cost, Group, Network, Trained, Way, Work};
use crate::report::{bytes, count};
use crate::rows::{InputSet, PlacedRows, Rows};
use crate::run::{DataSizes, RunConfig, Strategy, on_threads};
use crate::train::Trainer;
use crate::{Error, Result};
use serde::Serialize;
use std::fmt::{self, Display, Formatter};
use std::time::Instant;
use trainyard_plugin::Kind;

/// What to time.
#[derive(Debug, Clone)]
pub struct RanksOptions {
    /// Tokens that the model knows.
    pub vocab: usize,
    /// Steps that are timed, alone and together.
    pub steps: u64,
    /// Seconds of a message, and bytes a second, where they are not those of this job's network.
    pub network: (Option<f64>, Option<f64>),
    /// Numbers of ranks to predict.
    pub ranks: Vec<usize>,
    /// Steps between two meetings, where ranks train alone.
    pub local_steps: u64,
}

/// What `bench ranks` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RanksBench {
    /// Ranks of this job.
    pub ranks: usize,
    /// Threads of each.
    pub threads: usize,
    /// Numbers that are trained.
    pub parameters: usize,
    /// Tokens of a rank in a step.
    pub tokens: usize,
    /// Milliseconds of a rank's share of a step, without sending: of the slowest rank.
    pub compute_ms: f64,
    /// The share of the update in them.
    pub update_ms: f64,
    /// Microseconds of the shortest message.
    pub latency_us: f64,
    /// Bytes a second in each direction.
    pub bandwidth: f64,
    /// Milliseconds of a step of this job, as its config says; none of one rank.
    pub measured_ms: Option<Spread>,
    /// Their mean, which counts the meetings of ranks that train alone in between.
    pub mean_ms: Option<f64>,
    /// The same by the prediction.
    pub predicted_ms: f64,
    /// Steps between two meetings, in the predictions.
    pub local_steps: u64,
    /// Steps of these in which ranks train on while they send.
    pub overlap_steps: u64,
    /// Parts of the model that meet one after the other.
    pub fragments: u64,
    /// Other numbers of ranks.
    pub predictions: Vec<Prediction>,
}

/// Steps of a number of ranks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// How many.
    pub ranks: usize,
    /// How they train: `replicated`, `zero-1`, `local_steps`, `asynchronous`.
    pub strategy: &'static str,
    /// Milliseconds of a step.
    pub ms: f64,
    /// Bytes that the busiest rank sends in a step.
    pub sent: f64,
    /// Tokens that all of them train.
    pub tokens_per_second: f64,
    /// The speed by that of as many ranks that send nothing.
    pub efficiency: f64,
}

/// Times steps of the config's model on random tokens: a rank's share alone, then together with the `group` of this
/// process. Returns the result on the first rank, none on the others.
///
/// # Errors
/// No network to measure or to read from the options, micro-batches that cannot be shared out, what stops training.
pub fn ranks(config: &RunConfig, options: &RanksOptions, group: Option<&Group>) -> Result<Option<RanksBench>> {
    check_above_zero(&[
        ("--steps", options.steps),
        ("--vocab", options.vocab as u64),
        ("--local-steps", options.local_steps),
    ])?;
    on_threads(config.train.threads, "train.threads", || {
        let size = group.map_or(1, Group::size);
        let sizes = DataSizes { vocab: options.vocab, labels: config.task.listed_labels() };
        let mut trainer = trainer_of(config, sizes)?;
        let mine = (config.train.accumulate / size).max(1);
        let batches =
            |n: usize| -> Vec<Rows> { (0..n as u64).map(|index| random_batch(config, sizes, index)).collect() };
        let Times { steps: alone, update, .. } = timed(&mut trainer, &batches(mine), options.steps)?;
        let tensors = trained(&mut trainer.model, config, sizes, options.steps)?;
        let work = Work { compute: slowest(group, alone.median)? / 1e3, update: update / 1e3, tensors, width: 4 };
        let network = network(options, group)?;
        let all = batches(config.train.accumulate);
        let measured = group.map(|group| together((config, sizes), options.steps, group, &all)).transpose()?;
        let is_first = group.is_none_or(|group| group.rank() == 0);
        let fragments = config.ranks.fragments.min(options.local_steps);
        let overlap = config.ranks.overlap_steps.min((options.local_steps / fragments).saturating_sub(1));
        let meeting = Way::Meeting { steps: options.local_steps, overlap, fragments };
        let tokens = mine * config.train.batch * config.model.context();
        let predict = |&(strategy, way, ranks): &(&'static str, Way, usize)| {
            let Cost { seconds, sent } = network.step(&work, way, ranks);
            let tokens_per_second = (ranks * tokens) as f64 / seconds;
            Prediction {
                ranks,
                strategy,
                ms: 1e3 * seconds,
                sent,
                tokens_per_second,
                efficiency: work.compute / seconds,
            }
        };
        let own = way(config);
        Ok(is_first.then(|| RanksBench {
            ranks: size,
            threads: rayon::current_num_threads(),
            parameters: work.tensors.iter().map(|tensor| tensor.numbers).sum(),
            tokens,
            compute_ms: 1e3 * work.compute,
            update_ms: 1e3 * work.update,
            latency_us: 1e6 * network.latency,
            bandwidth: network.bandwidth,
            measured_ms: measured.as_ref().map(|times| times.steps),
            mean_ms: measured.map(|times| times.mean),
            predicted_ms: 1e3 * network.step(&work, own, size).seconds,
            local_steps: options.local_steps,
            overlap_steps: overlap,
            fragments,
            predictions: ways(options.local_steps, meeting, &options.ranks).iter().map(predict).collect(),
        }))
    })
}

fn trainer_of(config: &RunConfig, sizes: DataSizes) -> Result<Trainer> {
    let objective = objective(config, &Plugin::open(&config.loss, Kind::Loss)?)?;
    Ok(trainer(config, sizes, objective)?.0)
}

/// Milliseconds of some steps.
struct Times {
    steps: Spread,
    mean: f64,
    /// Their updates, on average.
    update: f64,
}

/// The times of steps of these micro-batches.
fn timed(trainer: &mut Trainer, micro_batches: &[Rows], steps: u64) -> Result<Times> {
    let mut times = Vec::new();
    // the first two steps find their memory
    for step in 0..steps + 2 {
        if step == 2 {
            trainer.model.engine().take_times();
        }
        let begun = Instant::now();
        trainer.step(step, micro_batches)?;
        times.extend((step >= 2).then(|| 1e3 * begun.elapsed().as_secs_f64()));
    }
    let groups = trainer.model.engine().take_times();
    let update =
        groups.iter().find(|(group, _)| *group == OpGroup::Optimizer).map_or(0.0, |(_, time)| time.as_secs_f64());
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    Ok(Times { steps: Spread::of(times), mean, update: 1e3 * update / steps as f64 })
}

/// What is trained, in the order in which its gradients are whole, by the fastest of some backwards of one micro-batch.
fn trained(model: &mut Model, config: &RunConfig, sizes: DataSizes, times: u64) -> Result<Vec<Trained>> {
    let numbers = |name: &&str| {
        let (_, param) = model.params().iter().find(|(other, param)| other == name && param.grad.is_some())?;
        Some(param.value.elem_count())
    };
    let stages: Vec<Vec<usize>> =
        model.stages().iter().map(|names| names.iter().filter_map(numbers).collect()).collect();
    let mut fastest: Option<Vec<f64>> = None;
    let rows = random_batch(config, sizes, 0);
    for _ in 0..times {
        let placed = PlacedRows::new(model.engine(), &rows, InputSet::default())?;
        let tokens = placed.tokens();
        let dhidden = model.forward(&tokens, None)?.zeros_like()?;
        let begun = Instant::now();
        let mut ends = Vec::with_capacity(stages.len());
        for stage in 0..stages.len() {
            model.backward_stage(stage, &tokens, None, &dhidden)?;
            ends.push(begun.elapsed().as_secs_f64());
        }
        if fastest.as_ref().is_none_or(|fastest| ends.last() < fastest.last()) {
            fastest = Some(ends);
        }
    }
    let ends = fastest.unwrap_or_default();
    let end = ends.last().copied().unwrap_or_default();
    let of_stage = |(numbers, whole): (Vec<usize>, f64)| {
        numbers.into_iter().map(move |numbers| Trained { numbers, left: end - whole })
    };
    Ok(stages.into_iter().zip(ends).flat_map(of_stage).collect())
}

/// Milliseconds of the steps of all ranks together.
fn together(
    (config, sizes): (&RunConfig, DataSizes),
    steps: u64,
    group: &Group,
    micro_batches: &[Rows],
) -> Result<Times> {
    let mut trainer = trainer_of(config, sizes)?;
    trainer.join(Some(group.clone()))?;
    timed(&mut trainer, micro_batches, steps)
}

/// The largest of all ranks' numbers.
fn slowest(group: Option<&Group>, own: f64) -> Result<f64> {
    let Some(group) = group else { return Ok(own) };
    let all = group.share_bytes(&own.to_le_bytes())?;
    let number = |bytes: &Vec<u8>| bytes.first_chunk().map_or(own, |bytes| f64::from_le_bytes(*bytes));
    Ok(all.iter().map(number).fold(own, f64::max))
}

/// The network to predict for: what the options say of it, and else this job's.
fn network(options: &RanksOptions, group: Option<&Group>) -> Result<Network> {
    let measured = group.map(Network::measured).transpose()?.flatten();
    let given = |option: Option<f64>, measured: Option<f64>| {
        option.or(measured).ok_or_else(|| {
            Error::usage(
                "one process has no network to measure: start it by mpirun, or say --latency-us and --gbit of another one",
            )
        })
    };
    let (latency, bandwidth) = options.network;
    Ok(Network {
        latency: given(latency, measured.map(|network| network.latency))?,
        bandwidth: given(bandwidth, measured.map(|network| network.bandwidth))?,
    })
}

/// How the config's ranks train.
fn way(config: &RunConfig) -> Way {
    match (config.ranks.local_steps, config.ranks.strategy) {
        (0, Strategy::Replicated) => Way::Replicated,
        (0, Strategy::Zero1) => Way::Zero1,
        (steps, _) if config.ranks.asynchronous => Way::Apart(steps),
        (steps, _) => Way::Meeting { steps, overlap: config.ranks.overlap_steps, fragments: config.ranks.fragments },
    }
}

/// All that is predicted, by number of ranks.
fn ways(steps: u64, meeting: Way, ranks: &[usize]) -> Vec<(&'static str, Way, usize)> {
    let ways = [
        ("replicated", Way::Replicated),
        ("zero-1", Way::Zero1),
        ("local_steps", meeting),
        ("asynchronous", Way::Apart(steps)),
    ];
    ranks.iter().flat_map(|&ranks| ways.map(|(name, way)| (name, way, ranks))).collect()
}

impl Display for RanksBench {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { ranks, threads, parameters, tokens, compute_ms, update_ms, .. } = self;
        writeln!(
            f,
            "job         ranks {ranks}, threads of each {threads}, {} parameters, {} tokens of a rank a step",
            count(*parameters as f64),
            count(*tokens as f64)
        )?;
        writeln!(f, "compute     {compute_ms:.1} ms a step of the slowest rank, of it {update_ms:.1} ms the update")?;
        writeln!(f, "network     {:.1} µs a message, {}/s in each direction", self.latency_us, bytes(self.bandwidth))?;
        if let (Some(measured), Some(mean)) = (&self.measured_ms, self.mean_ms) {
            writeln!(
                f,
                "step        {:.1} ms predicted, {mean:.1} ms on average measured: {measured}",
                self.predicted_ms
            )?;
        }
        let settings = [("overlap_steps", self.overlap_steps, 0), ("fragments", self.fragments, 1)];
        let set = settings.iter().filter(|(_, value, default)| value != default);
        let set: String = set.map(|(key, value, _)| format!(", {key} = {value}")).collect();
        let steps = self.local_steps;
        writeln!(f, "\npredicted   local_steps = {steps}{set}; gradients are sent while others are computed")?;
        write!(
            f,
            "{:>6}  {:<13}{:>11}{:>13}{:>14}{:>12}",
            "ranks", "strategy", "ms a step", "sent a step", "tokens/s", "efficiency"
        )?;
        for of in &self.predictions {
            let (sent, tokens) = (bytes(of.sent), count(of.tokens_per_second));
            write!(
                f,
                "\n{:>6}  {:<13}{:>11.1}{sent:>13}{tokens:>14}{:>12.3}",
                of.ranks, of.strategy, of.ms, of.efficiency
            )?;
        }
        Ok(())
    }
}
