//! Tensors on a GPU: a block of threads takes a sequence.

use super::{Best, Mask, ParameterGradients, Parameters};
use crate::crf::check::Layout;
use crate::cuda::{Gpu, Grid, arguments};
use crate::{Column, Error, Result, Tensor, check_gpu};
use candle_core::DType;

const OP: &str = "crf";

/// Tags at most: a block shares two numbers for each, and some hundred bytes besides, of 48 KiB.
const TAGS_MAX: usize = 47 * 1024 / (2 * size_of::<f64>());

pub(super) fn forward(
    gpu: &Gpu,
    layout: Layout<'_>,
    emissions: &Tensor,
    tags: &Column<'_, u32>,
    sequences: &Column<'_, u32>,
    parameters: Parameters<'_>,
    likelihoods: &Tensor,
) -> Result<()> {
    let sums = gpu.scratch(emissions.elem_count() * size_of::<f64>())?;
    sum(gpu, layout, emissions, tags, sequences, parameters, likelihoods, sums.pointer())
}

/// Partitions and scores, and the logarithms that they are made of.
#[expect(clippy::too_many_arguments, reason = "inputs and results")]
fn sum(
    gpu: &Gpu,
    layout: Layout<'_>,
    emissions: &Tensor,
    tags: &Column<'_, u32>,
    sequences: &Column<'_, u32>,
    parameters: Parameters<'_>,
    likelihoods: &Tensor,
    sums: u64,
) -> Result<()> {
    let grid = check(layout, emissions, parameters)?;
    check_gpu(OP, &[(likelihoods, DType::F64, likelihoods.elem_count())])?;
    let [start, end, transitions, allowed, n] = words_of(parameters, layout);
    let words = arguments![
        emissions,
        tags.pointer(),
        sequences.pointer(),
        start,
        end,
        transitions,
        allowed,
        n,
        sums,
        likelihoods,
    ];
    gpu.launch("crf_forward", emissions.dtype(), grid, words)
}

#[expect(clippy::too_many_arguments, reason = "inputs and results")]
pub(super) fn backward(
    gpu: &Gpu,
    layout: Layout<'_>,
    emissions: &Tensor,
    tags: &Column<'_, u32>,
    sequences: &Column<'_, u32>,
    parameters: Parameters<'_>,
    scales: &Column<'_, f32>,
    likelihoods: &Tensor,
    demissions: &Tensor,
    gradients: ParameterGradients<'_>,
) -> Result<()> {
    let (grid, groups) = (check(layout, emissions, parameters)?, layout.sequences.len());
    let ParameterGradients { start: dstart, end: dend, transitions: dtransitions } = gradients;
    let of_weights = [dstart, dend, dtransitions];
    check_gpu(OP, &[(demissions, emissions.dtype(), emissions.elem_count())])?;
    for gradient in of_weights.into_iter().flatten() {
        check_gpu(OP, &[(gradient, wide(emissions.dtype()), gradient.elem_count())])?;
    }
    let sums = gpu.scratch(emissions.elem_count() * size_of::<f64>())?;
    sum(gpu, layout, emissions, tags, sequences, parameters, likelihoods, sums.pointer())?;
    gpu.zero(demissions.pointer(), demissions.elem_count() * demissions.dtype().size_in_bytes())?;
    let numbers = (2 + layout.tags) * layout.tags;
    let partial = gpu.scratch(groups * numbers * size_of::<f64>())?;
    let [start, end, transitions, allowed, n] = words_of(parameters, layout);
    let words = arguments![
        emissions,
        tags.pointer(),
        sequences.pointer(),
        start,
        end,
        transitions,
        allowed,
        n,
        sums.pointer(),
        likelihoods,
        scales.pointer(),
        demissions,
        partial.pointer(),
    ];
    gpu.launch("crf_backward", emissions.dtype(), grid, words)?;
    let [dstart, dend, dtransitions] = of_weights.map(|gradient| gradient.map_or(0, Tensor::pointer));
    let words = arguments![partial.pointer(), groups, layout.tags, dstart, dend, dtransitions];
    gpu.launch("crf_add", wide(emissions.dtype()), Grid::new(numbers.div_ceil(256), 256), words)
}

pub(super) fn viterbi(
    gpu: &Gpu,
    layout: Layout<'_>,
    emissions: &Tensor,
    sequences: &Column<'_, u32>,
    parameters: Parameters<'_>,
) -> Result<Best> {
    let (grid, device) = (check(layout, emissions, parameters)?, emissions.device());
    let origins = gpu.scratch(emissions.elem_count() * size_of::<u32>())?;
    let tags = Tensor::zeros(layout.rows, DType::U32, &device)?;
    let scores = Tensor::zeros(layout.sequences.len(), DType::F64, &device)?;
    let [start, end, transitions, allowed, n] = words_of(parameters, layout);
    let words = arguments![
        emissions,
        sequences.pointer(),
        start,
        end,
        transitions,
        allowed,
        n,
        origins.pointer(),
        &tags,
        &scores,
    ];
    gpu.launch("crf_viterbi", emissions.dtype(), grid, words)?;
    Ok(Best { tags: tags.to_cpu()?.to_vec1()?, scores: scores.to_vec()? })
}

/// Checks emissions and weights; a block for each sequence.
fn check(layout: Layout<'_>, emissions: &Tensor, parameters: Parameters<'_>) -> Result<Grid> {
    let Parameters { start, end, transitions, .. } = parameters;
    check_gpu(OP, &[(emissions, emissions.dtype(), layout.rows * layout.tags)])?;
    for weight in [start, end, transitions] {
        check_gpu(OP, &[(weight, wide(emissions.dtype()), weight.elem_count())])?;
    }
    if layout.tags > TAGS_MAX {
        let got = layout.tags;
        return Err(Error::run(format!("crf: expected at most {TAGS_MAX} tags on a GPU, got {got}; use the CPU")));
    }
    let threads = layout.tags.next_multiple_of(32).min(256) as u32;
    let shared = (2 * layout.tags * size_of::<f64>()) as u32;
    Ok(Grid { shared, ..Grid::new(layout.sequences.len(), threads) })
}

/// What kernels take of the weights.
fn words_of(parameters: Parameters<'_>, layout: Layout<'_>) -> [u64; 5] {
    let Parameters { start, end, transitions, allowed } = parameters;
    let allowed = allowed.map_or(0, Mask::pointer);
    [start.pointer(), end.pointer(), transitions.pointer(), allowed, layout.tags as u64]
}

/// The type of the weights beside emissions of `dtype`.
fn wide(dtype: DType) -> DType {
    if dtype == DType::BF16 { DType::F32 } else { dtype }
}
