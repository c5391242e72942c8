//! One optimizer step: micro-batches forward and backward, checks, one update.

use crate::config::RunConfig;
use crate::data::Batch;
use crate::loss::{Program, Ratio};
use crate::model::{Dropout, Tokens, Transformer};
use crate::optim::Optimizer;
use crate::random::Stream;
use crate::{Error, Result};
use candle_core::Tensor;

/// Everything that a step changes or needs.
pub struct Trainer {
    /// The network.
    pub model: Transformer,
    /// The optimizer with its state.
    pub optimizer: Optimizer,
    loss: Program,
    dropout: Stream,
    /// `[rows, C]`: gradient of the last hidden states; made at the first step.
    dhidden: Option<Tensor>,
    config: RunConfig,
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
}

impl Trainer {
    /// A new network and optimizer for a vocabulary of `vocab` tokens.
    pub fn new(config: &RunConfig, vocab: usize, loss: Program) -> Result<Self> {
        let train = &config.train;
        let model = Transformer::new(&config.model, vocab, train.precision, config.run.seed, train.recompute)?;
        Ok(Self {
            optimizer: Optimizer::new(&config.optimizer, model.params())?,
            dropout: Stream::new(config.run.seed, "dropout"),
            loss,
            dhidden: None,
            config: config.clone(),
            model,
        })
    }

    /// Names of the loss's outputs.
    pub fn output_names(&self) -> &[String] {
        self.loss.outputs()
    }

    /// Step `step`, counted from 0. The gradient is that of the mean over all rows of all micro-batches, however they
    /// are cut. When the loss or a gradient is not finite nothing is updated and the error says which step and what.
    pub fn step(&mut self, step: u64, micro_batches: &[Batch]) -> Result<StepReport> {
        self.model.params().zero_grads()?;
        let mut totals = vec![Ratio::default(); self.output_names().len()];
        let mut tokens = 0;
        for (i, batch) in micro_batches.iter().enumerate() {
            let micro_batch = step * micro_batches.len() as u64 + i as u64;
            let ratios = self.accumulate(step, micro_batch, batch)?;
            totals.iter_mut().zip(ratios).for_each(|(total, ratio)| *total += ratio);
            tokens += batch.targets.len();
        }
        let weight = totals[0].weight;
        if weight == 0.0 {
            return Err(Error::run(format!("step {step}: no row of the batch counts (the loss has weight 0)")));
        }
        let loss = totals[0].value();
        let grad_norm = self.optimizer.grad_norm(self.model.engine())? / weight.abs();
        if !loss.is_finite() || !grad_norm.is_finite() {
            return Err(Error::run(format!(
                "step {step}: loss is {loss} and the norm of the gradient {grad_norm}, expected finite numbers; nothing was \
                 updated; lower optimizer.lr or train.clip, or look for the cause in the loss plugin"
            )));
        }
        if step == 0 {
            self.check_gradients()?;
        }
        let share = self.config.schedule.share(step, self.config.train.steps);
        let lr = share * self.optimizer.peak_lr();
        self.optimizer.update(self.model.engine(), step + 1, lr, self.clip_factor(grad_norm) / weight)?;
        Ok(StepReport { outputs: totals.iter().map(Ratio::value).collect(), grad_norm, lr, tokens })
    }

    /// Adds the gradients of one micro-batch; returns the sums and weights of the loss's outputs.
    fn accumulate(&mut self, step: u64, micro_batch: u64, batch: &Batch) -> Result<Vec<Ratio>> {
        let tokens = Tokens { ids: &batch.inputs, positions: &batch.position, length: batch.context };
        let dropout = Some(Dropout { stream: self.dropout, micro_batch });
        let hidden = self.model.forward(&tokens, dropout)?;
        let dhidden = match self.dhidden.take() {
            Some(kept) if kept.shape() == hidden.shape() => kept,
            _ => hidden.zeros_like()?,
        };
        let ratios = self.loss.backward(self.model.engine(), &hidden, self.model.head(), batch, step, &dhidden)?;
        self.model.backward(&tokens, dropout, &dhidden)?;
        self.dhidden = Some(dhidden);
        Ok(ratios)
    }

    /// As PyTorch's `clip_grad_norm_`.
    fn clip_factor(&self, grad_norm: f64) -> f64 {
        let clip = self.config.train.clip;
        if clip > 0.0 { (clip / (grad_norm + 1e-6)).min(1.0) } else { 1.0 }
    }

    /// A parameter without a gradient would silently never learn: stop before the first update instead.
    fn check_gradients(&self) -> Result<()> {
        for (name, param) in self.model.params().iter() {
            let square = crate::ops::update::sum_of_squares(self.model.engine(), &param.grad)?;
            if square == 0.0 {
                return Err(Error::plugin(format!(
                    "parameter {name} has no gradient after step 1, expected every parameter to learn; does the loss depend on \
                     the logits of every row?"
                )));
            }
        }
        Ok(())
    }
}
