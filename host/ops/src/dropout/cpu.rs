//! Dropout on the CPU.

use super::{Mask, per_sequence};
use crate::Result;
use crate::cpu::{TASK, with_slices, with_type};
use crate::{Engine, Tensor};

pub(super) fn apply(engine: &Engine, x: &Tensor, sequences: usize, mask: &Mask) -> Result<()> {
    with_type!(x, T => with_slices::<T, 0, 1>([], [x], |[], [x]| {
        let n = per_sequence(x.len(), sequences);
        engine.for_each(pieces(x, n), |(sequence, start, x)| {
            mask.for_each(sequence, start, x.len(), |i, factor: T| x[i] *= factor);
        });
        Ok(())
    }))
}

pub(super) fn apply_to(engine: &Engine, x: &Tensor, out: &Tensor, sequences: usize, mask: &Mask) -> Result<()> {
    with_type!(x, T => with_slices::<T, 1, 1>([x], [out], |[x], [out]| {
        let n = per_sequence(out.len(), sequences);
        engine.for_each(pieces(out, n), |(sequence, start, out)| {
            let x = &x[sequence * n + start..][..out.len()];
            mask.for_each(sequence, start, x.len(), |i, factor: T| out[i] = x[i] * factor);
        });
        Ok(())
    }))
}

/// Tasks: each is the number of a sequence of `n` elements, the element of it that the task begins with, and the task's
/// elements.
fn pieces<T>(x: &mut [T], n: usize) -> impl Iterator<Item = (usize, usize, &mut [T])> {
    x.chunks_mut(n)
        .enumerate()
        .flat_map(|(sequence, x)| x.chunks_mut(TASK).enumerate().map(move |(i, x)| (sequence, i * TASK, x)))
}
