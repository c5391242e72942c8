//! Runs a compiled program on the last hidden states and the output layer of a model.

use super::cuda::Arguments;
use super::run::Given;
use super::{Head, HeadGradient, Program, Totals};
use crate::model::Param;
use crate::ops::{Engine, Float, Gpu, OpGroup, Tensor, with_slices, with_type};
use crate::rows::{Extent, PlacedRows, Rows};
use crate::{Error, Result};
use std::sync::Arc;

impl Program {
    /// Adds the outputs' sums and weights to `totals`. `hidden` `[rows, C]`, head `[vocab, C]`.
    ///
    /// # Errors
    /// Rows that the program cannot compute with, a GPU that fails.
    pub fn forward(
        &self,
        engine: &Engine,
        hidden: &Tensor,
        head: &Param,
        placed: &PlacedRows<'_>,
        step: u64,
        totals: &mut Totals,
    ) -> Result<()> {
        let given = Given { rows: placed.rows(), step, held: &[] };
        if let Some(gpu) = engine.gpu() {
            return self.run_on_gpu(engine, gpu, totals, Arguments { hidden, head, rows: placed, step, dhidden: None });
        }
        with_type!(hidden, T => with_slices::<T, 2, 0>([hidden, &head.value], [], |[hidden, weight], []| {
            let head = slices(hidden, weight, given.rows);
            totals.add(self.run_given::<T>(engine, &head, &given, None)?);
            Ok(())
        }))
    }

    /// The same, and the gradients of the first output's sum: `dhidden` `[rows, C]` is overwritten, the head's is added
    /// to.
    ///
    /// # Errors
    /// As [`Program::forward`].
    #[expect(clippy::too_many_arguments, reason = "inputs and results")]
    pub fn backward(
        &self,
        engine: &Engine,
        hidden: &Tensor,
        head: &Param,
        placed: &PlacedRows<'_>,
        step: u64,
        dhidden: &Tensor,
        totals: &mut Totals,
    ) -> Result<()> {
        let given = Given { rows: placed.rows(), step, held: &[] };
        if let Some(gpu) = engine.gpu() {
            let dhidden = Some(dhidden);
            return self.run_on_gpu(engine, gpu, totals, Arguments { hidden, head, rows: placed, step, dhidden });
        }
        with_type!(hidden, T => with_slices::<T, 2, 2>(
            [hidden, &head.value], [dhidden, &head.grad],
            |[hidden, weight], [dhidden, dweight]| {
                let gradient = HeadGradient { hidden: dhidden, weight: dweight, scale: <T as Float>::ONE };
                let head = slices(hidden, weight, given.rows);
                totals.add(self.run_given::<T>(engine, &head, &given, Some(gradient))?);
                Ok(())
            }
        ))
    }

    fn run_on_gpu(&self, engine: &Engine, gpu: &Arc<Gpu>, totals: &Totals, arguments: Arguments<'_>) -> Result<()> {
        let _timer = engine.time(OpGroup::Loss);
        let totals = totals.device().ok_or_else(|| Error::run("loss: totals of the CPU for a run on a GPU"))?;
        self.check_on_gpu()?;
        self.check(arguments.rows.rows(), arguments.head.value.dim(0)?)?;
        let plan = if arguments.dhidden.is_some() { &self.training } else { &self.forward };
        plan.compiled.run(gpu, plan, totals, &arguments)
    }

    /// Checks that a GPU can compute the program.
    ///
    /// # Errors
    /// A row input that is as wide as the vocabulary: kernels do not read those yet.
    pub fn check_on_gpu(&self) -> Result<()> {
        match self.inputs.iter().find(|input| input.info().extent == Extent::Vocab) {
            None => Ok(()),
            Some(wide) => Err(Error::run(format!(
                "loss: a GPU does not read input {:?} yet, which is as wide as the vocabulary; train on the CPU \
                 (train.device = \"cpu\")",
                wide.name()
            ))),
        }
    }
}

fn slices<'a, T>(hidden: &'a [T], weight: &'a [T], rows: &Rows) -> Head<'a, T> {
    let rows = rows.len();
    let width = hidden.len() / rows.max(1);
    Head { hidden, weight, rows, width, vocab: weight.len() / width.max(1) }
}
