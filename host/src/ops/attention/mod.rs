//! Self-attention in blocks of queries: softmax(q kᵀ / √d) v per head, without ever holding a [length, length] matrix.
//! The forward keeps the log-sum-exp of each row, from which the backward computes the probabilities again (Dao et al.,
//! FlashAttention, arXiv 2205.14135).
//!
//! `qkv` `[sequences · length, (heads + 2 · kv_heads) · d]` holds the heads' queries, keys and values side by side, d =
//! head_width. With fewer key and value heads than query heads, heads / kv_heads neighbouring query heads share one
//! (grouped-query attention, Ainslie et al., arXiv 2305.13245).

mod head;
mod softmax;

use super::cpu::{rows_per_task, with_slices, with_type};
use super::dropout::Mask;
use super::{Engine, Float, Matrix, OpGroup, Threads, Write, matmul};
use crate::Result;
use candle_core::Tensor;
use head::{Columns, Head};
use rayon::prelude::*;

/// What a position attends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Itself and the positions before it.
    Causal,
    /// All positions of its sequence.
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
}

/// `out` `[rows, heads · d]`; `log_sum_exp` `[sequences, heads, length]` is kept for the backward. `dropout` acts on the
/// probabilities.
pub fn forward(
    engine: &Engine,
    qkv: &Tensor,
    shape: Shape,
    dropout: Option<&Mask>,
    out: &Tensor,
    log_sum_exp: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Attention);
    with_type!(qkv, T => with_slices::<T, 1, 2>([qkv], [out, log_sum_exp], |[qkv], [out, log_sum_exp]| {
        let Shape { length, heads, head_width: d, .. } = shape;
        // Heads share rows of `out`: each task writes into a matrix of its own.
        let mut parts = engine.pool.take::<T>(out.len());
        let tasks = parts.par_chunks_exact_mut(length * d).zip(log_sum_exp.par_chunks_exact_mut(length));
        tasks.enumerate().for_each(|(index, (out, log_sum_exp))| {
            let head = Head { engine, shape, index, dropout };
            head.forward(shape.qkv(qkv, index / heads, index % heads), out, log_sum_exp);
        });
        gather(&parts, shape, heads, |head| head, out);
        Ok(())
    }))
}

/// `dqkv` (overwritten) from the gradient `dout` of `out`; the other tensors as in [`forward`].
pub fn backward(
    engine: &Engine,
    dout: &Tensor,
    qkv: &Tensor,
    out: &Tensor,
    log_sum_exp: &Tensor,
    shape: Shape,
    dropout: Option<&Mask>,
    dqkv: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Attention);
    let reads = [dout, qkv, out, log_sum_exp];
    with_type!(qkv, T => with_slices::<T, 4, 1>(reads, [dqkv], |[dout, qkv, out, log_sum_exp], [dqkv]| {
        let Shape { length, heads, kv_heads, head_width: d, .. } = shape;
        let group = shape.group();
        // Per task the gradients of a group's queries, one matrix a head, of its keys and of its values.
        let mut parts = engine.pool.take::<T>(dqkv.len());
        parts.par_chunks_exact_mut((group + 2) * length * d).enumerate().for_each(|(task, parts)| {
            let sequence = task / kv_heads;
            let (dqueries, dkeys_values) = parts.split_at_mut(group * length * d);
            let (dkeys, dvalues) = dkeys_values.split_at_mut(length * d);
            for (i, dqueries) in dqueries.chunks_exact_mut(length * d).enumerate() {
                let index = task * group + i;
                let (qkv, log_sum_exp) = (shape.qkv(qkv, sequence, index % heads), &log_sum_exp[index * length..]);
                let out = [dout, out].map(|x| shape.columns(x, heads, sequence, index % heads));
                let write = if i == 0 { Write::Overwrite } else { Write::Add };
                let head = Head { engine, shape, index, dropout };
                head.backward(qkv, out, log_sum_exp, [&mut *dqueries, &mut *dkeys, &mut *dvalues], write);
            }
        });
        let place = |index: usize| match index.checked_sub(heads) {
            None => index / group * (group + 2) + index % group,
            Some(other) => other % kv_heads * (group + 2) + group + other / kv_heads,
        };
        gather(&parts, shape, heads + 2 * kv_heads, place, dqkv);
        Ok(())
    }))
}

/// The rows of `out` `[sequences · length, columns · d]` from `parts` `[sequences, columns, length, d]`: columns i·d ..
/// (i+1)·d are part `place(i)` of the sequence.
fn gather<T: Float>(
    parts: &[T],
    shape: Shape,
    columns: usize,
    place: impl Fn(usize) -> usize + Sync + Send,
    out: &mut [T],
) {
    let Shape { length, head_width: d, .. } = shape;
    let width = columns * d;
    out.par_chunks_exact_mut(width).with_min_len(rows_per_task(width)).enumerate().for_each(|(row, out)| {
        for (i, out) in out.chunks_exact_mut(d).enumerate() {
            let part = row / length * columns + place(i);
            out.copy_from_slice(&parts[(part * length + row % length) * d..][..d]);
        }
    });
}

/// One new position of one sequence: `out` `[1, heads · d]` attends from `qkv` `[1, (heads + 2 · kv_heads) · d]` to itself
/// and to the `position` positions before it. `cache` `[context, 2 · kv_heads · d]` holds keys and values; the new ones
/// are written into row `position`, which must be below the context.
pub fn cached(
    engine: &Engine,
    qkv: &Tensor,
    shape: Shape,
    position: usize,
    cache: &Tensor,
    out: &Tensor,
) -> Result<()> {
    let _timer = engine.time(OpGroup::Attention);
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
                let total = softmax::forward(scores, shape.scale::<T>()).total;
                scores.iter_mut().for_each(|score| *score /= total);
            }
            let values = Matrix::strided(&cache[(kv_heads + kv_head) * d..], seen, d, row);
            matmul(engine, out, d, Matrix::new(&scores, group, seen), values, Write::Overwrite, Threads::One);
        }
        Ok(())
    }))
}
