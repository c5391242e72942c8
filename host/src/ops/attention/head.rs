//! One query head of one document.

use super::{Shape, Span, softmax};
use crate::ops::cpu::vectorised;
use crate::ops::dropout::Mask;
use crate::ops::reduce::cpu::lanes;
use crate::ops::{Engine, Factor, Float, Matrix, Threads, Write, matmul};

/// Queries per block: the scores of a block, QUERIES × length, stay in cache.
const QUERIES: usize = 32;

pub(super) struct Head<'a> {
    pub engine: &'a Engine,
    /// Its length is the document's.
    pub shape: Shape,
    pub dropout: Option<HeadMask<'a>>,
}

/// A head's part of the dropout mask of all heads of its sequence.
pub(super) struct HeadMask<'a> {
    pub mask: &'a Mask,
    /// The sequence's number in the batch.
    pub sequence: usize,
    /// Element of the first query's first key.
    pub first: usize,
    /// Elements from one query to the next.
    pub stride: usize,
}

/// Neighbouring columns of a matrix.
pub(super) struct Columns<'a, T> {
    /// From the first element on.
    data: &'a [T],
    row_stride: usize,
    width: usize,
}

impl<'a, T> Columns<'a, T> {
    pub fn new(data: &'a [T], row_stride: usize, width: usize) -> Self {
        Self { data, row_stride, width }
    }

    /// Without the rows before `first`.
    pub fn starting_at(&self, first: usize) -> Self {
        Self { data: &self.data[first * self.row_stride..], ..*self }
    }

    fn rows(&self, first: usize, n: usize) -> Matrix<'a, T> {
        Matrix::strided(&self.data[first * self.row_stride..], n, self.width, self.row_stride)
    }

    fn row(&self, row: usize) -> &'a [T] {
        &self.data[row * self.row_stride..][..self.width]
    }
}

/// Some queries and what they attend to.
#[derive(Clone, Copy)]
struct Block {
    first: usize,
    rows: usize,
    /// Keys 0 to here are seen by at least one query.
    keys: usize,
}

impl Head<'_> {
    /// The last first: it sees all keys.
    fn blocks(&self) -> impl Iterator<Item = Block> + use<> {
        let Shape { length, span, .. } = self.shape;
        (0..length).step_by(QUERIES).rev().map(move |first| {
            let rows = QUERIES.min(length - first);
            Block { first, rows, keys: if span == Span::Causal { first + rows } else { length } }
        })
    }

    /// Number of keys that a query sees.
    fn seen(&self, query: usize) -> usize {
        if self.shape.span == Span::Causal { query + 1 } else { self.shape.length }
    }

    /// `out` `[length, d]`, `log_sum_exp` `[length]`.
    pub fn forward<T: Float>(
        &self,
        [queries, keys, values]: [Columns<'_, T>; 3],
        out: &mut [T],
        log_sum_exp: &mut [T],
    ) {
        let Shape { length, head_width: d, .. } = self.shape;
        let mut scores = self.engine.pool.take::<T>(QUERIES.min(length) * length);
        let (keys_t, values) = (self.factor(keys.rows(0, length).t()), self.factor(values.rows(0, length)));
        for block in self.blocks() {
            let Block { first, rows, keys: n } = block;
            let block_queries = queries.rows(first, rows);
            keys_t.multiply(&mut scores, n, block_queries, n, Write::Overwrite, Threads::One);
            let mut totals = [T::ONE; QUERIES];
            for (i, scores) in scores.chunks_exact_mut(n).take(rows).enumerate() {
                let seen = self.seen(first + i);
                let sum = softmax::forward(scores, seen, self.shape.scale());
                (totals[i], log_sum_exp[first + i]) = (sum.total, sum.log);
                self.drop(first + i, &mut scores[..seen]);
            }
            let out = &mut out[first * d..][..rows * d];
            values.multiply(out, d, Matrix::new(&scores, rows, n), d, Write::Overwrite, Threads::One);
            // The exponentials become probabilities only here: a row of `out` is shorter than one of scores.
            for (out, &total) in out.chunks_exact_mut(d).zip(&totals) {
                let inverse = T::ONE / total;
                out.iter_mut().for_each(|out| *out *= inverse);
            }
        }
    }

    /// All gradients `[length, d]`; that of the queries is overwritten, those of keys and values `write` concerns.
    pub fn backward<T: Float>(
        &self,
        [queries, keys, values]: [Columns<'_, T>; 3],
        [dout, out]: [Columns<'_, T>; 2],
        log_sum_exp: &[T],
        [dqueries, dkeys, dvalues]: [&mut [T]; 3],
        mut write: Write<'_, T>,
    ) {
        let Shape { length, head_width: d, .. } = self.shape;
        let scale = self.shape.scale::<T>();
        let [mut probabilities, mut dscores] =
            [(); 2].map(|()| self.engine.pool.take::<T>(QUERIES.min(length) * length));
        let (keys, values) = (keys.rows(0, length), values.rows(0, length));
        let [keys_t, values_t, keys] = [keys.t(), values.t(), keys].map(|matrix| self.factor(matrix));
        for block in self.blocks() {
            let Block { first, rows, keys: n } = block;
            let (block_queries, block_dout) = (queries.rows(first, rows), dout.rows(first, rows));
            keys_t.multiply(&mut probabilities, n, block_queries, n, Write::Overwrite, Threads::One);
            values_t.multiply(&mut dscores, n, block_dout, n, Write::Overwrite, Threads::One);
            let both = probabilities.chunks_exact_mut(n).zip(dscores.chunks_exact_mut(n));
            for (i, (p, ds)) in both.take(rows).enumerate() {
                let (row, seen) = (first + i, self.seen(first + i));
                let (dout, out) = (dout.row(row), out.row(row));
                // Σ_j p_j dp_j = dout · out, with or without dropout.
                let dot = vectorised(
                    #[inline(always)]
                    || lanes(d, |k| dout[k] * out[k]),
                );
                self.drop(row, &mut ds[..seen]);
                softmax::backward(p, ds, seen, scale, log_sum_exp[row], dot);
                self.drop(row, &mut p[..seen]);
            }
            let (p, ds) = (Matrix::new(&probabilities, rows, n), Matrix::new(&dscores, rows, n));
            keys.multiply(&mut dqueries[first * d..], d, ds, d, Write::Overwrite, Threads::One);
            self.multiply(dkeys, d, ds.t(), block_queries, write);
            self.multiply(dvalues, d, p.t(), block_dout, write);
            write = Write::Add;
        }
    }

    /// Packed once for all blocks of queries.
    fn factor<'a, T: Float>(&'a self, matrix: Matrix<'a, T>) -> Factor<'a, T> {
        Factor::new(self.engine, matrix, Threads::One)
    }

    fn multiply<T: Float>(
        &self,
        out: &mut [T],
        row_stride: usize,
        a: Matrix<'_, T>,
        b: Matrix<'_, T>,
        write: Write<'_, T>,
    ) {
        matmul(self.engine, out, row_stride, a, b, write, Threads::One);
    }

    /// Multiplies the probabilities of one row by the dropout mask.
    fn drop<T: Float>(&self, row: usize, values: &mut [T]) {
        if let Some(HeadMask { mask, sequence, first, stride }) = &self.dropout {
            mask.for_each(*sequence, first + row * stride, values.len(), |i, factor| values[i] *= factor);
        }
    }
}
