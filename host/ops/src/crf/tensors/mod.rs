//! The CRF on tensors, which lie where an engine computes. Nothing here waits for a GPU but [`viterbi`], so that the
//! launches of a step can be captured.
//!
//! `sequences` `[2 · n]` holds the first row and the number of rows of each sequence, in order; `tags` has one for each
//! row. On a GPU emissions may be bfloat16; weights and their gradients are then in f32.

mod cpu;
mod gpu;

use super::Constraints;
use super::check::Layout;
use crate::on_device::on_device;
use crate::{Column, Device, Engine, OpGroup, Result, Tensor};
use std::ops::Range;

/// Weights of a CRF, as [`super::Weights`].
#[derive(Debug, Clone, Copy)]
pub struct Parameters<'a> {
    /// `[tags]`
    pub start: &'a Tensor,
    /// `[tags]`
    pub end: &'a Tensor,
    /// `[from, to]`
    pub transitions: &'a Tensor,
    /// Which of them are not -∞; all where there are none.
    pub allowed: Option<&'a Mask>,
}

/// Gradients of [`Parameters`], added to; none of those that are not wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct ParameterGradients<'a> {
    /// `[tags]`
    pub start: Option<&'a Tensor>,
    /// `[tags]`
    pub end: Option<&'a Tensor>,
    /// `[from, to]`
    pub transitions: Option<&'a Tensor>,
}

/// Constraints where an engine computes.
#[derive(Debug, Clone)]
pub struct Mask {
    constraints: Constraints,
    /// `[(2 + tags) · tags]` on a GPU.
    words: Option<Tensor>,
}

/// The best tags of all rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// `[rows]`, 0 in rows outside all sequences.
    pub tags: Vec<u32>,
    /// Their score in each sequence.
    pub scores: Vec<f64>,
}

impl Mask {
    /// `constraints` where `engine` computes.
    ///
    /// # Errors
    /// No memory on the GPU, or a GPU that fails.
    pub fn new(engine: &Engine, constraints: Constraints) -> Result<Self> {
        let words = match engine.device() {
            Device::Cpu => None,
            Device::Gpu(gpu) => {
                let words = constraints.words();
                let tensor = Tensor::zeros(words.len(), candle_core::DType::U32, engine.device())?;
                gpu.upload(tensor.pointer(), &words)?;
                Some(tensor)
            }
        };
        Ok(Self { constraints, words })
    }

    /// Address on the GPU; 0 on the CPU.
    fn pointer(&self) -> u64 {
        self.words.as_ref().map_or(0, Tensor::pointer)
    }
}

impl<'a> Parameters<'a> {
    fn layout(&self, emissions: &Tensor, sequences: &'a [Range<usize>]) -> Result<Layout<'a>> {
        let tensors = [emissions, self.start, self.end, self.transitions];
        Layout::new(tensors.map(Tensor::elem_count), sequences, self.allowed.map(|mask| &mask.constraints))
    }
}

/// Partition and score of each sequence into `likelihoods` `[n, 2]` of f64, from `emissions` `[rows, tags]`. On a GPU a
/// sequence without allowed tags has the partition -∞; on the CPU it is an error.
///
/// # Errors
/// As [`super::log_likelihood`], a tensor of another device, type or size, or a GPU that fails.
pub fn forward(
    engine: &Engine,
    emissions: &Tensor,
    tags: &Column<'_, u32>,
    sequences: &Column<'_, u32>,
    parameters: Parameters<'_>,
    likelihoods: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Loss);
    let ranges = ranges(sequences);
    let layout = parameters.layout(emissions, &ranges)?;
    layout.check_tags(tags.host())?;
    layout.check_size("likelihoods", likelihoods.elem_count(), 2 * ranges.len())?;
    on_device!(engine, forward(layout, emissions, tags, sequences, parameters, likelihoods))
}

/// The same, with the gradients of Σ scale · (partition - score): `demissions` `[rows, tags]` is overwritten, 0 in rows
/// outside all sequences; those of the weights are added to. `scales` has one number for each sequence.
///
/// # Errors
/// As [`forward`].
#[expect(clippy::too_many_arguments, reason = "inputs and results")]
pub fn backward(
    engine: &Engine,
    emissions: &Tensor,
    tags: &Column<'_, u32>,
    sequences: &Column<'_, u32>,
    parameters: Parameters<'_>,
    scales: &Column<'_, f32>,
    likelihoods: &Tensor,
    demissions: &Tensor,
    gradients: ParameterGradients<'_>,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Loss);
    let ranges = ranges(sequences);
    let layout = parameters.layout(emissions, &ranges)?;
    layout.check_tags(tags.host())?;
    layout.check_size("likelihoods", likelihoods.elem_count(), 2 * ranges.len())?;
    let ParameterGradients { start, end, transitions } = gradients;
    let of_weights = [start, end, transitions].map(|gradient| gradient.map(Tensor::elem_count));
    layout.check_gradients(scales.host().len(), demissions.elem_count(), of_weights)?;
    on_device!(
        engine,
        backward(layout, emissions, tags, sequences, parameters, scales, likelihoods, demissions, gradients)
    )
}

/// The tags with the highest score, and the score, as [`super::viterbi`].
///
/// # Errors
/// As [`forward`], and a sequence without allowed tags.
pub fn viterbi(
    engine: &Engine,
    emissions: &Tensor,
    sequences: &Column<'_, u32>,
    parameters: Parameters<'_>,
) -> Result<Best> {
    let _timer = engine.time(OpGroup::Loss);
    let ranges = ranges(sequences);
    let layout = parameters.layout(emissions, &ranges)?;
    let best = on_device!(engine, viterbi(layout, emissions, sequences, parameters))?;
    layout.check_possible(best.scores.iter().copied())?;
    Ok(best)
}

fn ranges(sequences: &Column<'_, u32>) -> Vec<Range<usize>> {
    let range = |range: &[u32]| range[0] as usize..range[0] as usize + range[1] as usize;
    sequences.host().chunks_exact(2).map(range).collect()
}
