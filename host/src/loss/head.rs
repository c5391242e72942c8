//! Runs a compiled program on the last hidden states and the output layer of a model.

use super::cuda::Arguments;
use super::{Head, HeadGradient, LossBatch, Program, Totals, groups};
use crate::feed::Batch;
use crate::model::{Param, PlacedBatch};
use crate::ops::{Engine, Float, Gpu, OpGroup, Tensor, with_slices, with_type};
use crate::{Error, Result};
use std::sync::Arc;

impl Program {
    /// Adds the outputs' sums and weights to `totals`. `hidden` `[rows, C]`, head `[vocab, C]`.
    pub fn forward(
        &self,
        engine: &Engine,
        hidden: &Tensor,
        head: &Param,
        placed: &PlacedBatch<'_>,
        step: u64,
        totals: &mut Totals,
    ) -> Result<()> {
        let batch = placed.batch;
        if let Some(gpu) = engine.gpu() {
            return self.run_on_gpu(
                engine,
                gpu,
                totals,
                Arguments { hidden, head, batch: placed, step, dhidden: None },
            );
        }
        with_type!(hidden, T => with_slices::<T, 2, 0>([hidden, &head.value], [], |[hidden, weight], []| {
            let head = slices(hidden, weight, batch);
            totals.add(self.run::<T>(engine, &head, &rows(batch, step), None)?);
            Ok(())
        }))
    }

    /// The same, and the gradients of the first output's sum: `dhidden` `[rows, C]` is overwritten, the head's is added
    /// to.
    #[expect(clippy::too_many_arguments, reason = "inputs and results")]
    pub fn backward(
        &self,
        engine: &Engine,
        hidden: &Tensor,
        head: &Param,
        placed: &PlacedBatch<'_>,
        step: u64,
        dhidden: &Tensor,
        totals: &mut Totals,
    ) -> Result<()> {
        let batch = placed.batch;
        if let Some(gpu) = engine.gpu() {
            let dhidden = Some(dhidden);
            return self.run_on_gpu(engine, gpu, totals, Arguments { hidden, head, batch: placed, step, dhidden });
        }
        with_type!(hidden, T => with_slices::<T, 2, 2>(
            [hidden, &head.value], [dhidden, &head.grad],
            |[hidden, weight], [dhidden, dweight]| {
                let gradient = HeadGradient { hidden: dhidden, weight: dweight, scale: <T as Float>::ONE };
                totals.add(self.run::<T>(engine, &slices(hidden, weight, batch), &rows(batch, step), Some(gradient))?);
                Ok(())
            }
        ))
    }

    fn run_on_gpu(&self, engine: &Engine, gpu: &Arc<Gpu>, totals: &Totals, arguments: Arguments<'_>) -> Result<()> {
        let _timer = engine.time(OpGroup::Loss);
        let totals = totals.device().ok_or_else(|| Error::run("loss: totals of the CPU for a run on a GPU"))?;
        self.check(arguments.batch.batch, arguments.head.value.dim(0)?)?;
        let plan = if arguments.dhidden.is_some() { &self.training } else { &self.forward };
        plan.compiled.run(gpu, plan, totals, &arguments)
    }

    /// An error for a batch that the program cannot compute with: kernels index rows of logits with its targets.
    pub fn check(&self, batch: &Batch, vocab: usize) -> Result<()> {
        let rows = rows(batch, 0);
        groups::check(rows.group, rows.target.len())?;
        super::check_inputs(&self.training, vocab, &rows)
    }
}

fn slices<'a, T>(hidden: &'a [T], weight: &'a [T], batch: &Batch) -> Head<'a, T> {
    let rows = batch.targets.len();
    let width = hidden.len() / rows.max(1);
    Head { hidden, weight, rows, width, vocab: weight.len() / width.max(1) }
}

fn rows(batch: &Batch, step: u64) -> LossBatch<'_> {
    LossBatch {
        target: &batch.targets,
        weight: &batch.weight,
        target_bytes: &batch.target_bytes,
        position: &batch.position,
        group: &batch.group,
        step,
        others: &[],
    }
}
