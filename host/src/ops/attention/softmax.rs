//! Softmax over one row of scores.

use crate::ops::Float;
use crate::ops::cpu::vectorised;
use crate::ops::reduce::lanes;

/// What makes probabilities of the exponentials that [`forward`] leaves.
pub(super) struct Sum<T> {
    /// Σ of the exponentials: probability = exponential / total.
    pub total: T,
    /// Log-sum-exp of the scaled scores.
    pub log: T,
}

/// In place: score → e^(score · scale - the highest of these).
pub(super) fn forward<T: Float>(scores: &mut [T], scale: T) -> Sum<T> {
    vectorised(
        #[inline(always)]
        || {
            let highest = highest(scores) * scale;
            for score in scores.iter_mut() {
                *score = (*score * scale - highest).exp();
            }
            let total = lanes(scores.len(), |i| scores[i]);
            Sum { total, log: highest + total.ln() }
        },
    )
}

/// In place: scores → probabilities, gradients of probabilities → gradients of unscaled scores. `dot` is Σ probability ·
/// gradient.
pub(super) fn backward<T: Float>(scores: &mut [T], gradients: &mut [T], scale: T, log_sum_exp: T, dot: T) {
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
