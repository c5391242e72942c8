//! What a run will take before anything of it runs: parameters, memory and time, and what a budget is best spent on.

use super::step::{StepOptions, step};
use crate::ops::Device;
use crate::report::{bytes, count, duration};
use crate::run::{DataPlugins, DataSizes, Memory, ModelConfig, RunConfig};
use crate::{Error, Result};
use serde::Serialize;
use std::fmt::{self, Display, Formatter};

/// Steps that are timed first, to know how many are to be timed.
const FIRST_STEPS: u64 = 3;
/// Most steps that are timed.
const STEPS_MAX: u64 = 200;
/// What a forward takes of a step: a backward is two more of its products.
const FORWARD: f64 = 1.0 / 3.0;

/// Tokens for each parameter where computation is spent best (Hoffmann et al. 2022, arXiv 2203.15556).
const TOKENS_PER_PARAMETER: f64 = 20.0;
/// Width of a model for each of its layers (Kaplan et al. 2020, arXiv 2001.08361, figure 5: the loss hardly depends on
/// it between 30 and 200), and what widths are a multiple of.
const WIDTH_PER_LAYER: f64 = 64.0;
/// Peak learning rate times width (Yang et al. 2022, arXiv 2203.03466: narrower models take higher ones).
const RATE_TIMES_WIDTH: f64 = 0.5;

/// What is to be planned.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// Tokens of the vocabulary; found out from the tokenizer if none are given.
    pub vocab: Option<usize>,
    /// Seconds to measure steps for.
    pub seconds: f64,
    /// Seconds of training that a model is proposed for.
    pub budget: Option<f64>,
    /// Bytes that its training may take.
    pub memory: Option<f64>,
    /// Tokens that it may be trained on.
    pub tokens: Option<f64>,
}

/// What a run will take.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Name of the run.
    pub name: String,
    /// Numbers of the model.
    pub parameters: usize,
    /// Tokens of the vocabulary.
    pub vocab: usize,
    /// Where it is trained.
    pub device: String,
    /// Threads.
    pub threads: usize,
    /// Steps of the config.
    pub steps: u64,
    /// Tokens of a step.
    pub tokens_per_step: usize,
    /// Tokens of all steps.
    pub tokens: f64,
    /// Predicted peak memory, in bytes.
    pub memory: f64,
    /// Measured time of a step, in seconds: the median.
    pub seconds_per_step: f64,
    /// Steps that were measured.
    pub measured_steps: u64,
    /// Share of the speed of a large matrix product.
    pub share_of_peak: Option<f64>,
    /// Predicted time of all steps, in seconds.
    pub training_seconds: f64,
    /// Predicted time of validations while training, in seconds.
    pub validation_seconds: f64,
    /// What the budget is best spent on, where there is one.
    pub proposal: Option<Proposal>,
}

/// A model for a budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proposal {
    /// Layers.
    pub layers: usize,
    /// Width.
    pub width: usize,
    /// Heads of attention.
    pub heads: usize,
    /// Parameters of the blocks.
    pub parameters: f64,
    /// Tokens to train on.
    pub tokens: f64,
    /// Steps of as many tokens as the config's.
    pub steps: u64,
    /// Peak learning rate.
    pub lr: f64,
    /// Predicted time, in seconds, at the share of the machine's speed that was measured.
    pub seconds: f64,
    /// Predicted memory, in bytes.
    pub memory: f64,
    /// What limits it.
    pub limit: &'static str,
}

impl Plan {
    /// Seconds that the run will take, without preparing the data and the final report.
    pub fn seconds(&self) -> f64 {
        self.training_seconds + self.validation_seconds
    }
}

/// Plans a run: times some of its steps on random tokens, and counts the rest.
///
/// # Errors
/// A vocabulary that cannot be found out, and all that stops training.
pub fn plan(config: &RunConfig, options: &PlanOptions) -> Result<Plan> {
    let vocab = options.vocab.map_or_else(|| DataPlugins::open(config)?.expected_vocabulary(config), Ok)?;
    let vocab = config.vocab(vocab);
    let of_steps = |steps, warmup| step(config, &StepOptions { vocab: Some(vocab), steps, warmup, quiet: true });
    let first = of_steps(FIRST_STEPS, 1)?;
    let fits = (1e3 * options.seconds / first.milliseconds.median) as u64;
    let timed = if fits > FIRST_STEPS { of_steps(fits.min(STEPS_MAX), 2)? } else { first };
    let (train, seconds) = (&config.train, timed.milliseconds.median / 1e3);
    // the last step is followed by one whatever the others are
    let validations = if train.validate_every == 0 { 1 } else { train.steps.div_ceil(train.validate_every) };
    let batch = seconds * FORWARD / train.accumulate.max(1) as f64;
    let validation_seconds =
        if config.data.has_validation() { validations as f64 * train.validate_batches as f64 * batch } else { 0.0 };
    let mut plan = Plan {
        name: config.run.name.clone(),
        parameters: timed.parameters,
        vocab,
        device: timed.device.clone(),
        threads: timed.threads,
        steps: train.steps,
        tokens_per_step: timed.tokens,
        tokens: train.steps as f64 * timed.tokens as f64,
        memory: timed.predicted_memory as f64,
        seconds_per_step: seconds,
        measured_steps: timed.steps,
        share_of_peak: timed.share_of_peak,
        training_seconds: seconds * train.steps as f64,
        validation_seconds,
        proposal: None,
    };
    if options.budget.is_some() || options.tokens.is_some() || options.memory.is_some() {
        let flops = timed.peak_gflops * 1e9 * timed.share_of_peak.unwrap_or(0.5);
        plan.proposal = Some(propose(config, options, &plan, flops)?);
    }
    Ok(plan)
}

/// A model for the budget: parameters and tokens by the compute-optimal rule, layers and width by the shape rule, and
/// fewer layers until it fits into the memory. `flops` is what the machine computes in a second.
fn propose(config: &RunConfig, options: &PlanOptions, plan: &Plan, flops: f64) -> Result<Proposal> {
    let by_time = options.budget.map(|seconds| (seconds * flops / (6.0 * TOKENS_PER_PARAMETER)).sqrt());
    let by_tokens = options.tokens.map(|tokens| tokens / TOKENS_PER_PARAMETER);
    let (wanted, mut limit) = match (by_time, by_tokens) {
        (Some(time), Some(tokens)) if tokens < time => (tokens, "tokens"),
        (Some(time), _) => (time, "time"),
        (None, Some(tokens)) => (tokens, "tokens"),
        (None, None) => (f64::INFINITY, "memory"),
    };
    let (device, _) = Device::open(config.train.device)?;
    let most = options.memory.unwrap_or(f64::INFINITY);
    // 12 · layers · width² with width = 64 · layers
    let deepest = (wanted / (12.0 * WIDTH_PER_LAYER * WIDTH_PER_LAYER)).cbrt().ceil().clamp(1.0, 128.0) as usize;
    for layers in (1..=deepest).rev() {
        let (width, heads) = (layers * WIDTH_PER_LAYER as usize, layers);
        let parameters = 12.0 * layers as f64 * (width * width) as f64;
        let tokens = options.tokens.unwrap_or(TOKENS_PER_PARAMETER * parameters);
        let head = (plan.vocab * width) as f64;
        let seconds = 6.0 * (parameters + head) * tokens / flops;
        if options.budget.is_some_and(|budget| seconds > budget) && layers > 1 {
            continue;
        }
        let memory = memory_of(config, plan.vocab, &device, [layers, heads, width])?;
        if memory > most && layers > 1 {
            limit = "memory";
            continue;
        }
        return Ok(Proposal {
            layers,
            width,
            heads,
            parameters,
            tokens,
            steps: (tokens / plan.tokens_per_step.max(1) as f64).ceil() as u64,
            lr: RATE_TIMES_WIDTH / width as f64,
            seconds,
            memory,
            limit,
        });
    }
    Err(Error::run("no model is small enough for this budget"))
}

/// The memory that the config's model would take with these layers, heads and width.
fn memory_of(config: &RunConfig, vocab: usize, device: &Device, [layers, heads, width]: [usize; 3]) -> Result<f64> {
    let mut config = config.clone();
    let mut sizes = vec![("layers", layers), ("heads", heads), ("width", width)];
    for (key, size) in [("kv_heads", heads), ("hidden", 4 * width)] {
        sizes.extend(config.model.size(key).map(|_| (key, size)));
    }
    sizes.into_iter().for_each(|(key, size)| ModelConfig::set(&mut config.model, key, size));
    Ok(Memory::of(&config, DataSizes { vocab, labels: config.task.listed_labels() }, device)?.total())
}

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let share = self.share_of_peak.map(|share| format!(", {:.0}% of peak", 100.0 * share)).unwrap_or_default();
        writeln!(f, "run        {}", self.name)?;
        writeln!(f, "model      {} parameters, vocabulary {}", count(self.parameters as f64), self.vocab)?;
        writeln!(f, "machine    {}, {} threads", self.device, self.threads)?;
        writeln!(
            f,
            "step       {} tokens in {:.0} ms, the median of {} steps{share}",
            self.tokens_per_step,
            1e3 * self.seconds_per_step,
            self.measured_steps
        )?;
        writeln!(f, "memory     about {}", bytes(self.memory))?;
        let (all, training) = (duration(self.seconds()), duration(self.training_seconds));
        let validation = duration(self.validation_seconds);
        let tokens = count(self.tokens);
        writeln!(
            f,
            "time       about {all}: {} steps ({tokens} tokens) {training}, validations {validation};",
            self.steps
        )?;
        write!(f, "           preparing the data and the final report are not in it")?;
        let Some(Proposal { layers, width, heads, parameters, tokens, steps, lr, seconds, memory, limit }) =
            &self.proposal
        else {
            return Ok(());
        };
        let (parameters, tokens) = (count(*parameters), count(*tokens));
        let (time, memory) = (duration(*seconds), bytes(*memory));
        let blocks = format!("{layers} layers of width {width}, {heads} heads: {parameters} parameters in its blocks");
        let per_step = self.tokens_per_step;
        writeln!(f, "\n\nfor this budget, limited by {limit}\nmodel      {blocks}")?;
        writeln!(f, "training   {tokens} tokens ({TOKENS_PER_PARAMETER} a parameter, arXiv 2203.15556)")?;
        writeln!(f, "           {steps} steps of {per_step}, optimizer.lr = {lr:.1e}")?;
        write!(f, "takes      about {time} and {memory}")
    }
}
