//! The gradient of a step: that of its micro-batches, folded as a tree over their numbers, on this rank and on others.

use crate::loss::{Ratio, Totals};
use crate::ops::{Engine, TASK, Tensor, with_slice_lists, with_type};
use crate::ranks::{Fold, Group};
use crate::{Error, Result};
use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};

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
        for part in neighbours {
            part.gradients.iter().zip(gradients).try_for_each(|(part, gradient)| add(engine, part, gradient))?;
            totals.add_anywhere(&part.totals)?;
            self.spare.push(part.gradients);
        }
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

    /// Adds all that was set aside to one of the `gradients` that the last micro-batch leaves, when it is whole.
    ///
    /// # Errors
    /// A tensor that cannot be opened.
    pub fn finish_gradient(&self, engine: &Engine, gradients: &[Tensor], place: usize) -> Result<()> {
        self.fold.all().try_for_each(|part| add(engine, &part.gradients[place], &gradients[place]))
    }

    /// Adds all that was set aside to the totals: the last thing of a step, after every gradient.
    ///
    /// # Errors
    /// As [`Totals::add_anywhere`].
    pub fn finish(&mut self, totals: &mut Totals) -> Result<()> {
        for part in self.fold.take_all() {
            totals.add_anywhere(&part.totals)?;
            self.spare.push(part.gradients);
        }
        Ok(())
    }

    /// Forgets a step that failed.
    pub fn clear(&mut self) {
        let parts = self.fold.take_all().into_iter().map(|part| part.gradients);
        self.spare.extend(parts);
    }
}

/// Adds `other` to `sum`.
fn add(engine: &Engine, other: &Tensor, sum: &Tensor) -> Result<()> {
    with_type!(sum, T => with_slice_lists::<T>(&[other], &[sum], |others, mut sums| {
        let (Some(sum), Some(other)) = (sums.pop(), others.first()) else { return Ok(()) };
        engine.for_each(sum.chunks_mut(TASK).zip(other.chunks(TASK)), |(sum, other)| {
            sum.iter_mut().zip(other).for_each(|(sum, &other)| *sum += other);
        });
        Ok(())
    }))
}

/// Adds gradients up over all ranks, one after the other on a thread of its own, while others are computed. All ranks
/// compute them in the same order.
pub(super) struct Summing {
    group: Group,
    whole: Sender<Tensor>,
    thread: JoinHandle<Result<()>>,
}

impl Summing {
    /// Begins, without a gradient yet. Each rank has the sums of all of it, or of the part that it updates.
    ///
    /// # Errors
    /// No thread.
    pub fn begin(group: &Group, of_own_part: bool) -> Result<Self> {
        let (whole, gradients) = channel::<Tensor>();
        let group = group.in_background();
        let ranks = group.clone();
        let sum = move || gradients.iter().try_for_each(|gradient| sum(&ranks, &gradient, of_own_part));
        let thread = Builder::new().name("sums".into()).spawn(sum);
        let thread = thread.map_err(|error| Error::run(format!("a thread for sums: {error}")))?;
        Ok(Self { group, whole, thread })
    }

    /// Lets a gradient be added up, which nothing changes any more.
    pub fn add(&self, gradient: &Tensor) {
        // a thread that is gone says why at the end
        let _ = self.whole.send(gradient.clone());
    }

    /// Waits for all sums.
    ///
    /// # Errors
    /// A rank that is gone, or does not answer in time.
    pub fn finish(self) -> Result<()> {
        drop(self.whole);
        self.group.hurry();
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Adds up a gradient of all ranks, which have the same afterwards, or each the part that it updates.
fn sum(group: &Group, gradient: &Tensor, of_own_part: bool) -> Result<()> {
    with_type!(gradient, T => with_slice_lists::<T>(&[], &[gradient], |_, mut values| {
        let Some(values) = values.pop() else { return Ok(()) };
        if of_own_part { group.reduce_scatter(values, TASK) } else { group.sum(values) }
    }))
}

/// Adds up the totals of all ranks.
///
/// # Errors
/// A rank that is gone, or does not answer in time.
pub(super) fn sum_totals(group: &Group, totals: &mut Totals) -> Result<()> {
    let mut sums: Vec<f64> = totals.read()?.iter().flat_map(|ratio| [ratio.sum, ratio.weight]).collect();
    group.sum(&mut sums)?;
    let sums: Vec<Ratio> = sums.chunks_exact(2).map(|pair| Ratio { sum: pair[0], weight: pair[1] }).collect();
    totals.clear()?;
    totals.add_anywhere(&sums)
}
