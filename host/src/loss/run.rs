//! Runs a plan on a batch: chunk by chunk, so that the logits of the whole batch never exist.
//!
//! A task takes some rows of a chunk from hidden states to logits, to their gradients, and to the gradients of the
//! hidden states, while the logits are in a core's cache; then one product adds the chunk to the gradient of the output
//! layer. Chunks follow one another, and rows do not know each other: no result depends on the number of threads.

use super::interpret::Worker;
use super::ir::Id;
use super::row_program::{PIECE, RowProgram};
use super::small::{Small, evaluate};
use super::split::Plan;
use super::transform;
use crate::ops::linear::Transform;
use crate::ops::{Blocks, Engine, Factor, Float, Matrix, Threads, Write, matmul, times, times_transposed, vectorised};
use crate::rows::{Groups, Rows};

/// The logits of a chunk take at most this much memory within these numbers of rows: the gradient of the output layer
/// is read and written once a chunk, which few rows do not pay for.
const CHUNK_BYTES: usize = 128 << 20;
const CHUNK_ROWS: (usize, usize) = (256, 512);

/// The logits of a task take about this much memory, within these numbers of rows: two to eight tiles of a product.
const TASK_BYTES: usize = 1 << 20;
const TASK_ROWS: (usize, usize) = (28, 112);

/// Where so few rows have more logits than a cache, the output layer is what a task should read seldom: it takes a
/// thread's share of the rows, at most so many.
const WIDE_TASK_ROWS: usize = 128;

/// Rows whose logits exist at the same time: logits of so many tokens and `bytes` each. It decides the order in which
/// the gradient of the output layer is summed, so a change of it is one of `run/numerics.rs`.
pub(crate) fn chunk_rows(vocab: usize, bytes: usize) -> usize {
    (CHUNK_BYTES / (vocab * bytes).max(1)).clamp(CHUNK_ROWS.0, CHUNK_ROWS.1)
}

/// The last hidden states and the output layer; logits = transform(hidden · weightᵀ + bias).
#[derive(Debug, Clone, Copy)]
pub struct OutputLayer<'a, T> {
    /// `[rows, width]`
    pub hidden: &'a [T],
    /// `[vocab, width]`; not read where it is in `blocks`.
    pub weight: &'a [T],
    /// The weight in blocks of few bits, where it is held so.
    pub blocks: Option<&'a Blocks>,
    /// `[vocab]`
    pub bias: Option<&'a [T]>,
    /// What happens to the logits after the product.
    pub transform: Transform,
    /// Predicted tokens.
    pub rows: usize,
    /// Size of a hidden state.
    pub width: usize,
    /// Number of tokens in the vocabulary, below 2^24.
    pub vocab: usize,
}

impl<'a, T> OutputLayer<'a, T> {
    /// Logits that are the product alone.
    pub fn new(hidden: &'a [T], weight: &'a [T], [rows, width, vocab]: [usize; 3]) -> Self {
        Self { hidden, weight, blocks: None, bias: None, transform: Transform::NONE, rows, width, vocab }
    }
}

/// Where the gradients of the first output's sum go.
#[derive(Debug)]
pub struct HeadGradient<'a, T> {
    /// `[rows, width]`, overwritten.
    pub hidden: &'a mut [T],
    /// `[vocab, width]`, added to; none where it is not wanted.
    pub weight: Option<&'a mut [T]>,
    /// `[vocab]`, added to; none where it is not wanted.
    pub bias: Option<&'a mut [T]>,
    /// Factor of all gradients.
    pub scale: T,
}

impl<'a, T> HeadGradient<'a, T> {
    /// The gradients of a layer without bias.
    pub fn new(hidden: &'a mut [T], weight: &'a mut [T], scale: T) -> Self {
        Self { hidden, weight: Some(weight), bias: None, scale }
    }
}

/// Input of a program, besides the head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'a> {
    /// They have the inputs that the program asks for.
    pub rows: &'a Rows,
    /// The optimizer step, from 0.
    pub step: u64,
    /// `[rows, vocab]`: held logits; empty for a program without.
    pub held: &'a [f64],
}

/// A batch in numbers.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub rows: usize,
    pub groups: Groups,
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
    head: &OutputLayer<'_, T>,
    given: &Given<'_>,
    mut gradient: Option<HeadGradient<'_, T>>,
) -> Values<T> {
    let shape = Shape {
        rows: head.rows,
        groups: Groups::new(&given.rows.group),
        vocab: head.vocab,
        step: given.step as f64,
        scale: gradient.as_ref().map_or(1.0, |gradient| gradient.scale.f64()),
    };
    let mut values = Values { small: vec![None; plan.ir.len()], rows: vec![Vec::new(); plan.ir.len()] };
    for stage in &plan.stages {
        for &id in &stage.small {
            values.small[id] = Some(evaluate(&plan.ir, id, &shape, &values));
        }
        if let Some(program) = &stage.pass {
            let exports = run_pass(engine, program, head, given, &values, gradient.as_mut());
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
    head: &OutputLayer<'_, T>,
    given: &Given<'_>,
    values: &Values<T>,
    mut gradient: Option<&mut HeadGradient<'_, T>>,
) -> Vec<T> {
    let OutputLayer { width, vocab, transform, .. } = *head;
    let n_exports = program.exports.len();
    let mut exports = vec![T::ZERO; head.rows * n_exports];
    let chunk = chunk_rows(vocab, size_of::<T>()).min(head.rows.max(1));
    let mut logits = engine.scratch::<T>(if program.needs_logits { chunk * vocab } else { 0 });
    let [for_logits, for_hidden] = factors(engine, program, head);
    let write = match head.bias {
        None => Write::Overwrite,
        bias => Write::Sum { residual: None, bias },
    };
    // Logits under a soft cap, which their gradient replaces.
    let n_kept = if program.has_gradient && transform.soft_cap.is_some() { vocab } else { 0 };
    let worker = || (Worker::new(program, values, given, vocab), vec![T::ZERO; n_kept]);
    for start in (0..head.rows).step_by(chunk) {
        let n = chunk.min(head.rows - start);
        let hidden = Matrix::new(&head.hidden[start * width..], n, width);
        if let Some(blocks) = head.blocks.filter(|_| program.needs_logits) {
            let logits = (&mut logits[..n * vocab], vocab);
            blocks.open(|blocks| times_transposed(engine, logits, hidden, blocks, write, Threads::All));
        }
        let dhidden = gradient.as_mut().map(|gradient| &mut gradient.hidden[start * width..]);
        let rows = SomeRows { start, n, logits: &mut logits, exports: &mut exports[start * n_exports..], dhidden };
        let tasks = rows.split(task_rows::<T>(n, vocab, for_logits.as_ref()), [vocab, n_exports, width]);
        engine.for_each_with(tasks, worker, |(worker, kept), mut rows| {
            if let Some(weight) = &for_logits {
                let hidden = Matrix::new(&head.hidden[rows.start * width..], rows.n, width);
                weight.multiply(rows.logits, vocab, hidden, vocab, write, Threads::One);
            }
            if program.needs_logits {
                transform::forward(transform, &mut rows.logits[..rows.n * vocab]);
            }
            for (i, row) in (rows.start..rows.start + rows.n).enumerate() {
                let logits = if program.needs_logits { &mut rows.logits[i * vocab..][..vocab] } else { &mut [] };
                if n_kept > 0 {
                    kept.copy_from_slice(logits);
                }
                worker.run(row, logits, &mut rows.exports[i * n_exports..][..n_exports]);
                if program.has_gradient {
                    transform::backward(transform, kept, logits);
                }
            }
            if let (Some(dhidden), Some(weight)) = (&mut rows.dhidden, &for_hidden) {
                let dlogits = Matrix::new(rows.logits, rows.n, vocab);
                weight.multiply(dhidden, width, dlogits, width, Write::Overwrite, Threads::One);
            }
        });
        if let (Some(gradient), true) = (&mut gradient, program.has_gradient) {
            let dlogits = Matrix::new(&logits, n, vocab);
            if let Some(blocks) = head.blocks {
                let out = (&mut gradient.hidden[start * width..][..n * width], width);
                blocks.open(|blocks| times(engine, out, dlogits, blocks, Write::Overwrite, Threads::All));
            }
            if let Some(dweight) = &mut gradient.weight {
                matmul(engine, dweight, width, dlogits.t(), hidden, Write::Add, Threads::All);
            }
            if let Some(dbias) = &mut gradient.bias {
                add_column_sums(engine, &logits[..n * vocab], dbias);
            }
        }
    }
    exports
}

/// The weight of the output layer as the factor of logits, and as that of the gradient of hidden states, where they are
/// wanted; none in blocks, which are multiplied a chunk at a time.
fn factors<'a, T: Float>(
    engine: &'a Engine,
    program: &RowProgram,
    head: &OutputLayer<'a, T>,
) -> [Option<Factor<'a, T>>; 2] {
    if head.blocks.is_some() {
        return [None, None];
    }
    let weight = Matrix::new(head.weight, head.vocab, head.width);
    let factor = |needed: bool, weight| needed.then(|| Factor::new(engine, weight, Threads::All));
    [factor(program.needs_logits, weight.t()), factor(program.has_gradient, weight)]
}

/// `sums[j]` += Σ over rows of `x[i, j]`, in the order of rows.
fn add_column_sums<T: Float>(engine: &Engine, x: &[T], sums: &mut [T]) {
    let vocab = sums.len();
    engine.for_each(sums.chunks_mut(PIECE).enumerate(), |(piece, sums)| {
        let mut total = [T::ZERO; PIECE];
        let total = &mut total[..sums.len()];
        vectorised(
            #[inline(always)]
            || {
                for row in x.chunks_exact(vocab) {
                    let row = &row[piece * PIECE..][..total.len()];
                    total.iter_mut().zip(row).for_each(|(total, &x)| *total += x);
                }
                sums.iter_mut().zip(&*total).for_each(|(sum, &total)| *sum += total);
            },
        );
    });
}

/// The rows of a task of `rows` rows: as many as have their logits in a second-level cache from product to product. The
/// number of threads counts only where each row has the same bits whatever the others are.
fn task_rows<T: Float>(rows: usize, vocab: usize, weight: Option<&Factor<'_, T>>) -> usize {
    let cached = TASK_BYTES / (vocab * size_of::<T>()).max(1);
    if cached >= TASK_ROWS.0 || weight.is_none() {
        return cached.clamp(TASK_ROWS.0, TASK_ROWS.1);
    }
    let share = match weight.is_some_and(Factor::rows_are_independent) {
        true => rows.div_ceil(rayon::current_num_threads()),
        false => WIDE_TASK_ROWS / 2,
    };
    share.clamp(TASK_ROWS.0, WIDE_TASK_ROWS)
}

/// Some neighbouring rows and what belongs to them.
struct SomeRows<'a, T> {
    start: usize,
    n: usize,
    /// `[n, vocab]`; empty where the pass needs none.
    logits: &'a mut [T],
    /// `[n, exports]`
    exports: &'a mut [T],
    /// `[n, width]`
    dhidden: Option<&'a mut [T]>,
}

impl<'a, T> SomeRows<'a, T> {
    /// Tasks of `per_task` rows.
    fn split(self, per_task: usize, [vocab, n_exports, width]: [usize; 3]) -> impl Iterator<Item = SomeRows<'a, T>> {
        let SomeRows { start, n, mut logits, mut exports, mut dhidden } = self;
        (0..n).step_by(per_task).map(move |first| {
            let n = per_task.min(n - first);
            SomeRows {
                start: start + first,
                n,
                logits: split_off(&mut logits, n * vocab),
                exports: split_off(&mut exports, n * n_exports),
                dhidden: dhidden.as_mut().map(|dhidden| split_off(dhidden, n * width)),
            }
        })
    }
}

/// The first `n` values, or all if there are fewer; `rest` keeps the others.
fn split_off<'a, T>(rest: &mut &'a mut [T], n: usize) -> &'a mut [T] {
    let n = n.min(rest.len());
    let (first, others) = std::mem::take(rest).split_at_mut(n);
    *rest = others;
    first
}
