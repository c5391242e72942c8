//! The linear-chain conditional random field (Lafferty, McCallum & Pereira 2001), the output layer of sequence
//! labelling: a sequence of tags has the score
//!
//! start[y_0] + Σ_t emissions[t, y_t] + Σ_t transitions[y_(t-1), y_t] + end[y_last],
//!
//! its probability is e^score over the sum of that of all sequences of tags. The logarithm of the sum is the partition;
//! the loss of a sequence is its partition less the score of its tags. Weights are those of the package pytorch-crf.
//!
//! `emissions` `[rows, tags]` hold a score of each tag for each row. Sequences are ranges of rows, in order; rows
//! outside all of them belong to nothing. A sequence without rows has one sequence of tags, of score 0.
//!
//! All sums are computed in 64 bits, whatever the type of the numbers: a sequence of 2,000 rows multiplies as many
//! factors. They are taken of e^x itself, scaled in each row (`scaled`), and as logarithms where e^x could underflow
//! (`logs`).

mod check;
mod constraints;
mod cpu;
mod logs;
mod scaled;
mod table;
pub mod tensors;
#[cfg(test)]
mod tests;
mod viterbi;

use super::{Engine, Float, OpGroup};
use crate::Result;
use check::Problem;
pub use constraints::Constraints;
use std::ops::Range;

/// Weights of a CRF; the number of tags is that of `start`.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a, T> {
    /// `[tags]`, the score of the first tag.
    pub start: &'a [T],
    /// `[tags]`, the score of the last tag.
    pub end: &'a [T],
    /// `[from, to]`, the score of two tags in a row.
    pub transitions: &'a [T],
    /// Which of them are not -∞; all where there are none.
    pub allowed: Option<&'a Constraints>,
}

/// Gradients of what a CRF computes with.
#[derive(Debug)]
pub struct Gradients<'a, T> {
    /// `[rows, tags]`, overwritten; 0 in rows outside all sequences.
    pub emissions: &'a mut [T],
    /// `[tags]`, added to, as those of all weights; none of those that are not wanted.
    pub start: Option<&'a mut [T]>,
    /// As `start`.
    pub end: Option<&'a mut [T]>,
    /// As `start`, `[from, to]`.
    pub transitions: Option<&'a mut [T]>,
}

/// The probability of the tags of one sequence.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Likelihood {
    /// The logarithm of the sum of e^score over all sequences of tags.
    pub partition: f64,
    /// The score of the tags.
    pub score: f64,
}

impl Likelihood {
    /// The negative log-likelihood.
    pub fn loss(self) -> f64 {
        self.partition - self.score
    }
}

/// Partition and score of each of `sequences`; `tags` `[rows]` of rows outside of them are not read.
///
/// # Errors
/// Slices of other sizes, sequences that overlap or lie outside of the rows, a tag that there is not or that is not
/// allowed.
pub fn log_likelihood<T: Float>(
    engine: &Engine,
    emissions: &[T],
    tags: &[u32],
    sequences: &[Range<usize>],
    weights: Weights<'_, T>,
) -> Result<Vec<Likelihood>> {
    let _timer = engine.time(OpGroup::Loss);
    let problem = Problem::new(emissions, sequences, weights)?;
    problem.layout.check_tags(tags)?;
    cpu::log_likelihood(engine, &problem, tags)
}

/// The same, with the gradients of Σ scale · loss over the sequences; `scales` has one number for each.
///
/// # Errors
/// As [`log_likelihood`].
pub fn backward<T: Float>(
    engine: &Engine,
    emissions: &[T],
    tags: &[u32],
    sequences: &[Range<usize>],
    weights: Weights<'_, T>,
    scales: &[T],
    gradients: Gradients<'_, T>,
) -> Result<Vec<Likelihood>> {
    let _timer = engine.time(OpGroup::Loss);
    let problem = Problem::new(emissions, sequences, weights)?;
    problem.layout.check_tags(tags)?;
    let Gradients { start, end, transitions, .. } = &gradients;
    let of_weights = [start, end, transitions].map(|gradient| gradient.as_ref().map(|gradient| gradient.len()));
    problem.layout.check_gradients(scales.len(), gradients.emissions.len(), of_weights)?;
    cpu::backward(engine, &problem, tags, scales, gradients)
}

/// The probability of each tag in each row, into `out` `[rows, tags]`, 0 in rows outside all sequences; and the
/// partition of each sequence.
///
/// # Errors
/// As [`log_likelihood`], and a sequence without allowed tags.
pub fn marginals<T: Float>(
    engine: &Engine,
    emissions: &[T],
    sequences: &[Range<usize>],
    weights: Weights<'_, T>,
    out: &mut [T],
) -> Result<Vec<f64>> {
    let _timer = engine.time(OpGroup::Loss);
    let problem = Problem::new(emissions, sequences, weights)?;
    problem.layout.check_size("marginals", out.len(), emissions.len())?;
    cpu::marginals(engine, &problem, out)
}

/// The tags with the highest score, into `tags` `[rows]`, 0 in rows outside all sequences; and their score in each
/// sequence. Of tags with the same score the lower ones are taken, those of later rows first (Viterbi 1967).
///
/// # Errors
/// As [`marginals`].
pub fn viterbi<T: Float>(
    engine: &Engine,
    emissions: &[T],
    sequences: &[Range<usize>],
    weights: Weights<'_, T>,
    tags: &mut [u32],
) -> Result<Vec<f64>> {
    let _timer = engine.time(OpGroup::Loss);
    let problem = Problem::new(emissions, sequences, weights)?;
    problem.layout.check_size("tags", tags.len(), problem.layout.rows)?;
    cpu::viterbi(engine, &problem, tags)
}
