//! One query head of one document.

use super::{Shape, Span, softmax};
use crate::cpu::vectorised;
use crate::dropout::Mask;
use crate::reduce::cpu::lanes;
use crate::{Engine, Factor, Float, Matrix, Threads, Write, matmul};
use std::ops::Range;

/// Queries per block: the scores of a block, QUERIES × length, stay in cache.
const QUERIES: usize = 32;

pub(super) struct Head<'a, T> {
    pub engine: &'a Engine,
    /// Its length is the number of queries.
    pub shape: Shape,
    /// Number of keys.
    pub keys: usize,
    /// Keys of positions before that of the first query: 0 but where queries follow cached positions.
    pub before: usize,
    pub bias: Option<Bias<'a, T>>,
    pub dropout: Option<HeadMask<'a>>,
}

/// What is added to a head's scores.
#[derive(Clone, Copy)]
pub(super) struct Bias<'a, T> {
    /// For keys n - 1 positions before a query to n - 1 after it.
    values: &'a [T],
}

impl<'a, T> Bias<'a, T> {
    pub fn new(values: &'a [T]) -> Self {
        Self { values }
    }

    /// The element for key 0 of the query at `position`; those of the next keys follow.
    pub fn start(&self, position: usize) -> usize {
        self.values.len() / 2 - position
    }
}

/// The gradients that a backward computes.
pub(super) struct Wanted<'a, T> {
    /// `[queries, d]`; overwritten.
    pub dqueries: &'a mut [T],
    /// `[keys, d]`; `write` says how.
    pub dkeys: &'a mut [T],
    /// `[keys, d]`; `write` says how.
    pub dvalues: &'a mut [T],
    /// As the bias, added to; empty: not wanted.
    pub dbias: &'a mut [T],
    pub write: Write<'a, T>,
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
#[derive(Clone, Copy)]
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

/// Some queries and the keys that at least one of them sees.
#[derive(Clone, Copy)]
struct Block {
    first: usize,
    rows: usize,
    /// The first key.
    from: usize,
    /// Number of keys.
    keys: usize,
}

/// Blocks begin with keys of multiples of this, where dropout masks can be entered.
const ALIGNMENT: usize = 16;

/// Fewer queries than this do not pay for preparing keys and values.
const FEW: usize = 8;

impl<T: Float> Head<'_, T> {
    /// The last first: without a window it sees all keys.
    fn blocks(&self) -> impl Iterator<Item = Block> + use<T> {
        let (Shape { length, span, .. }, keys, before) = (self.shape, self.keys, self.before);
        (0..length).step_by(QUERIES).rev().map(move |first| {
            let rows = QUERIES.min(length - first);
            let end = if span == Span::Full { keys } else { before + first + rows };
            let from = match span {
                Span::Window(width) => (before + first + 1).saturating_sub(width) / ALIGNMENT * ALIGNMENT,
                _ => 0,
            };
            Block { first, rows, from, keys: end - from }
        })
    }

    /// The keys of a block that one of its queries sees, counted from the block's first key.
    fn seen(&self, query: usize, block: Block) -> Range<usize> {
        let end = self.before + query + 1 - block.from;
        match self.shape.span {
            Span::Causal => 0..end,
            Span::Full => 0..block.keys,
            Span::Window(width) => (end + block.from).saturating_sub(width).saturating_sub(block.from)..end,
        }
    }

    /// `out` `[queries, d]`, `log_sum_exp` `[queries]`.
    pub fn forward(&self, [queries, keys, values]: [Columns<'_, T>; 3], out: &mut [T], log_sum_exp: &mut [T]) {
        let Shape { head_width: d, .. } = self.shape;
        if self.keys == 0 {
            out.fill(T::ZERO);
            return log_sum_exp.fill(T::LOWEST);
        }
        let mut scores = self.engine.pool.take::<T>(self.n_scores());
        let (keys_t, values) = (self.keys_t(keys), self.factor(values));
        for block in self.blocks() {
            let Block { first, rows, keys: n, .. } = block;
            self.multiply_t(&mut scores, queries.rows(first, rows), &keys_t, block);
            let mut totals = [T::ONE; QUERIES];
            for (i, scores) in scores.chunks_exact_mut(n).take(rows).enumerate() {
                let seen = self.seen(first + i, block);
                let scale = self.prepare(first + i, block, &mut scores[seen.clone()], &mut []);
                let (hidden, shown) = scores.split_at_mut(seen.start);
                hidden.fill(T::ZERO);
                let sum = softmax::forward(shown, seen.len(), scale);
                (totals[i], log_sum_exp[first + i]) = (sum.total, sum.log);
                self.drop(first + i, block, &mut scores[..seen.end]);
            }
            let out = &mut out[first * d..][..rows * d];
            self.multiply(out, Matrix::new(&scores, rows, n), &values, block);
            // The exponentials become probabilities only here: a row of `out` is shorter than one of scores.
            for (out, &total) in out.chunks_exact_mut(d).zip(&totals) {
                let inverse = T::ONE / total;
                out.iter_mut().for_each(|out| *out *= inverse);
            }
        }
    }

    /// The gradients that are wanted.
    pub fn backward(
        &self,
        [queries, keys, values]: [Columns<'_, T>; 3],
        [dout, out]: [Columns<'_, T>; 2],
        log_sum_exp: &[T],
        to: Wanted<'_, T>,
    ) {
        let Wanted { dqueries, dkeys, dvalues, dbias, mut write } = to;
        let Shape { head_width: d, .. } = self.shape;
        if self.keys == 0 {
            return dqueries.fill(T::ZERO);
        }
        if self.is_windowed() && write == Write::Overwrite {
            // No block sees all keys.
            dkeys.fill(T::ZERO);
            dvalues.fill(T::ZERO);
            write = Write::Add;
        }
        let [mut probabilities, mut dscores] = [(); 2].map(|()| self.engine.pool.take::<T>(self.n_scores()));
        let mut slopes = self.engine.pool.take::<T>(if self.is_plain() { 0 } else { self.keys });
        let [keys_t, values_t, keys] = [self.keys_t(keys), self.keys_t(values), self.factor(keys)];
        for block in self.blocks() {
            let Block { first, rows, from, keys: n } = block;
            let (block_queries, block_dout) = (queries.rows(first, rows), dout.rows(first, rows));
            self.multiply_t(&mut probabilities, block_queries, &keys_t, block);
            self.multiply_t(&mut dscores, block_dout, &values_t, block);
            let both = probabilities.chunks_exact_mut(n).zip(dscores.chunks_exact_mut(n));
            for (i, (p, ds)) in both.take(rows).enumerate() {
                let row = (first + i, block);
                // Σ_j p_j dp_j = dout · out, with or without dropout.
                let dot = dot(dout.row(first + i), out.row(first + i));
                self.row_gradient(row, (p, ds), &mut slopes, (log_sum_exp[first + i], dot), dbias);
            }
            let (p, ds) = (Matrix::new(&probabilities, rows, n), Matrix::new(&dscores, rows, n));
            self.multiply(&mut dqueries[first * d..], ds, &keys, block);
            self.add(&mut dkeys[from * d..], ds.t(), block_queries, write);
            self.add(&mut dvalues[from * d..], p.t(), block_dout, write);
            write = Write::Add;
        }
    }

    /// Turns scores of one query into probabilities, with dropout, and gradients of probabilities into gradients of
    /// products of queries and keys.
    fn row_gradient(
        &self,
        (query, block): (usize, Block),
        (p, ds): (&mut [T], &mut [T]),
        slopes: &mut [T],
        (log_sum_exp, dot): (T, T),
        dbias: &mut [T],
    ) {
        let seen = self.seen(query, block);
        self.drop(query, block, &mut ds[..seen.end]);
        let slopes = &mut slopes[..if self.is_plain() { 0 } else { seen.len() }];
        let scale = self.prepare(query, block, &mut p[seen.clone()], slopes);
        let [(hidden_p, shown_p), (hidden_ds, shown_ds)] = [&mut *p, &mut *ds].map(|x| x.split_at_mut(seen.start));
        hidden_p.fill(T::ZERO);
        hidden_ds.fill(T::ZERO);
        softmax::backward(shown_p, shown_ds, seen.len(), scale, log_sum_exp, dot);
        if let Some(bias) = self.bias.filter(|_| !dbias.is_empty()) {
            let dbias = &mut dbias[bias.start(self.before + query) + block.from + seen.start..];
            dbias.iter_mut().zip(&shown_ds[..seen.len()]).for_each(|(sum, &ds)| *sum += ds);
        }
        shown_ds.iter_mut().zip(slopes).for_each(|(ds, slope)| *ds *= *slope);
        self.drop(query, block, &mut p[..seen.end]);
    }

    /// Whether scores are products times the scale, and nothing else.
    fn is_plain(&self) -> bool {
        self.shape.soft_cap == 0.0 && self.bias.is_none()
    }

    fn is_windowed(&self) -> bool {
        matches!(self.shape.span, Span::Window(_))
    }

    /// Makes scores of the products of a query with the keys that it sees, up to the factor that is returned.
    /// `slopes`, unless it is empty, become their derivatives.
    pub fn prepare_row(&self, position: usize, first_key: usize, scores: &mut [T], slopes: &mut [T]) -> T {
        let scale = T::of(self.shape.scale);
        if self.is_plain() {
            return scale;
        }
        slopes.fill(scale);
        scores.iter_mut().for_each(|score| *score *= scale);
        if self.shape.soft_cap > 0.0 {
            cap(scores, slopes, T::of(self.shape.soft_cap));
        }
        if let Some(bias) = self.bias {
            let bias = &bias.values[bias.start(position) + first_key..];
            scores.iter_mut().zip(bias).for_each(|(score, &bias)| *score += bias);
        }
        T::ONE
    }

    fn prepare(&self, query: usize, block: Block, scores: &mut [T], slopes: &mut [T]) -> T {
        let first_key = block.from + self.seen(query, block).start;
        self.prepare_row(self.before + query, first_key, scores, slopes)
    }

    /// Scores of the largest block.
    fn n_scores(&self) -> usize {
        self.blocks().map(|block| block.rows * block.keys).max().unwrap_or(0)
    }

    /// Keys or values as right factors, transposed.
    fn keys_t<'a>(&'a self, keys: Columns<'a, T>) -> Side<'a, T> {
        self.side(keys, |all| all.t())
    }

    /// Keys or values as right factors.
    fn factor<'a>(&'a self, keys: Columns<'a, T>) -> Side<'a, T> {
        self.side(keys, |all| all)
    }

    fn side<'a>(&'a self, columns: Columns<'a, T>, turn: impl Fn(Matrix<'a, T>) -> Matrix<'a, T>) -> Side<'a, T> {
        // With a window each block has keys of its own.
        let once = self.is_windowed() || (self.shape.span == Span::Full && self.shape.length < FEW);
        let all = || Factor::new(self.engine, turn(columns.rows(0, self.keys)), Threads::One);
        Side { columns, factor: (!once).then(all) }
    }

    /// out `[rows, keys]` = a keysᵀ for the keys of a block.
    fn multiply_t(&self, out: &mut [T], a: Matrix<'_, T>, side: &Side<'_, T>, block: Block) {
        let Block { from, keys: n, .. } = block;
        match &side.factor {
            Some(factor) => factor.multiply(out, n, a, n, Write::Overwrite, Threads::One),
            None => {
                let keys = side.columns.rows(from, n).t();
                matmul(self.engine, out, n, a, keys, Write::Overwrite, Threads::One);
            }
        }
    }

    /// out `[rows, d]` = a keys for the keys of a block.
    fn multiply(&self, out: &mut [T], a: Matrix<'_, T>, side: &Side<'_, T>, block: Block) {
        let d = self.shape.head_width;
        match &side.factor {
            Some(factor) => factor.multiply(out, d, a, d, Write::Overwrite, Threads::One),
            None => {
                let keys = side.columns.rows(block.from, block.keys);
                matmul(self.engine, out, d, a, keys, Write::Overwrite, Threads::One);
            }
        }
    }

    /// out `[_, d]` = or += a b
    fn add(&self, out: &mut [T], a: Matrix<'_, T>, b: Matrix<'_, T>, write: Write<'_, T>) {
        matmul(self.engine, out, self.shape.head_width, a, b, write, Threads::One);
    }

    /// Multiplies the probabilities of one row, from the block's first key on, by the dropout mask.
    fn drop(&self, query: usize, block: Block, values: &mut [T]) {
        if let Some(HeadMask { mask, sequence, first, stride }) = &self.dropout {
            let start = first + query * stride + block.from;
            mask.for_each(*sequence, start, values.len(), |i, factor| values[i] *= factor);
        }
    }
}

/// In place: score → cap · tanh(score / cap); slopes are multiplied by the derivative.
fn cap<T: Float>(scores: &mut [T], slopes: &mut [T], cap: T) {
    vectorised(
        #[inline(always)]
        || {
            scores.iter_mut().for_each(|score| *score = (*score / cap).fast_tanh());
            for (slope, &t) in slopes.iter_mut().zip(&*scores) {
                *slope *= T::ONE - t * t;
            }
            scores.iter_mut().for_each(|score| *score *= cap);
        },
    );
}

/// Keys or values; packed once for all blocks of queries where blocks have the first of them in common.
struct Side<'a, T> {
    columns: Columns<'a, T>,
    factor: Option<Factor<'a, T>>,
}

fn dot<T: Float>(a: &[T], b: &[T]) -> T {
    vectorised(
        #[inline(always)]
        || lanes(a.len(), |k| a[k] * b[k]),
    )
}
