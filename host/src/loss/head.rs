//! Runs a compiled program on the last hidden states and the output layer of a model.

use super::cuda::Arguments;
use super::run::Given;
use super::{HeadGradient, OutputLayer, Program, Totals, ratios};
use crate::model::Head;
use crate::ops::{Engine, Float, Gpu, OpGroup, Tensor, with_slice_lists, with_type};
use crate::rows::{Extent, PlacedRows, Rows};
use crate::{Error, Result};
use std::sync::Arc;

impl Program {
    /// Adds the outputs' sums and weights to `totals`. `hidden` `[rows, C]`.
    ///
    /// # Errors
    /// Rows that the program cannot compute with, a GPU that fails.
    pub fn forward(
        &self,
        engine: &Engine,
        hidden: &Tensor,
        head: Head<'_>,
        placed: &PlacedRows<'_>,
        step: u64,
        totals: &mut Totals,
    ) -> Result<()> {
        let given = Given { rows: placed.rows(), step, held: &[] };
        if let Some(gpu) = engine.gpu() {
            return self.run_on_gpu(engine, gpu, totals, Arguments { hidden, head, rows: placed, step, dhidden: None });
        }
        with_type!(hidden, T => with_slice_lists::<T>(&reads(hidden, head), &[], |reads, _| {
            let layer = layer(&reads, head, given.rows);
            let (plan, values) = self.values::<T>(engine, &layer, &given, None)?;
            totals.add(ratios(plan, &values));
            if let (Some(kept), Some(summed)) = (totals.rows_mut(), plan.summed_rows()) {
                kept.extend(values.rows(summed).iter().map(|value| value.f64()));
            }
            Ok(())
        }))
    }

    /// The same, and the gradients of the first output's sum: `dhidden` `[rows, C]` is overwritten, the head's are
    /// added to where it has them.
    ///
    /// # Errors
    /// As [`Program::forward`].
    #[expect(clippy::too_many_arguments, reason = "inputs and results")]
    pub fn backward(
        &self,
        engine: &Engine,
        hidden: &Tensor,
        head: Head<'_>,
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
        let [dweight, dbias] = [Some(head.weight), head.bias].map(|param| param.and_then(|param| param.grad.as_ref()));
        let writes: Vec<_> = [Some(dhidden), dweight, dbias].into_iter().flatten().collect();
        with_type!(hidden, T => with_slice_lists::<T>(&reads(hidden, head), &writes, |reads, writes| {
            let mut writes = writes.into_iter();
            // As many as there are tensors, in their order.
            let mut next = |tensor: Option<&Tensor>| tensor.and_then(|_| writes.next());
            let gradient = HeadGradient {
                hidden: next(Some(dhidden)).unwrap_or_default(),
                weight: next(dweight),
                bias: next(dbias),
                scale: <T as Float>::ONE,
            };
            let layer = layer(&reads, head, given.rows);
            totals.add(self.run_given::<T>(engine, &layer, &given, Some(gradient))?);
            Ok(())
        }))
    }

    fn run_on_gpu(&self, engine: &Engine, gpu: &Arc<Gpu>, totals: &mut Totals, arguments: Arguments<'_>) -> Result<()> {
        let _timer = engine.time(OpGroup::Loss);
        self.check_on_gpu()?;
        self.check(arguments.rows.rows(), arguments.head.weight.value.dim(0)?)?;
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

/// What a layer reads: hidden states, weight, and bias if there is one. In place of blocks, which are opened by
/// themselves, something that is not read.
fn reads<'a>(hidden: &'a Tensor, head: Head<'a>) -> Vec<&'a Tensor> {
    let weight = if head.weight.blocks.is_some() { hidden } else { &head.weight.value };
    [hidden, weight].into_iter().chain(head.bias.map(|bias| &bias.value)).collect()
}

/// The layer that [`reads`] lists.
fn layer<'a, T>(reads: &[&'a [T]], head: Head<'a>, rows: &Rows) -> OutputLayer<'a, T> {
    let at = |i: usize| reads.get(i).copied();
    let (hidden, weight) = (at(0).unwrap_or_default(), at(1).unwrap_or_default());
    let width = hidden.len() / rows.len().max(1);
    let (blocks, transform) = (head.weight.blocks.as_ref(), head.transform());
    let vocab = blocks.map_or(weight.len() / width.max(1), |blocks| blocks.dims2().0);
    OutputLayer { blocks, bias: at(2), transform, ..OutputLayer::new(hidden, weight, [rows.len(), width, vocab]) }
}
