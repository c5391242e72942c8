//! Runs a plan on a batch: chunk by chunk, so that the logits of the whole batch never exist.
//!
//! A chunk's logits are made by one product, its rows are worked on in parallel, and its gradients are added by two
//! more products while its logits are in the cache. Chunks follow one another; products share out their results, never
//! a sum; rows do not know each other. So no result depends on the number of threads.

use super::interpret::Worker;
use super::ir::Id;
use super::row_program::RowProgram;
use super::small::{Small, evaluate};
use super::split::Plan;
use crate::ops::{Engine, Factor, Float, Matrix, Threads, Write, matmul};
use rayon::prelude::*;

/// The logits of a chunk take at most this much memory, but there are at most `ROWS_MAX` and at least one row of them.
const CHUNK_BYTES: usize = 16 << 20;
const ROWS_MAX: usize = 512;

/// Rows per task: few enough to share a chunk out evenly.
const ROWS_PER_TASK: usize = 4;

/// The last hidden states and the output layer; logits = hidden · weightᵀ.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a, T> {
    /// `[rows, width]`
    pub hidden: &'a [T],
    /// `[vocab, width]`
    pub weight: &'a [T],
    /// Predicted tokens.
    pub rows: usize,
    /// Size of a hidden state.
    pub width: usize,
    /// Number of tokens in the vocabulary, below 2^24.
    pub vocab: usize,
}

/// Where the gradients of the first output's sum go.
#[derive(Debug)]
pub struct HeadGradient<'a, T> {
    /// `[rows, width]`, overwritten.
    pub hidden: &'a mut [T],
    /// `[vocab, width]`, added to.
    pub weight: &'a mut [T],
    /// Factor of both gradients.
    pub scale: T,
}

/// What belongs to the rows; every slice has `rows` elements.
#[derive(Debug, Clone, Copy)]
pub struct LossBatch<'a> {
    /// Ids of the tokens to predict, each below the vocabulary size.
    pub target: &'a [u32],
    /// 1 where the row counts, 0 where it is padding.
    pub weight: &'a [f32],
    /// Bytes of the target tokens.
    pub target_bytes: &'a [f32],
    /// Position of the rows in their sequences.
    pub position: &'a [u32],
    /// Rows follow each other sequence by sequence; all sequences are equally long.
    pub rows_per_sequence: usize,
    /// The optimizer step, from 0.
    pub step: u64,
}

/// A batch in numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub rows: usize,
    pub rows_per_sequence: usize,
    pub vocab: usize,
    pub step: f64,
    pub scale: f64,
}

/// What has been computed, by node.
#[derive(Debug)]
pub(super) struct Values<T> {
    small: Vec<Option<Small>>,
    rows: Vec<Vec<T>>,
}

impl<T: Float> Values<T> {
    pub fn small(&self, id: Id) -> &Small {
        const UNKNOWN: &Small = &Small::Scalar(f64::NAN);
        self.small[id].as_ref().unwrap_or(UNKNOWN)
    }

    pub fn scalar(&self, id: Id) -> f64 {
        match self.small(id) {
            Small::Scalar(value) => *value,
            Small::Sequence(_) => f64::NAN,
        }
    }

    pub fn sequences(&self, id: Id) -> &[f64] {
        match self.small(id) {
            Small::Scalar(_) => &[],
            Small::Sequence(values) => values,
        }
    }

    /// `[row]`
    pub fn rows(&self, id: Id) -> &[T] {
        &self.rows[id]
    }
}

/// Runs `plan`; the arguments were checked. Returns all its values, the outputs' among them.
pub(super) fn run<T: Float>(
    engine: &Engine,
    plan: &Plan,
    head: &Head<'_, T>,
    batch: &LossBatch<'_>,
    mut gradient: Option<HeadGradient<'_, T>>,
) -> Values<T> {
    let shape = Shape {
        rows: head.rows,
        rows_per_sequence: batch.rows_per_sequence,
        vocab: head.vocab,
        step: batch.step as f64,
        scale: gradient.as_ref().map_or(1.0, |gradient| gradient.scale.f64()),
    };
    let mut values = Values { small: vec![None; plan.ir.len()], rows: vec![Vec::new(); plan.ir.len()] };
    for stage in &plan.stages {
        for &id in &stage.small {
            values.small[id] = Some(evaluate(&plan.ir, id, &shape, &values));
        }
        if let Some(program) = &stage.pass {
            let exports = run_pass(engine, program, head, batch, &values, gradient.as_mut());
            let n = program.exports.len();
            for (column, &(id, _)) in program.exports.iter().enumerate() {
                values.rows[id] = exports.iter().skip(column).step_by(n).copied().collect();
            }
        }
    }
    values
}

/// Returns the exported values, `[rows, exports]`.
fn run_pass<T: Float>(
    engine: &Engine,
    program: &RowProgram,
    head: &Head<'_, T>,
    batch: &LossBatch<'_>,
    values: &Values<T>,
    mut gradient: Option<&mut HeadGradient<'_, T>>,
) -> Vec<T> {
    let Head { width, vocab, .. } = *head;
    let n_exports = program.exports.len();
    let mut exports = vec![T::ZERO; head.rows * n_exports];
    let chunk = (CHUNK_BYTES / (vocab * size_of::<T>())).clamp(1, ROWS_MAX).min(head.rows.max(1));
    let mut logits = engine.scratch::<T>(if program.needs_logits { chunk * vocab } else { 0 });
    let weight = Matrix::new(head.weight, vocab, width);
    let for_logits = program.needs_logits.then(|| Factor::new(engine, weight.t()));
    let for_hidden = program.has_gradient.then(|| Factor::new(engine, weight));
    for start in (0..head.rows).step_by(chunk) {
        let n = chunk.min(head.rows - start);
        let hidden = Matrix::new(&head.hidden[start * width..], n, width);
        if let Some(weight) = &for_logits {
            weight.multiply(&mut logits, vocab, hidden, Write::Overwrite);
        }
        let worker = || Worker::new(program, values, batch, vocab);
        let mut rows = rows(start..start + n, &mut logits, vocab, &mut exports[start * n_exports..], n_exports);
        rows.par_chunks_mut(ROWS_PER_TASK).for_each_init(worker, |worker, rows| {
            for (row, logits, exports) in rows {
                worker.run(*row, logits, exports);
            }
        });
        if let (Some(gradient), Some(weight)) = (&mut gradient, &for_hidden) {
            let dlogits = Matrix::new(&logits, n, vocab);
            weight.multiply(&mut gradient.hidden[start * width..], width, dlogits, Write::Overwrite);
            matmul(engine, gradient.weight, width, dlogits.t(), hidden, Write::Add, Threads::All);
        }
    }
    exports
}

/// Every row with its logits (none where the pass needs none) and its exports.
fn rows<'a, T>(
    range: std::ops::Range<usize>,
    mut logits: &'a mut [T],
    vocab: usize,
    mut exports: &'a mut [T],
    n_exports: usize,
) -> Vec<(usize, &'a mut [T], &'a mut [T])> {
    let mut rows = Vec::with_capacity(range.len());
    for row in range {
        let (row_logits, rest) = logits.split_at_mut(vocab.min(logits.len()));
        let (row_exports, more) = exports.split_at_mut(n_exports);
        (logits, exports) = (rest, more);
        rows.push((row, row_logits, row_exports));
    }
    rows
}
