//! Forward and backward sums of e^score, scaled to a sum of 1 in each row (Rabiner 1989, V.A): a row takes one
//! exponential per tag, all else is products.
//!
//! A number that becomes 0 for its size would be missing where later rows need it, so sequences in which one comes
//! close are left to `logs`. Weights and emissions of a row that differ by [`SPREAD_MAX`] at most make no number 0 that
//! was [`LEAST`] or more in the row before.

use super::cpu::{Sums, Work, write_row};
use super::table::{BLOCK, Table};
use crate::Float;

/// Bound of the differences of weights and of emissions of a row, added: e^-400 is 2e-174.
const SPREAD_MAX: f64 = 400.0;

/// Bound of the sums of a tag, relative to those of all tags of the row.
const LEAST: f64 = 1e-100;

/// The partition of a sequence with rows `emissions` `[rows, tags]`; none where numbers could be too small. Keeps in
/// `work` the sums of the sequences that end with a tag, and e^x of the emissions.
#[inline(always)]
pub(super) fn forward<T: Float>(table: &Table, emissions: &[T], work: &mut Work<'_>) -> Option<f64> {
    let Table { width, ref powers, .. } = *table;
    let mut partition = 0.0;
    for (row, emissions) in emissions.chunks_exact(table.tags).enumerate() {
        let x = &mut work.powers[row * width..][..width];
        let largest = powers_of(emissions, x, SPREAD_MAX - powers.spread)?;
        let (before, now) = work.forward.split_at_mut(row * width);
        let now = &mut now[..width];
        partition += largest;
        if row == 0 {
            now.copy_from_slice(&powers.start);
            partition += powers.largest_start;
        } else {
            product(&before[(row - 1) * width..], &powers.from_to, now);
            partition += powers.largest_transition;
        }
        now.iter_mut().zip(&*x).for_each(|(now, x)| *now *= x);
        partition += scale(now)?.ln();
    }
    let last = work.forward[..emissions.len() / table.tags * width].rchunks_exact(width).next()?;
    let total = dot(last, &powers.end);
    (total > 0.0).then(|| partition + powers.largest_end + total.ln())
}

/// Writes scale · (probability of a tag, less 1 for that of `tags`) of each row into `out` `[rows, tags]`, and adds the
/// scaled probabilities of first tags, last tags and transitions to `sums`; `work` is as [`forward`] left it.
#[inline(always)]
pub(super) fn backward<T: Float>(
    table: &Table,
    (tags, scale): (Option<&[u32]>, f64),
    work: &mut Work<'_>,
    out: &mut [T],
    sums: &mut Sums<'_>,
) {
    let Table { width, ref powers, .. } = *table;
    let (rows, [beyond, step, marginals]) = (out.len() / table.tags, work.rows.each_mut().map(|row| &mut row[..width]));
    let Some(last) = work.forward[..rows * width].rchunks_exact(width).next() else { return };
    work.pairs.fill(0.0);
    // The sums of what follows a tag, scaled so that their products with those of the forward are probabilities.
    divide(&powers.end, dot(last, &powers.end), last, beyond);
    for row in (0..rows).rev() {
        let now = &work.forward[row * width..][..width];
        for ((marginal, now), beyond) in marginals.iter_mut().zip(now).zip(&*beyond) {
            *marginal = now * beyond;
        }
        write_row(marginals, tags.map(|tags| tags[row]), scale, &mut out[row * table.tags..][..table.tags]);
        if row + 1 == rows {
            add(sums.end, marginals, scale);
        }
        if row == 0 {
            add(sums.start, marginals, scale);
            continue;
        }
        let (x, before) = (&work.powers[row * width..][..width], &work.forward[(row - 1) * width..][..width]);
        for ((step, beyond), x) in step.iter_mut().zip(&*beyond).zip(x) {
            *step = beyond * x;
        }
        product(step, &powers.to_from, beyond);
        let total = dot(before, beyond);
        add_outer(before, 1.0 / total, step, &mut work.pairs);
        let sums = &mut *marginals; // as scratch
        sums.copy_from_slice(beyond);
        divide(sums, total, before, beyond);
    }
    for ((sum, pair), power) in sums.transitions.iter_mut().zip(&*work.pairs).zip(&powers.from_to) {
        *sum += scale * (pair * power);
    }
}

/// e^(x - largest x) into `out`, 0 beyond; returns the largest. None where they differ by more than `spread_max`.
#[inline(always)]
fn powers_of<T: Float>(x: &[T], out: &mut [f64], spread_max: f64) -> Option<f64> {
    let (mut least, mut largest) = (f64::INFINITY, f64::NEG_INFINITY);
    for x in x.iter().map(|x| x.f64()) {
        (least, largest) = (least.min(x), largest.max(x));
    }
    let is_near = largest - least <= spread_max; // not of NaN, which `min` and `max` skip where it is not alone
    if !is_near || x.iter().any(|x| x.f64().is_nan()) {
        return None;
    }
    out.fill(0.0);
    for (out, x) in out.iter_mut().zip(x) {
        *out = (x.f64() - largest).exp();
    }
    Some(largest)
}

/// `out` `[width]` = x `[rows]` · matrix `[rows, width]`.
#[inline(always)]
fn product(x: &[f64], matrix: &[f64], out: &mut [f64]) {
    let width = out.len();
    for (block, out) in out.chunks_exact_mut(BLOCK).enumerate() {
        let mut sums = [0.0; BLOCK];
        for (x, row) in x.iter().zip(matrix.chunks_exact(width)) {
            let row = &row[block * BLOCK..][..BLOCK];
            for lane in 0..BLOCK {
                sums[lane] += x * row[lane];
            }
        }
        out.copy_from_slice(&sums);
    }
}

/// `pairs` `[rows, width]` += factor · x `[rows]` · y `[width]`.
#[inline(always)]
fn add_outer(x: &[f64], factor: f64, y: &[f64], pairs: &mut [f64]) {
    for (x, pairs) in x.iter().zip(pairs.chunks_exact_mut(y.len())) {
        add(pairs, y, factor * x);
    }
}

/// `sums` += factor · x.
#[inline(always)]
fn add(sums: &mut [f64], x: &[f64], factor: f64) {
    for (sums, x) in sums.chunks_exact_mut(BLOCK).zip(x.chunks_exact(BLOCK)) {
        for lane in 0..BLOCK {
            sums[lane] += factor * x[lane];
        }
    }
}

/// Σ x y.
#[inline(always)]
fn dot(x: &[f64], y: &[f64]) -> f64 {
    let mut sums = [0.0; BLOCK];
    for (x, y) in x.chunks_exact(BLOCK).zip(y.chunks_exact(BLOCK)) {
        for lane in 0..BLOCK {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum()
}

/// Divides x by its sum, which is returned; none where a number other than 0 is small beside it.
#[inline(always)]
fn scale(x: &mut [f64]) -> Option<f64> {
    let (mut sums, mut least) = ([0.0; BLOCK], [f64::INFINITY; BLOCK]);
    for x in x.chunks_exact(BLOCK) {
        for lane in 0..BLOCK {
            sums[lane] += x[lane];
            least[lane] = least[lane].min(if x[lane] == 0.0 { f64::INFINITY } else { x[lane] });
        }
    }
    let total: f64 = sums.iter().sum();
    let least = least.iter().copied().fold(f64::INFINITY, f64::min);
    let is_safe = total > 0.0 && least >= LEAST * total;
    is_safe.then(|| {
        x.iter_mut().for_each(|x| *x *= 1.0 / total);
        total
    })
}

/// `out` = x / total where `reached` is not 0: what follows a tag that no sequence reaches may be as large as it likes.
#[inline(always)]
fn divide(x: &[f64], total: f64, reached: &[f64], out: &mut [f64]) {
    for ((out, x), reached) in out.iter_mut().zip(x).zip(reached) {
        *out = if *reached == 0.0 { 0.0 } else { x * (1.0 / total) };
    }
}
