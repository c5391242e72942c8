//! Forward and backward sums as logarithms: an exponential per transition and row, for numbers of any size.

use super::cpu::{Sums, Work, write_row};
use super::table::Table;
use crate::Float;

/// The partition of a sequence with rows `emissions` `[rows, tags]`. Keeps in `work` the logarithms of the sums of the
/// sequences that end with a tag.
pub(super) fn forward<T: Float>(table: &Table, emissions: &[T], work: &mut Work<'_>) -> f64 {
    let Table { tags, width, .. } = *table;
    for (row, emissions) in emissions.chunks_exact(tags).enumerate() {
        let (before, now) = work.forward.split_at_mut(row * width);
        for (to, (now, emission)) in now.iter_mut().zip(emissions).enumerate() {
            let arrived = match row {
                0 => table.start[to],
                _ => {
                    let before = &before[(row - 1) * width..][..tags];
                    log_sum_exp(|| before.iter().enumerate().map(|(i, x)| x + table.transitions[i * width + to]))
                }
            };
            *now = arrived + emission.f64();
        }
    }
    let last = &work.forward[(emissions.len() / tags - 1) * width..][..tags];
    log_sum_exp(|| last.iter().zip(&table.end).map(|(x, end)| x + end))
}

/// The same as of `scaled::backward`, for a sequence of this partition.
pub(super) fn backward<T: Float>(
    table: &Table,
    emissions: &[T],
    partition: f64,
    (tags, scale): (Option<&[u32]>, f64),
    work: &mut Work<'_>,
    out: &mut [T],
    sums: &mut Sums<'_>,
) {
    let Table { tags: n, width, .. } = *table;
    let (rows, [beyond, step, marginals]) = (out.len() / n, work.rows.each_mut().map(|row| &mut row[..n]));
    beyond.copy_from_slice(&table.end[..n]);
    for row in (0..rows).rev() {
        let now = &work.forward[row * width..][..n];
        for ((marginal, now), beyond) in marginals.iter_mut().zip(now).zip(&*beyond) {
            *marginal = (now + beyond - partition).exp();
        }
        write_row(marginals, tags.map(|tags| tags[row]), scale, &mut out[row * n..][..n]);
        if row + 1 == rows {
            add(sums.end, marginals, scale);
        }
        if row == 0 {
            add(sums.start, marginals, scale);
            continue;
        }
        for ((step, beyond), emission) in step.iter_mut().zip(&*beyond).zip(&emissions[row * n..]) {
            *step = beyond + emission.f64();
        }
        for (from, beyond) in beyond.iter_mut().enumerate() {
            let terms = &mut marginals[..]; // as scratch
            let transitions = &table.transitions[from * width..][..n];
            let mut largest = f64::NEG_INFINITY;
            for ((term, step), transition) in terms.iter_mut().zip(&*step).zip(transitions) {
                *term = step + transition;
                largest = largest.max(*term);
            }
            if largest == f64::NEG_INFINITY {
                *beyond = largest; // nothing may follow
                continue;
            }
            terms.iter_mut().for_each(|term| *term = (*term - largest).exp());
            *beyond = largest + terms.iter().sum::<f64>().ln();
            let before = work.forward[(row - 1) * width + from];
            add(&mut sums.transitions[from * width..], terms, scale * (before + largest - partition).exp());
        }
    }
}

/// ln Σ e^x, -∞ of nothing but -∞.
fn log_sum_exp<I: Iterator<Item = f64>>(x: impl Fn() -> I) -> f64 {
    let largest = x().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest + x().sum::<f64>(); // -∞, or NaN
    }
    largest + x().map(|x| (x - largest).exp()).sum::<f64>().ln()
}

fn add(sums: &mut [f64], x: &[f64], factor: f64) {
    sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += factor * x);
}
