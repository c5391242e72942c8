//! Softmax over one row of scores, of which the first `seen` count.

use crate::Float;
use crate::cpu::vectorised;
use crate::reduce::cpu::{LANES, fold};

/// What makes probabilities of the exponentials that [`forward`] leaves.
pub(super) struct Sum<T> {
    /// Σ of the exponentials: probability = exponential / total.
    pub total: T,
    /// Log-sum-exp of the scaled scores.
    pub log: T,
}

/// In place: score → e^(score · scale - the highest of these), 0 from `seen` on.
pub(super) fn forward<T: Float>(scores: &mut [T], seen: usize, scale: T) -> Sum<T> {
    vectorised(
        #[inline(always)]
        || {
            let scores = hide(scores, seen);
            let highest = highest(scores) * scale;
            let mut totals = [T::ZERO; LANES];
            let mut chunks = scores.chunks_exact_mut(LANES);
            for chunk in &mut chunks {
                for (score, total) in chunk.iter_mut().zip(&mut totals) {
                    *score = (*score * scale - highest).exp();
                    *total += *score;
                }
            }
            for (score, total) in chunks.into_remainder().iter_mut().zip(&mut totals) {
                *score = (*score * scale - highest).exp();
                *total += *score;
            }
            let total = fold(totals, |a, b| a + b);
            Sum { total, log: highest + total.ln() }
        },
    )
}

/// In place: scores → probabilities, gradients of probabilities → gradients of unscaled scores, both 0 from `seen` on.
/// `dot` is Σ probability · gradient.
pub(super) fn backward<T: Float>(scores: &mut [T], gradients: &mut [T], seen: usize, scale: T, log_sum_exp: T, dot: T) {
    vectorised(
        #[inline(always)]
        || {
            let scores = hide(scores, seen);
            let (shown, hidden) = gradients.split_at_mut(scores.len());
            hidden.fill(T::ZERO);
            for (score, gradient) in scores.iter_mut().zip(shown) {
                *score = (*score * scale - log_sum_exp).exp();
                *gradient = *score * (*gradient - dot) * scale;
            }
        },
    );
}

/// The scores that are computed with: whole vectors, filled up with scores whose exponential is 0. What follows them is
/// zeroed.
#[inline(always)]
fn hide<T: Float>(scores: &mut [T], seen: usize) -> &mut [T] {
    let (shown, hidden) = scores.split_at_mut(seen.next_multiple_of(LANES).min(scores.len()));
    hidden.fill(T::ZERO);
    shown[seen..].fill(T::LOWEST);
    shown
}

#[inline(always)]
fn highest<T: Float>(values: &[T]) -> T {
    let larger = |a: T, b: T| if b > a { b } else { a };
    let mut highest = [T::LOWEST; LANES];
    let mut chunks = values.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (highest, &value) in highest.iter_mut().zip(chunk) {
            *highest = larger(*highest, value);
        }
    }
    for (highest, &value) in highest.iter_mut().zip(chunks.remainder()) {
        *highest = larger(*highest, value);
    }
    fold(highest, larger)
}
