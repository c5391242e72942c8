//! New rows of one sequence on the CPU.

use super::head::{Bias, Columns, Head};
use super::parts::{Parts, Target, targets};
use super::{Cache, Shape, Span, softmax};
use crate::Result;
use crate::cpu::{with_slice_lists, with_type};
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
        let kv = shape.kv_width();
        for row in 0..shape.length {
            let cached = &mut keys_values[(cache.position + row) * 2 * kv..][..2 * kv];
            for (part, index) in cached.chunks_exact_mut(kv).zip([1, 2]) {
                part.copy_from_slice(&reads[index][row * views[index].stride() + views[index].first..][..kv]);
            }
        }
        let decode = Decode {
            engine,
            shape,
            position: cache.position,
            queries: (&reads[0][views[0].first..], views[0].stride()),
            keys_values,
            bias: reads.get(3).copied(),
        };
        match shape.length {
            1 => decode.row(out),
            _ => decode.rows(out, target),
        }
        Ok(())
    }))
}

/// New rows whose keys and values are in the cache.
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

    /// Several rows: `out` `[rows, heads · d]`.
    fn rows(&self, out: &mut [T], target: Target) {
        let Shape { length, heads, head_width: d, .. } = self.shape;
        let (group, kv) = (self.shape.group(), self.shape.kv_width());
        let results = Parts::new(vec![out], [target], 1, heads);
        self.engine.for_each(0..heads, |head| {
            let key = head / group * d;
            let queries = Columns::new(&self.queries.0[head * d..], self.queries.1, d);
            let keys_values = [key, kv + key].map(|first| Columns::new(&self.keys_values[first..], 2 * kv, d));
            let [keys, values] = keys_values;
            let mut log_sum_exp = self.engine.scratch::<T>(length);
            let mut part = self.engine.scratch::<T>(length * d);
            self.head(head).forward([queries, keys, values], &mut part, &mut log_sum_exp);
            results[0].finish(head, part, d, |_, head| (head, 0));
        });
    }
}
