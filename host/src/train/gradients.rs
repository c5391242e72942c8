//! The gradient of a step: that of its micro-batches, folded as a tree over their numbers, on this rank and on others.

use crate::loss::{Ratio, Totals};
use crate::ops::{Engine, Float, TASK, Tensor, with_slice_lists, with_type};
use crate::ranks::{Compression, Fold, Group};
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

/// How tensors are added up over the ranks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sum {
    /// All have the same afterwards.
    Whole,
    /// Each has the sums of the part that it updates.
    OwnPart,
    /// All have the same afterwards; what they send has few bits.
    Compressed(Compression),
}

/// Adds tensors up over all ranks, one after the other on a thread of its own, while others are computed. All ranks
/// give them in the same order.
pub(super) struct Summing {
    group: Group,
    whole: Sender<Tensor>,
    thread: JoinHandle<Result<()>>,
}

impl Summing {
    /// Begins, without a tensor yet.
    ///
    /// # Errors
    /// No thread.
    pub fn begin(group: &Group, how: Sum) -> Result<Self> {
        let (whole, tensors) = channel::<Tensor>();
        let group = group.in_background();
        let ranks = group.clone();
        let sum = move || tensors.iter().try_for_each(|tensor| sum(&ranks, &tensor, how));
        let thread = Builder::new().name("sums".into()).spawn(sum);
        let thread = thread.map_err(|error| Error::run(format!("a thread for sums: {error}")))?;
        Ok(Self { group, whole, thread })
    }

    /// Lets a tensor be added up, which nothing changes any more.
    pub fn add(&self, tensor: &Tensor) {
        // a thread that is gone says why at the end
        let _ = self.whole.send(tensor.clone());
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

/// Adds up a tensor of all ranks.
fn sum(group: &Group, tensor: &Tensor, how: Sum) -> Result<()> {
    with_type!(tensor, T => with_slice_lists::<T>(&[], &[tensor], |_, mut values| {
        values.pop().map_or(Ok(()), |values| how.add_up(group, values))
    }))
}

impl Sum {
    /// Adds up `values` of all ranks.
    ///
    /// # Errors
    /// A rank that is gone, or does not answer in time.
    pub fn add_up<T: Float>(self, group: &Group, values: &mut [T]) -> Result<()> {
        match self {
            Self::Whole => group.sum(values),
            Self::OwnPart => group.reduce_scatter(values, TASK),
            Self::Compressed(compression) => sum_compressed(group, compression, values),
        }
    }
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

/// As [`Group::sum`], of numbers that every rank sends to every other in few bits. A rank takes its own as the others
/// get them, so that all have the same sum.
fn sum_compressed<T: Float>(group: &Group, compression: Compression, values: &mut [T]) -> Result<()> {
    let own = compression.encode(values.iter().map(|value| value.f64() as f32));
    let all = group.share_bytes(&own)?;
    let n = values.len();
    values.fill(T::ZERO);
    for bytes in &all {
        compression.decode(bytes, n, |i, x| values[i] += T::of(f64::from(x)));
    }
    Ok(())
}
