//! Runs a compiled program on the last hidden states and the output layer of a model.

use super::{Head, HeadGradient, LossBatch, Program, Ratio};
use crate::Result;
use crate::data::Batch;
use crate::model::Param;
use crate::ops::{Engine, Float, with_slices, with_type};
use candle_core::Tensor;

impl Program {
    /// The outputs' sums and weights. `hidden` `[rows, C]`, head `[vocab, C]`.
    pub fn forward(
        &self,
        engine: &Engine,
        hidden: &Tensor,
        head: &Param,
        batch: &Batch,
        step: u64,
    ) -> Result<Vec<Ratio>> {
        let mut ratios = Vec::new();
        with_type!(hidden, T => with_slices::<T, 2, 0>([hidden, &head.value], [], |[hidden, weight], []| {
            let head = slices(hidden, weight, batch);
            ratios = self.run::<T>(engine, &head, &rows(batch, step), None)?;
            Ok(())
        }))?;
        Ok(ratios)
    }

    /// The same, and the gradients of the first output's sum: `dhidden` `[rows, C]` is overwritten, the head's is added
    /// to.
    pub fn backward(
        &self,
        engine: &Engine,
        hidden: &Tensor,
        head: &Param,
        batch: &Batch,
        step: u64,
        dhidden: &Tensor,
    ) -> Result<Vec<Ratio>> {
        let mut ratios = Vec::new();
        with_type!(hidden, T => with_slices::<T, 2, 2>(
            [hidden, &head.value], [dhidden, &head.grad],
            |[hidden, weight], [dhidden, dweight]| {
                let gradient = HeadGradient { hidden: dhidden, weight: dweight, scale: <T as Float>::ONE };
                ratios = self.run::<T>(engine, &slices(hidden, weight, batch), &rows(batch, step), Some(gradient))?;
                Ok(())
            }
        ))?;
        Ok(ratios)
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
        rows_per_sequence: batch.context,
        step,
    }
}
