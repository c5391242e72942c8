//! Self-attention in blocks of queries: softmax(q kᵀ / √d) v per head, without ever holding a [length, length] matrix.
//! The forward keeps the log-sum-exp of each row, from which the backward computes the probabilities again (Dao et al.,
//! FlashAttention, arXiv 2205.14135).
//!
//! A sequence may hold several documents, packed one after the other. A row at position 0 begins a document, and no
//! query sees a key of another document: each is computed as if it were a sequence of its own, so what lies outside it
//! costs nothing.
//!
//! `qkv` `[sequences · length, (heads + 2 · kv_heads) · d]` holds the heads' queries, keys and values side by side, d =
//! head_width. With fewer key and value heads than query heads, heads / kv_heads neighbouring query heads share one
//! (grouped-query attention, Ainslie et al., arXiv 2305.13245).

mod gpu;
mod head;
mod softmax;

use super::cpu::{with_slices, with_type};
use super::dropout::Mask;
use super::{Column, Engine, Float, Matrix, OpGroup, Tensor, Threads, Write, matmul};
use crate::{Error, Result};
use head::{Columns, Head, HeadMask};
use rayon::prelude::*;
use std::ops::Range;

/// What a position attends to within its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Itself and the positions before it.
    Causal,
    /// All positions.
    Full,
}

/// The shape of an attention.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Positions per sequence.
    pub length: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Elements of a position in one head.
    pub head_width: usize,
    /// What a position attends to.
    pub span: Span,
}

impl Shape {
    /// Elements of a row of queries, keys and values: (heads + 2 · kv_heads) · head_width.
    pub fn qkv_width(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_width
    }

    /// Elements of a row of the result: heads · head_width.
    pub fn out_width(&self) -> usize {
        self.heads * self.head_width
    }

    /// Query heads per key and value head.
    fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    fn scale<T: Float>(&self) -> T {
        T::of(1.0 / (self.head_width as f64).sqrt())
    }

    /// The `index`-th head_width columns of one sequence of `x`, whose rows hold `columns` times as many elements.
    fn columns<'a, T>(&self, x: &'a [T], columns: usize, sequence: usize, index: usize) -> Columns<'a, T> {
        let row = columns * self.head_width;
        Columns::new(&x[sequence * self.length * row + index * self.head_width..], row, self.head_width)
    }

    /// Queries of one head, keys and values of its group, each `[length, d]`.
    fn qkv<'a, T>(&self, qkv: &'a [T], sequence: usize, head: usize) -> [Columns<'a, T>; 3] {
        let key = self.heads + head / self.group();
        let n = self.heads + 2 * self.kv_heads;
        [head, key, key + self.kv_heads].map(|index| self.columns(qkv, n, sequence, index))
    }

    /// The attention of the `index`-th among all heads of all sequences, within the document of these rows of its
    /// sequence.
    fn head<'a>(self, engine: &'a Engine, index: usize, rows: &Range<usize>, dropout: Option<&'a Mask>) -> Head<'a> {
        let stride = self.length.next_multiple_of(4);
        let (sequence, head) = (index / self.heads, index % self.heads);
        let first = (head * self.length + rows.start) * stride;
        let dropout = dropout.map(|mask| HeadMask { mask, sequence, first, stride });
        Head { engine, shape: Shape { length: rows.len(), ..self }, dropout }
    }
}

/// The rows of each document of one sequence, given the rows' positions in their documents.
fn documents(positions: &[u32]) -> impl Iterator<Item = Range<usize>> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let start = next;
        let rest = positions.get(start + 1..)?;
        next = start + 1 + rest.iter().position(|&position| position == 0).unwrap_or(rest.len());
        Some(start..next)
    })
}

fn check(positions: &Column<'_, u32>, qkv: &Tensor) -> Result<()> {
    let (rows, n) = (qkv.dim(0)?, positions.host().len());
    if n == rows {
        return Ok(());
    }
    Err(Error::run(format!("attention: expected a position for each of {rows} rows, got {n}")))
}

/// `out` `[rows, heads · d]`; `log_sum_exp` `[sequences, heads, length]` is kept for the backward. `positions` `[rows]`
/// are those of the rows in their documents. `dropout` acts on the probabilities.
pub fn forward(
    engine: &Engine,
    qkv: &Tensor,
    positions: &Column<'_, u32>,
    shape: Shape,
    dropout: Option<&Mask>,
    out: &Tensor,
    log_sum_exp: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Attention);
    check(positions, qkv)?;
    if let Some(gpu) = engine.gpu() {
        return gpu::Attention::new(gpu, qkv, positions, shape, dropout)?.forward(out, log_sum_exp);
    }
    let positions = positions.host();
    with_type!(qkv, T => with_slices::<T, 1, 2>([qkv], [out, log_sum_exp], |[qkv], [out, log_sum_exp]| {
        let Shape { length, heads, head_width: d, .. } = shape;
        let sequences = out.par_chunks_exact_mut(length * heads * d);
        let sequences = sequences.zip(log_sum_exp.par_chunks_exact_mut(heads * length));
        sequences.enumerate().for_each(|(sequence, (out, log_sum_exp))| {
            // Heads share rows of `out`: each writes into a matrix of its own.
            let mut parts = engine.pool.take::<T>(out.len());
            let tasks = parts.par_chunks_exact_mut(length * d).zip(log_sum_exp.par_chunks_exact_mut(length));
            tasks.enumerate().for_each(|(head, (out, log_sum_exp))| {
                let qkv = shape.qkv(qkv, sequence, head);
                for rows in documents(&positions[sequence * length..][..length]) {
                    let qkv = qkv.each_ref().map(|columns| columns.starting_at(rows.start));
                    let head = shape.head(engine, sequence * heads + head, &rows, dropout);
                    head.forward(qkv, &mut out[rows.start * d..rows.end * d], &mut log_sum_exp[rows]);
                }
            });
            gather(&parts, shape, heads, |head| head, out);
        });
        Ok(())
    }))
}

/// `dqkv` (overwritten) from the gradient `dout` of `out`; the other tensors as in [`forward`].
#[expect(clippy::too_many_arguments, reason = "inputs, what the forward kept, and results")]
pub fn backward(
    engine: &Engine,
    dout: &Tensor,
    qkv: &Tensor,
    out: &Tensor,
    log_sum_exp: &Tensor,
    positions: &Column<'_, u32>,
    shape: Shape,
    dropout: Option<&Mask>,
    dqkv: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Attention);
    check(positions, qkv)?;
    if let Some(gpu) = engine.gpu() {
        return gpu::Attention::new(gpu, qkv, positions, shape, dropout)?.backward(dout, out, log_sum_exp, dqkv);
    }
    let positions = positions.host();
    let reads = [dout, qkv, out, log_sum_exp];
    with_type!(qkv, T => with_slices::<T, 4, 1>(reads, [dqkv], |[dout, qkv, out, log_sum_exp], [dqkv]| {
        let row = shape.qkv_width();
        dqkv.par_chunks_exact_mut(shape.length * row).enumerate().for_each(|(sequence, dqkv)| {
            let positions = &positions[sequence * shape.length..][..shape.length];
            let sequence = Sequence { index: sequence, positions };
            backward_sequence(engine, dropout, sequence, shape, [dout, qkv, out, log_sum_exp], dqkv);
        });
        Ok(())
    }))
}

/// One sequence of a batch.
struct Sequence<'a> {
    index: usize,
    /// `[length]`: of its rows in their documents.
    positions: &'a [u32],
}

/// The gradient of one sequence, one task per head of keys and values: those of its query heads are summed in order.
fn backward_sequence<T: Float>(
    engine: &Engine,
    dropout: Option<&Mask>,
    sequence: Sequence<'_>,
    shape: Shape,
    [dout, qkv, out, log_sum_exp]: [&[T]; 4],
    dqkv: &mut [T],
) {
    let Shape { length, heads, kv_heads, head_width: d, .. } = shape;
    let group = shape.group();
    // Per task the gradients of its queries, one matrix a head, of its keys and of its values.
    let mut parts = engine.pool.take::<T>(dqkv.len());
    parts.par_chunks_exact_mut((group + 2) * length * d).enumerate().for_each(|(kv_head, parts)| {
        let (dqueries, dkeys_values) = parts.split_at_mut(group * length * d);
        let (dkeys, dvalues) = dkeys_values.split_at_mut(length * d);
        for (i, dqueries) in dqueries.chunks_exact_mut(length * d).enumerate() {
            let head = kv_head * group + i;
            let index = sequence.index * heads + head;
            let out = [dout, out].map(|x| shape.columns(x, heads, sequence.index, head));
            let qkv = shape.qkv(qkv, sequence.index, head);
            let write = if i == 0 { Write::Overwrite } else { Write::Add };
            for rows in documents(sequence.positions) {
                let elements = rows.start * d..rows.end * d;
                let gradients = [&mut *dqueries, &mut *dkeys, &mut *dvalues].map(|x| &mut x[elements.clone()]);
                let qkv = qkv.each_ref().map(|columns| columns.starting_at(rows.start));
                let out = out.each_ref().map(|columns| columns.starting_at(rows.start));
                let log_sum_exp = &log_sum_exp[index * length..][rows.clone()];
                shape.head(engine, index, &rows, dropout).backward(qkv, out, log_sum_exp, gradients, write);
            }
        }
    });
    let place = |index: usize| match index.checked_sub(heads) {
        None => index / group * (group + 2) + index % group,
        Some(other) => other % kv_heads * (group + 2) + group + other / kv_heads,
    };
    gather(&parts, shape, heads + 2 * kv_heads, place, dqkv);
}

/// The rows of `out` `[length, columns · d]` from `parts` `[columns, length, d]`: columns i·d .. (i+1)·d are part
/// `place(i)`.
fn gather<T: Float>(parts: &[T], shape: Shape, columns: usize, place: impl Fn(usize) -> usize, out: &mut [T]) {
    let Shape { length, head_width: d, .. } = shape;
    for (row, out) in out.chunks_exact_mut(columns * d).enumerate() {
        for (i, out) in out.chunks_exact_mut(d).enumerate() {
            out.copy_from_slice(&parts[(place(i) * length + row) * d..][..d]);
        }
    }
}

/// One new position of one sequence: `out` `[1, heads · d]` attends from `qkv` `[1, (heads + 2 · kv_heads) · d]` to
/// itself and to the `position` positions before it. `cache` `[context, 2 · kv_heads · d]` holds keys and values; the
/// new ones are written into row `position`, which must be below the context.
pub fn cached(
    engine: &Engine,
    qkv: &Tensor,
    shape: Shape,
    position: usize,
    cache: &Tensor,
    out: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Attention);
    if let Some(gpu) = engine.gpu() {
        return gpu::cached(gpu, qkv, shape, position, cache, out);
    }
    with_type!(qkv, T => with_slices::<T, 1, 2>([qkv], [cache, out], |[qkv], [cache, out]| {
        let Shape { kv_heads, head_width: d, .. } = shape;
        let (group, row, seen) = (shape.group(), 2 * kv_heads * d, position + 1);
        cache[position * row..][..row].copy_from_slice(&qkv[shape.out_width()..]);
        let mut scores = engine.pool.take::<T>(group * seen);
        for (kv_head, out) in out.chunks_exact_mut(group * d).enumerate() {
            let queries = Matrix::new(&qkv[kv_head * group * d..], group, d);
            let keys = Matrix::strided(&cache[kv_head * d..], seen, d, row);
            matmul(engine, &mut scores, seen, queries, keys.t(), Write::Overwrite, Threads::One);
            for scores in scores.chunks_exact_mut(seen) {
                let total = softmax::forward(scores, seen, shape.scale::<T>()).total;
                scores.iter_mut().for_each(|score| *score /= total);
            }
            let values = Matrix::strided(&cache[(kv_heads + kv_head) * d..], seen, d, row);
            matmul(engine, out, d, Matrix::new(&scores, group, seen), values, Write::Overwrite, Threads::One);
        }
        Ok(())
    }))
}
