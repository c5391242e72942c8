//! New rows of sequences on the CPU.

use super::head::{Bias, Columns, Head};
use super::parts::{Parts, targets};
use super::{Cache, Shape, Span, softmax};
use crate::Result;
use crate::cpu::{with_slice_lists, with_type};
use crate::pool::Scratch;
use crate::{Engine, Float, Matrix, Tensor, Threads, View, Write, matmul};

pub(super) fn cached(
    engine: &Engine,
    views: [View<'_>; 3],
    shape: Shape,
    cache: &Cache<'_>,
    out: &Tensor,
) -> Result<()> {
    let reads: Vec<&Tensor> = views.iter().map(|view| view.tensor).chain(cache.bias).collect();
    let (_, [target]) = targets([View { tensor: out, first: 0, width: shape.out_width() }], [shape.length])?;
    with_type!(out, T => with_slice_lists::<T>(&reads, &[cache.keys_values, out], |reads, mut writes| {
        let (Some(out), Some(keys_values)) = (writes.pop(), writes.pop()) else { return Ok(()) };
        let Shape { length, heads, head_width: d, .. } = shape;
        let (kv, n) = (shape.kv_width(), cache.positions.len());
        let sequences = cache.positions.iter().zip(keys_values.chunks_exact_mut(keys_values.len() / n)).enumerate();
        let mut decodes = Vec::with_capacity(n);
        for (sequence, (&position, keys_values)) in sequences {
            let new = keys_values[position * 2 * kv..].chunks_exact_mut(2 * kv).take(length);
            for (row, cached) in new.enumerate() {
                let row = sequence * length + row;
                for (part, index) in cached.chunks_exact_mut(kv).zip([1, 2]) {
                    part.copy_from_slice(&reads[index][row * views[index].stride() + views[index].first..][..kv]);
                }
            }
            let stride = views[0].stride();
            let queries = (&reads[0][sequence * length * stride + views[0].first..], stride);
            decodes.push(Decode { engine, shape, position, queries, keys_values, bias: reads.get(3).copied() });
        }
        if length == 1 {
            engine.for_each(decodes.iter().zip(out.chunks_exact_mut(heads * d)), |(decode, out)| decode.row(out));
            return Ok(());
        }
        let results = Parts::new(vec![out], [target], n, heads);
        engine.for_each(0..n * heads, |task| {
            let (sequence, head) = (task / heads, task % heads);
            results[sequence].finish(head, decodes[sequence].part(head), d, |_, head| (head, 0));
        });
        Ok(())
    }))
}

/// New rows of one sequence, whose keys and values are in the cache.
struct Decode<'a, T> {
    engine: &'a Engine,
    /// Its length is the number of new rows.
    shape: Shape,
    position: usize,
    /// From the first query on, and elements between two rows.
    queries: (&'a [T], usize),
    /// `[context, 2 · kv_heads · d]`
    keys_values: &'a [T],
    /// `[heads, width]`
    bias: Option<&'a [T]>,
}

impl<'a, T: Float> Decode<'a, T> {
    fn head(&self, head: usize) -> Head<'a, T> {
        let bias = |bias: &'a [T]| {
            let width = bias.len() / self.shape.heads;
            Bias::new(&bias[head * width..][..width])
        };
        Head {
            engine: self.engine,
            shape: self.shape,
            keys: self.position + self.shape.length,
            before: self.position,
            bias: self.bias.map(bias),
            dropout: None,
        }
    }

    /// One row: `out` `[1, heads · d]`.
    fn row(&self, out: &mut [T]) {
        let Shape { head_width: d, span, .. } = self.shape;
        let (group, kv, end) = (self.shape.group(), self.shape.kv_width(), self.position + 1);
        let first = if let Span::Window(width) = span { end.saturating_sub(width) } else { 0 };
        let (seen, cached) = (end - first, &self.keys_values[first * 2 * kv..]);
        let mut scores = self.engine.scratch::<T>(group * seen);
        for (kv_head, out) in out.chunks_exact_mut(group * d).enumerate() {
            let queries = Matrix::new(&self.queries.0[kv_head * group * d..], group, d);
            let keys = Matrix::strided(&cached[kv_head * d..], seen, d, 2 * kv);
            matmul(self.engine, &mut scores, seen, queries, keys.t(), Write::Overwrite, Threads::One);
            for (i, scores) in scores.chunks_exact_mut(seen).enumerate() {
                let scale = self.head(kv_head * group + i).prepare_row(self.position, first, scores, &mut []);
                let total = softmax::forward(scores, seen, scale).total;
                scores.iter_mut().for_each(|score| *score /= total);
            }
            let values = Matrix::strided(&cached[kv + kv_head * d..], seen, d, 2 * kv);
            let scores = Matrix::new(&scores, group, seen);
            matmul(self.engine, out, d, scores, values, Write::Overwrite, Threads::One);
        }
    }

    /// One head of several rows: `[rows, d]`.
    fn part(&self, head: usize) -> Scratch<'a, T> {
        let Shape { length, head_width: d, .. } = self.shape;
        let (key, kv) = (head / self.shape.group() * d, self.shape.kv_width());
        let queries = Columns::new(&self.queries.0[head * d..], self.queries.1, d);
        let [keys, values] = [key, kv + key].map(|first| Columns::new(&self.keys_values[first..], 2 * kv, d));
        let mut log_sum_exp = self.engine.scratch::<T>(length);
        let mut part = self.engine.scratch::<T>(length * d);
        self.head(head).forward([queries, keys, values], &mut part, &mut log_sum_exp);
        part
    }
}
