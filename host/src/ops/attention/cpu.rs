//! Attention on the CPU: one task per head of keys and values.

use super::head::{Columns, Head, HeadMask};
use super::{Shape, softmax};
use crate::Result;
use crate::ops::cpu::{with_slices, with_type};
use crate::ops::dropout::Mask;
use crate::ops::pool::Scratch;
use crate::ops::{Column, Engine, Float, Matrix, Tensor, Threads, Write, matmul};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

impl Shape {
    pub(super) fn scale<T: Float>(&self) -> T {
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

    /// Where [`backward_group`] leaves the gradient of the `column`-th of queries, keys and values: head of keys and
    /// values, and matrix.
    fn gradient_of(&self, column: usize) -> (usize, usize) {
        match column.checked_sub(self.heads) {
            None => (column / self.group(), column % self.group()),
            Some(other) => (other % self.kv_heads, self.group() + other / self.kv_heads),
        }
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

pub(super) fn forward(
    engine: &Engine,
    qkv: &Tensor,
    positions: &Column<'_, u32>,
    shape: Shape,
    dropout: Option<&Mask>,
    out: &Tensor,
    log_sum_exp: &Tensor,
) -> Result<()> {
    let positions = positions.host();
    with_type!(qkv, T => with_slices::<T, 1, 2>([qkv], [out, log_sum_exp], |[qkv], [out, log_sum_exp]| {
        let Shape { length, heads, head_width: d, .. } = shape;
        let results: Vec<_> = out.chunks_exact_mut(length * heads * d).map(|out| Parts::new(out, heads)).collect();
        let tasks = log_sum_exp.chunks_exact_mut(length).take(results.len() * heads).enumerate();
        engine.for_each(tasks, |(index, log_sum_exp)| {
            let (sequence, head) = (index / heads, index % heads);
            let qkv = shape.qkv(qkv, sequence, head);
            let mut out = engine.scratch::<T>(length * d);
            for rows in documents(&positions[sequence * length..][..length]) {
                let qkv = qkv.each_ref().map(|columns| columns.starting_at(rows.start));
                let head = shape.head(engine, index, &rows, dropout);
                head.forward(qkv, &mut out[rows.start * d..rows.end * d], &mut log_sum_exp[rows]);
            }
            results[sequence].finish(head, out, shape, |head| (head, 0));
        });
        Ok(())
    }))
}

#[expect(clippy::too_many_arguments, reason = "inputs, what the forward kept, and results")]
pub(super) fn backward(
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
    let positions = positions.host();
    let reads = [dout, qkv, out, log_sum_exp];
    with_type!(qkv, T => with_slices::<T, 4, 1>(reads, [dqkv], |reads, [dqkv]| {
        let Shape { length, kv_heads, .. } = shape;
        let results = dqkv.chunks_exact_mut(length * shape.qkv_width()).map(|dqkv| Parts::new(dqkv, kv_heads));
        let results: Vec<_> = results.collect();
        engine.for_each(0..results.len() * kv_heads, |index| {
            let (sequence, kv_head) = (index / kv_heads, index % kv_heads);
            let positions = &positions[sequence * length..][..length];
            let gradients = backward_group(engine, dropout, shape, (sequence, kv_head, positions), reads);
            results[sequence].finish(kv_head, gradients, shape, |column| shape.gradient_of(column));
        });
        Ok(())
    }))
}

/// The gradients of the query heads of `kv_head`, one matrix `[length, d]` a head, of its keys and of its values, in
/// sequence `sequence`, whose rows have these `positions` in their documents. Those of keys and values are summed over
/// the query heads in their order.
fn backward_group<'e, T: Float>(
    engine: &'e Engine,
    dropout: Option<&Mask>,
    shape: Shape,
    (sequence, kv_head, positions): (usize, usize, &[u32]),
    [dout, qkv, out, log_sum_exp]: [&[T]; 4],
) -> Scratch<'e, T> {
    let Shape { length, heads, head_width: d, .. } = shape;
    let group = shape.group();
    let mut parts = engine.scratch::<T>((group + 2) * length * d);
    let (dqueries, dkeys_values) = parts.split_at_mut(group * length * d);
    let (dkeys, dvalues) = dkeys_values.split_at_mut(length * d);
    for (i, dqueries) in dqueries.chunks_exact_mut(length * d).enumerate() {
        let head = kv_head * group + i;
        let index = sequence * heads + head;
        let out = [dout, out].map(|x| shape.columns(x, heads, sequence, head));
        let qkv = shape.qkv(qkv, sequence, head);
        let write = if i == 0 { Write::Overwrite } else { Write::Add };
        for rows in documents(positions) {
            let elements = rows.start * d..rows.end * d;
            let gradients = [&mut *dqueries, &mut *dkeys, &mut *dvalues].map(|x| &mut x[elements.clone()]);
            let qkv = qkv.each_ref().map(|columns| columns.starting_at(rows.start));
            let out = out.each_ref().map(|columns| columns.starting_at(rows.start));
            let log_sum_exp = &log_sum_exp[index * length..][rows.clone()];
            shape.head(engine, index, &rows, dropout).backward(qkv, out, log_sum_exp, gradients, write);
        }
    }
    parts
}

/// The rows of one sequence, whose columns several tasks compute, each into matrices of its own: tasks cannot write
/// side by side into one row. The last one to finish puts them together.
struct Parts<'a, 'e, T> {
    rows: Mutex<&'a mut [T]>,
    /// The parts that are finished.
    parts: Mutex<Vec<Option<Scratch<'e, T>>>>,
}

impl<'a, 'e, T: Float> Parts<'a, 'e, T> {
    /// `out` will be put together of `n` parts.
    fn new(out: &'a mut [T], n: usize) -> Self {
        Self { rows: Mutex::new(out), parts: Mutex::new((0..n).map(|_| None).collect()) }
    }

    /// Part `index`, of matrices `[length, d]`, is `part`. Columns i·d .. (i+1)·d of the result are a matrix of a part,
    /// (part, matrix) = `place(i)`.
    fn finish(&self, index: usize, part: Scratch<'e, T>, shape: Shape, place: impl Fn(usize) -> (usize, usize)) {
        let Shape { length, head_width: d, .. } = shape;
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts[index] = Some(part);
        let Some(all) = parts.iter().map(Option::as_deref).collect::<Option<Vec<&[T]>>>() else { return };
        let mut out = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let columns = out.len() / length / d;
        for (row, out) in out.chunks_exact_mut(columns * d).enumerate() {
            for (i, out) in out.chunks_exact_mut(d).enumerate() {
                let (part, matrix) = place(i);
                out.copy_from_slice(&all[part][(matrix * length + row) * d..][..d]);
            }
        }
        parts.clear(); // for the next sequences
    }
}

pub(super) fn cached(
    engine: &Engine,
    qkv: &Tensor,
    shape: Shape,
    position: usize,
    cache: &Tensor,
    out: &Tensor,
) -> Result<()> {
    with_type!(qkv, T => with_slices::<T, 1, 2>([qkv], [cache, out], |[qkv], [cache, out]| {
        let Shape { kv_heads, head_width: d, .. } = shape;
        let (group, row, seen) = (shape.group(), 2 * kv_heads * d, position + 1);
        cache[position * row..][..row].copy_from_slice(&qkv[shape.out_width()..]);
        let mut scores = engine.scratch::<T>(group * seen);
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
