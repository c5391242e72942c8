//! Causal self-attention in blocks of queries: softmax(q kᵀ / √d) v per head, without ever holding a [context, context]
//! matrix. The forward keeps the log-sum-exp of each row, from which the backward computes the probabilities again
//! (Dao et al., FlashAttention, arXiv 2205.14135).
//!
//! `qkv` `[sequences · length, 3 · width]` holds queries, keys and values side by side; head h owns the columns
//! h·d .. (h+1)·d of each, d = width / heads.

use super::cpu::{vectorised, with_slices, with_type};
use super::dropout::Mask;
use super::reduce::lanes;
use super::{Engine, Float, Matrix, OpGroup, Threads, Write, matmul};
use crate::Result;
use candle_core::Tensor;
use rayon::prelude::*;

/// Queries per block: the scores of a block, QUERIES × length, stay in cache.
const QUERIES: usize = 64;

/// The shape of an attention.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Positions per sequence.
    pub length: usize,
    /// Attention heads.
    pub heads: usize,
    /// Elements of a position over all heads.
    pub width: usize,
}

impl Shape {
    fn head_width(&self) -> usize {
        self.width / self.heads
    }

    fn scale<T: Float>(&self) -> T {
        T::of(1.0 / (self.head_width() as f64).sqrt())
    }
}

/// `out` `[rows, width]`; `log_sum_exp` `[sequences, heads, length]` is kept for the backward. `dropout` acts on the
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
        let Shape { length, heads, width } = shape;
        let sequences = out.par_chunks_mut(length * width).zip(log_sum_exp.par_chunks_mut(heads * length));
        sequences.zip(qkv.par_chunks(length * 3 * width)).enumerate().for_each(|(sequence, ((out, log_sum_exp), qkv))| {
            let mut scores = vec![T::ZERO; QUERIES.min(length) * length];
            for head in 0..heads {
                let place = Place { engine, shape, head, index: sequence * heads + head, dropout };
                place.forward(qkv, out, &mut log_sum_exp[head * length..][..length], &mut scores);
            }
        });
        Ok(())
    }))
}

/// `dqkv` (overwritten) from the gradient `dout` of `out`.
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
        let Shape { length, heads, width } = shape;
        dqkv.par_chunks_mut(length * 3 * width).enumerate().for_each(|(sequence, dqkv)| {
            let rows = sequence * length..(sequence + 1) * length;
            let dout = &dout[rows.start * width..rows.end * width];
            let out = &out[rows.start * width..rows.end * width];
            let qkv = &qkv[rows.start * 3 * width..rows.end * 3 * width];
            let mut scratch = [(); 2].map(|()| vec![T::ZERO; QUERIES.min(length) * length]);
            dqkv.fill(T::ZERO);
            for head in 0..heads {
                let index = sequence * heads + head;
                let place = Place { engine, shape, head, index, dropout };
                let log_sum_exp = &log_sum_exp[index * length..][..length];
                place.backward(dout, qkv, out, log_sum_exp, dqkv, &mut scratch);
            }
        });
        Ok(())
    }))
}

/// One new position of one sequence: `out` `[1, width]` attends from `qkv` `[1, 3 · width]` to itself and to the
/// `position` positions before it. `cache` `[context, 2 · width]` holds keys and values; the new ones are written into
/// row `position`.
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
        let (width, d) = (shape.width, shape.head_width());
        cache[position * 2 * width..][..2 * width].copy_from_slice(&qkv[width..]);
        let mut scores = vec![<T as Float>::ZERO; position + 1];
        for head in 0..shape.heads {
            let columns = head * d..(head + 1) * d;
            let query = Matrix::new(&qkv[columns.clone()], 1, d);
            let keys = Matrix::strided(&cache[head * d..], position + 1, d, 2 * width);
            matmul(engine, &mut scores, position + 1, query, keys.t(), Write::Overwrite, Threads::One);
            softmax(&mut scores, shape.scale::<T>());
            let values = Matrix::strided(&cache[width + head * d..], position + 1, d, 2 * width);
            let scores = Matrix::new(&scores, 1, position + 1);
            matmul(engine, &mut out[columns], d, scores, values, Write::Overwrite, Threads::One);
        }
        Ok(())
    }))
}

/// One head of one sequence.
struct Place<'a> {
    engine: &'a Engine,
    shape: Shape,
    head: usize,
    /// Among all heads of all sequences: its part of the dropout mask.
    index: usize,
    dropout: Option<&'a Mask>,
}

impl Place<'_> {
    fn blocks(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let length = self.shape.length;
        (0..length).step_by(QUERIES).map(move |first| (first, QUERIES.min(length - first)))
    }

    /// Columns of this head from row `first` on. `part`: 0 queries, 1 keys, 2 values.
    fn part<'d, T>(&self, qkv: &'d [T], part: usize, first: usize, rows: usize) -> Matrix<'d, T> {
        let (width, d) = (self.shape.width, self.shape.head_width());
        let start = self.offset(part, first);
        Matrix::strided(&qkv[start..], rows, d, 3 * width)
    }

    fn offset(&self, part: usize, first: usize) -> usize {
        first * 3 * self.shape.width + part * self.shape.width + self.head * self.shape.head_width()
    }

    /// Columns of this head in a `[length, width]` matrix.
    fn columns<'d, T>(&self, x: &'d [T], first: usize, rows: usize) -> Matrix<'d, T> {
        let (width, d) = (self.shape.width, self.shape.head_width());
        Matrix::strided(&x[first * width + self.head * d..], rows, d, width)
    }

    fn forward<T: Float>(&self, qkv: &[T], out: &mut [T], log_sum_exp: &mut [T], scores: &mut [T]) {
        let (width, d) = (self.shape.width, self.shape.head_width());
        let scale = self.shape.scale::<T>();
        for (first, rows) in self.blocks() {
            let keys = first + rows;
            let (queries, key_matrix) = (self.part(qkv, 0, first, rows), self.part(qkv, 1, 0, keys));
            matmul(self.engine, scores, keys, queries, key_matrix.t(), Write::Overwrite, Threads::One);
            for (i, scores) in scores.chunks_exact_mut(keys).take(rows).enumerate() {
                let row = first + i;
                let (seen, future) = scores.split_at_mut(row + 1);
                log_sum_exp[row] = softmax(seen, scale);
                future.fill(T::ZERO);
                self.drop(row, seen);
            }
            let out = &mut out[first * width + self.head * d..];
            let probabilities = Matrix::new(scores, rows, keys);
            matmul(self.engine, out, width, probabilities, self.part(qkv, 2, 0, keys), Write::Overwrite, Threads::One);
        }
    }

    fn backward<T: Float>(
        &self,
        dout: &[T],
        qkv: &[T],
        out: &[T],
        log_sum_exp: &[T],
        dqkv: &mut [T],
        [probabilities, dscores]: &mut [Vec<T>; 2],
    ) {
        let (width, d) = (self.shape.width, self.shape.head_width());
        let scale = self.shape.scale::<T>();
        for (first, rows) in self.blocks() {
            let keys = first + rows;
            let (queries, key_matrix) = (self.part(qkv, 0, first, rows), self.part(qkv, 1, 0, keys));
            let dout_block = self.columns(dout, first, rows);
            matmul(self.engine, probabilities, keys, queries, key_matrix.t(), Write::Overwrite, Threads::One);
            matmul(
                self.engine,
                dscores,
                keys,
                dout_block,
                self.part(qkv, 2, 0, keys).t(),
                Write::Overwrite,
                Threads::One,
            );
            let block = probabilities.chunks_exact_mut(keys).zip(dscores.chunks_exact_mut(keys)).take(rows);
            for (i, (p, ds)) in block.enumerate() {
                let row = first + i;
                let start = row * width + self.head * d;
                let (dout, out) = (&dout[start..start + d], &out[start..start + d]);
                // Σ_j p_j dp_j = dout · out, with or without dropout.
                let dot = vectorised(
                    #[inline(always)]
                    || lanes(d, |k| dout[k] * out[k]),
                );
                p[row + 1..].fill(T::ZERO);
                ds[row + 1..].fill(T::ZERO);
                self.drop(row, &mut ds[..=row]);
                softmax_backward(&mut p[..=row], &mut ds[..=row], scale, log_sum_exp[row], dot);
                self.drop(row, &mut p[..=row]);
            }
            let p = Matrix::new(probabilities, rows, keys);
            let ds = Matrix::new(dscores, rows, keys);
            let mut add = |part, first, a, b| {
                matmul(self.engine, &mut dqkv[self.offset(part, first)..], 3 * width, a, b, Write::Add, Threads::One);
            };
            add(0, first, ds, key_matrix);
            add(1, 0, ds.t(), queries);
            add(2, 0, p.t(), dout_block);
        }
    }

    /// Multiplies the probabilities of one row by the dropout mask.
    fn drop<T: Float>(&self, row: usize, values: &mut [T]) {
        if let Some(mask) = self.dropout {
            let stride = self.shape.length.next_multiple_of(4);
            let start = (self.index * self.shape.length + row) * stride;
            mask.for_each(start, values.len(), |i, factor| values[i] *= factor);
        }
    }
}

/// Scores become probabilities in place; returns the log-sum-exp of the scaled scores.
fn softmax<T: Float>(scores: &mut [T], scale: T) -> T {
    vectorised(
        #[inline(always)]
        || {
            let highest = highest(scores) * scale;
            for score in scores.iter_mut() {
                *score = (*score * scale - highest).exp();
            }
            let total = lanes(scores.len(), |i| scores[i]);
            let inverse = T::ONE / total;
            for score in scores.iter_mut() {
                *score *= inverse;
            }
            highest + total.ln()
        },
    )
}

/// In place: scores → probabilities, gradients of probabilities → gradients of unscaled scores.
fn softmax_backward<T: Float>(scores: &mut [T], gradients: &mut [T], scale: T, log_sum_exp: T, dot: T) {
    vectorised(
        #[inline(always)]
        || {
            for (score, gradient) in scores.iter_mut().zip(gradients) {
                *score = (*score * scale - log_sum_exp).exp();
                *gradient = *score * (*gradient - dot) * scale;
            }
        },
    );
}

#[inline(always)]
fn highest<T: Float>(values: &[T]) -> T {
    let mut highest = [T::LOWEST; 16];
    let mut chunks = values.chunks_exact(16);
    for chunk in &mut chunks {
        for (highest, &value) in highest.iter_mut().zip(chunk) {
            *highest = if value > *highest { value } else { *highest };
        }
    }
    let rest = chunks.remainder().iter().copied();
    highest.into_iter().chain(rest).fold(T::LOWEST, |a, b| if b > a { b } else { a })
}
