//! Tensors on the CPU: the functions on slices.

use super::{Best, ParameterGradients, Parameters};
use crate::cpu::{with_slice_lists, with_slices, with_type};
use crate::crf::check::{Layout, Problem};
use crate::crf::{Gradients, Likelihood, Weights, cpu};
use crate::{Column, Engine, Float, Result, Tensor};

fn problem<'a, T: Float>(layout: Layout<'a>, [emissions, start, end, transitions]: [&'a [T]; 4]) -> Problem<'a, T> {
    let weights = Weights { start, end, transitions, allowed: layout.allowed };
    Problem { emissions, weights, layout }
}

fn reads<'a>(emissions: &'a Tensor, parameters: Parameters<'a>) -> [&'a Tensor; 4] {
    [emissions, parameters.start, parameters.end, parameters.transitions]
}

fn write(likelihoods: &[Likelihood], out: &Tensor) -> Result<()> {
    with_slices::<f64, 0, 1>([], [out], |[], [out]| {
        for (out, likelihood) in out.chunks_exact_mut(2).zip(likelihoods) {
            out.copy_from_slice(&[likelihood.partition, likelihood.score]);
        }
        Ok(())
    })
}

pub(super) fn forward(
    engine: &Engine,
    layout: Layout<'_>,
    emissions: &Tensor,
    tags: &Column<'_, u32>,
    _: &Column<'_, u32>,
    parameters: Parameters<'_>,
    likelihoods: &Tensor,
) -> Result<()> {
    with_type!(emissions, T => with_slices::<T, 4, 0>(reads(emissions, parameters), [], |slices, []| {
        write(&cpu::log_likelihood(engine, &problem(layout, slices), tags.host())?, likelihoods)
    }))
}

#[expect(clippy::too_many_arguments, reason = "inputs and results")]
pub(super) fn backward(
    engine: &Engine,
    layout: Layout<'_>,
    emissions: &Tensor,
    tags: &Column<'_, u32>,
    _: &Column<'_, u32>,
    parameters: Parameters<'_>,
    scales: &Column<'_, f32>,
    likelihoods: &Tensor,
    demissions: &Tensor,
    gradients: ParameterGradients<'_>,
) -> Result<()> {
    let wanted = [gradients.start, gradients.end, gradients.transitions];
    let writes: Vec<&Tensor> = [demissions].into_iter().chain(wanted.into_iter().flatten()).collect();
    with_type!(emissions, T => with_slice_lists::<T>(&reads(emissions, parameters), &writes, |reads, writes| {
        let (Ok(slices), mut writes) = (reads.try_into(), writes.into_iter()) else { return Ok(()) };
        let scales: Vec<T> = scales.host().iter().map(|&scale| T::of(f64::from(scale))).collect();
        let Some(emissions) = writes.next() else { return Ok(()) };
        let [start, end, transitions] = wanted.map(|gradient| gradient.and_then(|_| writes.next()));
        let gradients = Gradients { emissions, start, end, transitions };
        write(&cpu::backward(engine, &problem(layout, slices), tags.host(), &scales, gradients)?, likelihoods)
    }))
}

pub(super) fn viterbi(
    engine: &Engine,
    layout: Layout<'_>,
    emissions: &Tensor,
    _: &Column<'_, u32>,
    parameters: Parameters<'_>,
) -> Result<Best> {
    let (mut tags, mut scores) = (vec![0; layout.rows], Vec::new());
    with_type!(emissions, T => with_slices::<T, 4, 0>(reads(emissions, parameters), [], |slices, []| {
        scores = cpu::viterbi(engine, &problem(layout, slices), &mut tags)?;
        Ok(())
    }))?;
    Ok(Best { tags, scores })
}
