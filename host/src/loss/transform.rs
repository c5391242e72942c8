//! What an output layer does to logits after their product, and the way of their gradient back.

use crate::ops::linear::Transform;
use crate::ops::{Float, vectorised};

/// z = `logits` become soft_cap(scale · z); `logits` are any number of rows.
pub(super) fn forward<T: Float>(transform: Transform, logits: &mut [T]) {
    let scale = T::of(transform.scale);
    match transform.soft_cap.map(T::of) {
        None if transform.is_none() => {}
        None => for_each(
            logits,
            #[inline(always)]
            |x| *x *= scale,
        ),
        Some(cap) => for_each(
            logits,
            #[inline(always)]
            |x| *x = cap * (*x * scale / cap).fast_tanh(),
        ),
    }
}

/// The gradient with respect to a row of transformed logits becomes that with respect to the product. `kept` is the row
/// of transformed logits, where there is a soft cap.
pub(super) fn backward<T: Float>(transform: Transform, kept: &[T], gradient: &mut [T]) {
    let scale = T::of(transform.scale);
    match transform.soft_cap.map(T::of) {
        None if transform.is_none() => {}
        None => for_each(
            gradient,
            #[inline(always)]
            |x| *x *= scale,
        ),
        Some(cap) => vectorised(
            #[inline(always)]
            || {
                for (gradient, &logit) in gradient.iter_mut().zip(kept) {
                    *gradient *= (T::ONE - (logit / cap) * (logit / cap)) * scale;
                }
            },
        ),
    }
}

fn for_each<T: Float>(values: &mut [T], f: impl Fn(&mut T)) {
    vectorised(
        #[inline(always)]
        || {
            for value in values.iter_mut() {
                f(value);
            }
        },
    );
}
