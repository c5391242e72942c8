//! One optimizer step: micro-batches forward and backward, checks, one update.

use super::apart::Outer;
use super::gradients::{Sum, Summing, Waiting, sum_totals};
use crate::base::random::Stream;
use crate::loss::{Objective, Ratio, Totals, selected};
use crate::model::{Dropout, Model, Purpose, Spec};
use crate::ops::update::{Outcome, Step};
use crate::ops::{Device, Engine, Gpu, Inbox, Replay, Tensor};
use crate::optim::Optimizer;
use crate::ranks::Group;
use crate::rows::{PlacedRows, Rows};
use crate::run::{Described, RunConfig, Strategy};
use crate::{Error, Result};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Everything that a step changes or needs.
pub struct Trainer {
    /// The network.
    pub model: Model,
    /// The optimizer with its state.
    pub optimizer: Optimizer,
    loss: Objective,
    totals: Totals,
    dropout: Stream,
    /// `[rows, C]`: gradient of the last hidden states; made at the first step.
    dhidden: Option<Tensor>,
    /// On a GPU: where batches arrive, made at the first step, and the launches of a micro-batch.
    inbox: Option<Inbox>,
    replay: Replay,
    /// Micro-batches of this step that wait to be added up.
    waiting: Waiting,
    /// The ranks that share its micro-batches.
    ranks: Option<Group>,
    /// Places of the gradients that are whole after each stage of a backward.
    stages: Vec<Vec<usize>>,
    /// Time in which this rank had nothing to do but to wait for the network and for others.
    waited: Duration,
    /// Where they train alone and meet.
    outer: Option<Outer>,
    config: RunConfig,
    described: Described,
}

/// What one step did.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// Mean over the step's rows of every output of the loss; the first is the loss.
    pub outputs: Vec<f64>,
    /// Norm of the gradient before clipping.
    pub grad_norm: f64,
    /// Learning rate.
    pub lr: f64,
    /// Tokens predicted.
    pub tokens: usize,
    /// What the loss's sum was divided by.
    pub weight: f64,
}

impl Trainer {
    /// A new network, as described for the tokens of the data, and optimizer on `device`.
    ///
    /// # Errors
    /// A device that cannot hold them, a pattern in `train.freeze` or of a group of the optimizer without a parameter.
    pub fn new(config: &RunConfig, described: Described, loss: impl Into<Objective>, device: Device) -> Result<Self> {
        let loss = loss.into();
        let train = &config.train;
        let engine = Engine::on(device, train.precision).deterministic(train.deterministic);
        let purpose = if train.recompute { Purpose::Recomputing } else { Purpose::Training };
        let frozen = described.frozen(&train.freeze)?;
        let field = &described.field;
        let quantized = described.quantized(config);
        // of a model that is loaded, what the folder does not have is drawn then
        let is_loaded = config.start.is_some();
        let whole = Spec::new(described.whole(), config.model.context(), purpose);
        let spec = Spec { frozen, quantized, field, is_loaded, ..whole };
        let model = Model::new(&spec, engine, config.run.seed)?;
        Ok(Self {
            optimizer: Optimizer::new(&config.optimizer, model.params(), model.engine())?,
            totals: Totals::new(model.engine(), loss.outputs().len())?,
            dropout: Stream::new(config.run.seed, "dropout"),
            loss,
            dhidden: None,
            inbox: None,
            replay: Replay::default(),
            waiting: Waiting::default(),
            ranks: None,
            stages: Vec::new(),
            waited: Duration::ZERO,
            outer: None,
            config: config.clone(),
            described,
            model,
        })
    }

    /// Shares the micro-batches of every step with the other ranks, if there are any.
    ///
    /// # Errors
    /// Micro-batches that cannot be shared out to so many, a GPU.
    pub fn join(&mut self, ranks: Option<Group>) -> Result<()> {
        if let Some(group) = &ranks {
            group.share(self.config.train.accumulate)?;
            if self.model.engine().device().gpu().is_some() {
                let message = "train.device: several ranks train on CPUs so far, got a GPU";
                return Err(Error::usage(format!("{message}; set it to \"cpu\", or start one process")));
            }
        }
        if let Some(group) = ranks.as_ref().filter(|_| self.config.ranks.strategy == Strategy::Zero1) {
            self.optimizer.share_out(group)?;
        }
        if self.config.ranks.local_steps > 0 {
            if ranks.is_none() {
                let message = format!("ranks.local_steps = {}: expected several ranks", self.config.ranks.local_steps);
                return Err(Error::usage(format!(
                    "{message}, got one process; start it by mpirun, or leave the key out"
                )));
            }
            let params = self.model.params().iter().filter(|(_, param)| param.grad.is_some());
            let params = params.map(|(name, param)| (name.to_owned(), param.value.clone())).collect();
            self.outer = Some(Outer::new(&self.config.ranks, &self.config.train, params)?);
        }
        let places = |names: &Vec<&str>| names.iter().filter_map(|name| self.optimizer.place_of(name)).collect();
        self.stages = self.model.stages().iter().map(places).collect();
        self.ranks = ranks;
        Ok(())
    }

    /// The ranks that it trains with, if there are any.
    pub(super) fn ranks(&self) -> Option<&Group> {
        self.ranks.as_ref()
    }

    /// Time in which this rank had nothing to do but to wait for the network and for others.
    pub(super) fn waited(&self) -> Duration {
        self.waited
    }

    /// The ranks' outer optimizer, where they train alone and meet.
    pub(super) fn outer(&self) -> Option<&Outer> {
        self.outer.as_ref()
    }

    /// Names of the loss's outputs.
    pub fn output_names(&self) -> &[String] {
        self.loss.outputs()
    }

    /// The run's config.
    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    /// What the model's plugin said.
    pub fn described(&self) -> &Described {
        &self.described
    }

    /// Step `step`, counted from 0, of all its micro-batches, of which a rank computes its share. The gradient is that
    /// of the mean over all rows of all micro-batches. When the loss or a gradient is not finite nothing is updated and
    /// the error says which step and what.
    ///
    /// # Errors
    /// A loss or gradient that is not finite, a step in which no row counts, a device that fails.
    pub fn step(&mut self, step: u64, micro_batches: &[Rows]) -> Result<StepReport> {
        let all = 0..micro_batches.len();
        let mine = self.ranks.as_ref().map_or(Ok(all), |group| group.share(micro_batches.len()))?;
        let report = self.part(step, micro_batches, mine)?;
        if let (Some(outer), Some(group)) = (&mut self.outer, &self.ranks) {
            let begun = Instant::now();
            outer.stepped(self.model.engine(), group, step + 1)?;
            self.waited += begun.elapsed();
        }
        Ok(report)
    }

    /// As [`Trainer::step`], of the micro-batches `mine` alone: one update of this rank's parameters.
    ///
    /// # Errors
    /// As [`Trainer::step`].
    pub(super) fn part(&mut self, step: u64, micro_batches: &[Rows], mine: Range<usize>) -> Result<StepReport> {
        self.optimizer.zero_gradients(self.model.engine())?;
        self.totals.clear()?;
        self.waiting.clear();
        let first = step * micro_batches.iter().map(|rows| rows.sequences as u64).sum::<u64>();
        match self.model.engine().device().clone() {
            Device::Cpu => self.accumulate_on_cpu(step, first, micro_batches, mine)?,
            Device::Gpu(gpu) => self.accumulate_on_gpu(&gpu, step, first, micro_batches)?,
        }
        let share = self.config.schedule.share(step, self.config.train.steps);
        let lr = share * self.optimizer.peak_lr();
        let constants = Step { number: self.optimizer.number(step), lr, clip: self.config.train.clip };
        self.optimizer.judge(self.model.engine(), &self.totals.loss(), &constants)?;
        if step == 0 {
            check_finite(step, &self.optimizer.outcome()?)?;
            self.check_gradients()?;
        }
        self.optimizer.update(self.model.engine(), &constants)?;
        let outcome = self.optimizer.outcome()?;
        check_finite(step, &outcome)?;
        let outputs = self.totals.read()?.iter().map(Ratio::value).collect();
        let tokens = micro_batches.iter().map(|rows| rows.inputs.len()).sum();
        Ok(StepReport { outputs, grad_norm: outcome.grad_norm, lr, tokens, weight: outcome.weight })
    }

    /// This rank's share, and the sum over all ranks.
    fn accumulate_on_cpu(&mut self, step: u64, first: u64, micro_batches: &[Rows], mine: Range<usize>) -> Result<()> {
        let gradients = self.optimizer.gradients();
        let together = self.ranks.clone().filter(|_| self.outer.is_none());
        let firsts = first_sequences(first, micro_batches);
        for (i, (rows, first)) in micro_batches.iter().zip(firsts).enumerate().take(mine.end).skip(mine.start) {
            let placed = PlacedRows::new(self.model.engine(), rows, self.loss.inputs())?;
            let is_last = i + 1 == mine.end;
            match &together {
                Some(group) if is_last => self.accumulate_and_sum(group, (step, first), &placed, &gradients)?,
                _ => self.accumulate(step, first, &placed)?,
            }
            let engine = self.model.engine();
            if !is_last {
                self.waiting.set_aside(engine, &gradients, &mut self.totals)?;
            } else if together.is_none() {
                (0..gradients.len()).try_for_each(|place| self.waiting.finish_gradient(engine, &gradients, place))?;
            }
        }
        self.waiting.finish(&mut self.totals)?;
        let begun = Instant::now();
        together.map_or(Ok(()), |group| sum_totals(&group, &mut self.totals))?;
        self.waited += begun.elapsed();
        Ok(())
    }

    /// The last micro-batch of a rank: gradients that are whole are added up over all ranks while others are computed.
    fn accumulate_and_sum(
        &mut self,
        group: &Group,
        (step, first_sequence): (u64, u64),
        placed: &PlacedRows<'_>,
        gradients: &[Tensor],
    ) -> Result<()> {
        let dropout = Some(Dropout { stream: self.dropout, first_sequence });
        let dhidden = self.accumulate_loss(step, dropout, placed)?;
        let how = if self.optimizer.is_shared_out() { Sum::OwnPart } else { Sum::Whole };
        let summing = Summing::begin(group, how)?;
        for stage in 0..self.stages.len() {
            self.model.backward_stage(stage, &placed.tokens(), dropout, &dhidden)?;
            let (engine, whole) = (self.model.engine(), &self.stages[stage]);
            whole.iter().try_for_each(|&place| self.waiting.finish_gradient(engine, gradients, place))?;
            whole.iter().for_each(|&place| summing.add(&gradients[place]));
        }
        self.dhidden = Some(dhidden);
        let begun = Instant::now();
        summing.finish()?;
        self.waited += begun.elapsed();
        Ok(())
    }

    /// The next micro-batch is on its way while one is computed. The launches of one are captured and repeated, as long
    /// as nothing moves.
    fn accumulate_on_gpu(&mut self, gpu: &Arc<Gpu>, step: u64, first: u64, micro_batches: &[Rows]) -> Result<()> {
        let Some(most) = micro_batches.iter().map(|rows| PlacedRows::longest(rows, self.loss.inputs())).max() else {
            return Ok(());
        };
        // Repeated launches check nothing, and columns are sent as long as they are.
        self.loss.check_on_gpu()?;
        micro_batches.iter().try_for_each(|rows| self.loss.check(rows, self.model.vocab()))?;
        let asked = self.loss.inputs();
        let n_columns = micro_batches.iter().map(|rows| PlacedRows::n_columns(rows, asked)).max().unwrap_or(0);
        let mut inbox = match self.inbox.take() {
            Some(inbox) if inbox.fits(n_columns, most) => inbox,
            _ => Inbox::new(gpu, n_columns, most)?,
        };
        inbox.send(&PlacedRows::bits(&micro_batches[0], asked))?;
        gpu.step(step)?;
        let mut replay = std::mem::take(&mut self.replay);
        let firsts = first_sequences(first, micro_batches);
        for ((i, rows), first) in micro_batches.iter().enumerate().zip(firsts) {
            inbox.receive()?;
            if let Some(next) = micro_batches.get(i + 1) {
                inbox.send(&PlacedRows::bits(next, asked))?;
            }
            let placed = PlacedRows::received(&inbox, rows, asked);
            self.model.check(&placed.tokens())?;
            gpu.first_sequence(first)?;
            let (n, context) = (rows.inputs.len() as u64, rows.context as u64);
            let key = [self.model.generation(), n, context, inbox.column(0).pointer()];
            // rows and sources of other sizes are other launches; which rows of a sequence count is sent with them
            let varies = rows.at.is_some() || rows.source.is_some() || self.model.pools() || self.loss.waits();
            match self.model.engine().waits() || varies {
                true => self.accumulate(step, first, &placed)?,
                false => replay.run(gpu, &key, || self.accumulate(step, first, &placed))?,
            }
        }
        self.replay = replay;
        self.inbox = Some(inbox);
        Ok(())
    }

    /// Adds the gradients of one micro-batch, and the sums and weights of the loss's outputs. `first_sequence` counts
    /// from the start of the run.
    fn accumulate(&mut self, step: u64, first_sequence: u64, placed: &PlacedRows<'_>) -> Result<()> {
        let dropout = Some(Dropout { stream: self.dropout, first_sequence });
        let dhidden = self.accumulate_loss(step, dropout, placed)?;
        self.model.backward(&placed.tokens(), dropout, &dhidden)?;
        self.dhidden = Some(dhidden);
        Ok(())
    }

    /// The same without the backward of the network, whose gradient `[rows, C]` it returns.
    fn accumulate_loss(&mut self, step: u64, dropout: Option<Dropout>, placed: &PlacedRows<'_>) -> Result<Tensor> {
        let hidden = self.model.forward(&placed.tokens(), dropout)?;
        let dhidden = match self.dhidden.take() {
            Some(kept) if kept.shape() == hidden.shape() => kept,
            _ => hidden.zeros_like()?,
        };
        let (engine, head) = (self.model.engine(), self.model.head());
        match placed.at() {
            None => self.loss.backward(engine, &hidden, head, placed, step, &dhidden, &mut self.totals)?,
            Some(at) => {
                let selected = selected::select(engine, &hidden, Some(at))?;
                let dselected = selected.zeros_like()?;
                if !at.host().is_empty() {
                    self.loss.backward(engine, &selected, head, placed, step, &dselected, &mut self.totals)?;
                }
                selected::spread(engine, &dselected, at, &dhidden)?;
            }
        }
        Ok(dhidden)
    }

    /// A parameter without a gradient would silently never learn: stop before the first update instead.
    fn check_gradients(&self) -> Result<()> {
        let norms = self.optimizer.gradient_norms(self.model.engine())?;
        // a bias of balanced classes may have one of exactly 0
        let is_bias =
            |name: &str| self.model.params().iter().any(|(other, param)| other == name && param.value.rank() == 1);
        let adapter = self.described.adapter.as_ref();
        let is_behind_zeros = |name: &str| adapter.is_some_and(|adapted| adapted.is_behind_zeros(name));
        let may_be_zero = |name: &str| self.described.sizes.labels > 0 && is_bias(name) || is_behind_zeros(name);
        match norms.iter().find(|(name, norm)| *norm == 0.0 && !may_be_zero(name)) {
            Some((name, _)) => Err(Error::plugin(format!(
                "parameter {name} has no gradient after step 1, expected every parameter to learn; does the loss depend on the \
                 logits of every row?"
            ))),
            None => Ok(()),
        }
    }
}

/// The number of each micro-batch's first sequence, where `first` is that of the first micro-batch.
fn first_sequences(first: u64, micro_batches: &[Rows]) -> impl Iterator<Item = u64> {
    micro_batches.iter().scan(first, |next, rows| {
        let first = *next;
        *next += rows.sequences as u64;
        Some(first)
    })
}

fn check_finite(step: u64, outcome: &Outcome) -> Result<()> {
    let Outcome { loss, weight, grad_norm } = *outcome;
    if weight == 0.0 {
        return Err(Error::run(format!("step {step}: no row of the batch counts (the loss has weight 0)")));
    }
    if outcome.is_finite() {
        return Ok(());
    }
    Err(Error::run(format!(
        "step {step}: loss is {loss} and the norm of the gradient {grad_norm}, expected finite numbers; nothing was updated; \
         lower optimizer.lr or train.clip, or look for the cause in the loss plugin"
    )))
}
