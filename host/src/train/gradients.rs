//! The gradient of a step: that of its micro-batches, folded as a tree over their numbers, on this rank and on others.

use crate::Result;
use crate::loss::{Ratio, Totals};
use crate::ops::{Engine, TASK, Tensor, with_slice_lists, with_type};
use crate::ranks::{Fold, Group};

/// What some neighbouring micro-batches come to.
struct Part {
    gradients: Vec<Tensor>,
    totals: Vec<Ratio>,
}

/// Micro-batches of a step that are computed and wait for the next ones.
#[derive(Default)]
pub(super) struct Waiting {
    fold: Fold<Part>,
    /// Tensors of parts that were added up, for the next ones.
    spare: Vec<Vec<Tensor>>,
}

impl Waiting {
    /// Sets aside what a micro-batch left in `gradients` and `totals`, which are zero afterwards.
    ///
    /// # Errors
    /// No memory.
    pub fn set_aside(&mut self, engine: &Engine, gradients: &[Tensor], totals: &mut Totals) -> Result<()> {
        let neighbours = self.fold.take_neighbours();
        let level = neighbours.len();
        neighbours.into_iter().try_for_each(|part| self.add(engine, part, gradients, totals))?;
        let kept = match self.spare.pop() {
            Some(kept) => kept,
            None => gradients.iter().map(Tensor::zeros_like).collect::<Result<_>>()?,
        };
        for (gradient, kept) in gradients.iter().zip(&kept) {
            with_type!(gradient, T => with_slice_lists::<T>(&[], &[gradient, kept], |_, mut both| {
                let (Some(kept), Some(gradient)) = (both.pop(), both.pop()) else { return Ok(()) };
                engine.for_each(kept.chunks_mut(TASK).zip(gradient.chunks_mut(TASK)), |(kept, gradient)| {
                    kept.copy_from_slice(gradient);
                    gradient.fill(Default::default());
                });
                Ok(())
            }))?;
        }
        let sums = totals.read()?;
        totals.clear()?;
        self.fold.put(Part { gradients: kept, totals: sums }, level);
        Ok(())
    }

    /// Adds all that was set aside to what the last micro-batch left.
    ///
    /// # Errors
    /// Tensors that cannot be opened.
    pub fn finish(&mut self, engine: &Engine, gradients: &[Tensor], totals: &mut Totals) -> Result<()> {
        let all = self.fold.take_all();
        all.into_iter().try_for_each(|part| self.add(engine, part, gradients, totals))
    }

    /// Forgets a step that failed.
    pub fn clear(&mut self) {
        let parts = self.fold.take_all().into_iter().map(|part| part.gradients);
        self.spare.extend(parts);
    }

    fn add(&mut self, engine: &Engine, part: Part, gradients: &[Tensor], totals: &mut Totals) -> Result<()> {
        for (gradient, other) in gradients.iter().zip(&part.gradients) {
            with_type!(gradient, T => with_slice_lists::<T>(&[other], &[gradient], |others, mut sums| {
                let (Some(sum), Some(other)) = (sums.pop(), others.first()) else { return Ok(()) };
                engine.for_each(sum.chunks_mut(TASK).zip(other.chunks(TASK)), |(sum, other)| {
                    sum.iter_mut().zip(other).for_each(|(sum, &other)| *sum += other);
                });
                Ok(())
            }))?;
        }
        totals.add_anywhere(&part.totals)?;
        self.spare.push(part.gradients);
        Ok(())
    }
}

/// Adds up the gradients and totals of all ranks, which have the same afterwards.
///
/// # Errors
/// A rank that is gone, or does not answer in time.
pub(super) fn sum_over_ranks(group: &Group, gradients: &[Tensor], totals: &mut Totals) -> Result<()> {
    for gradient in gradients {
        with_type!(gradient, T => with_slice_lists::<T>(&[], &[gradient], |_, mut values| {
            values.pop().map_or(Ok(()), |values| group.sum(values))
        }))?;
    }
    let mut sums: Vec<f64> = totals.read()?.iter().flat_map(|ratio| [ratio.sum, ratio.weight]).collect();
    group.sum(&mut sums)?;
    let sums: Vec<Ratio> = sums.chunks_exact(2).map(|pair| Ratio { sum: pair[0], weight: pair[1] }).collect();
    totals.clear()?;
    totals.add_anywhere(&sums)
}
