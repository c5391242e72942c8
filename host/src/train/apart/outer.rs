//! Ranks that train alone for some steps and then meet: DiLoCo (Douillard et al., arXiv 2311.08105).
//!
//! Where they meet, the mean of what each has changed is a gradient for an outer optimizer, SGD with Nesterov's
//! momentum as PyTorch computes it: u = momentum · u + g; p = p - lr (g + momentum · u).
//!
//! With `ranks.overlap_steps` they do not wait while that is sent: they train on, and so many steps later each goes
//! half of the way to where they met (Streaming DiLoCo, Douillard et al., arXiv 2501.18512, with α = 0.5). With
//! `ranks.fragments` parts of the model meet one after the other, spread over `ranks.local_steps`. Whoever looks at the
//! model finds all of it together.

use super::super::gradients::{Sum, Summing};
use crate::Result;
use crate::ops::{Engine, Float, TASK, Tensor, with_slice_lists, with_type};
use crate::ranks::Group;
use crate::run::{RanksConfig, TrainConfig};
use std::collections::BTreeMap;

/// The outer optimizer. Its state is the same on all ranks that meet; of those that do not wait for one another, the
/// first one has it.
pub struct Outer {
    pub(super) config: RanksConfig,
    names: Vec<String>,
    /// The parameters that are trained.
    pub(super) values: Vec<Tensor>,
    /// Places of those that meet at a time.
    fragments: Vec<Vec<usize>>,
    /// The parameters where the ranks last met, or which this rank took last.
    met: Vec<Tensor>,
    pub(super) velocity: Vec<Tensor>,
    /// What they changed, while it is sent and they train on.
    sent: Vec<Tensor>,
    sending: Option<Sending>,
    /// Steps of the run, and those after which something looks at the model.
    steps: u64,
    looks: [u64; 2],
}

/// A fragment that is being sent.
struct Sending {
    /// Steps that were done when it began.
    since: u64,
    fragment: usize,
    summing: Summing,
}

impl Outer {
    /// The outer optimizer of some parameters; [`Outer::meet_here`] is called when they have their values.
    ///
    /// # Errors
    /// No memory.
    pub fn new(config: &RanksConfig, train: &TrainConfig, params: Vec<(String, Tensor)>) -> Result<Self> {
        let (names, values): (Vec<String>, Vec<Tensor>) = params.into_iter().unzip();
        let like_values = || values.iter().map(Tensor::zeros_like).collect::<Result<Vec<_>>>();
        let (velocity, met) = (like_values()?, like_values()?);
        let sent = if config.overlap_steps > 0 { like_values()? } else { Vec::new() };
        let fragments = fragments(&values, config.fragments as usize);
        let (steps, looks) = (train.steps, [train.validate_every, train.checkpoint_every]);
        Ok(Self { config: *config, names, values, fragments, met, velocity, sent, sending: None, steps, looks })
    }

    /// Says that the parameters are now those of all ranks.
    ///
    /// # Errors
    /// Tensors that cannot be opened.
    pub fn meet_here(&self) -> Result<()> {
        self.met.iter().zip(&self.values).try_for_each(|(met, value)| crate::ops::add::copy(value, met))
    }

    /// Whether the ranks have the same model after `done` steps.
    pub fn is_together(&self, done: u64) -> bool {
        let is_due = |&every: &u64| every > 0 && done.is_multiple_of(every);
        let is_looked_at = done == self.steps || self.looks.iter().any(is_due);
        is_looked_at || self.config.meets_whole() && done.is_multiple_of(self.config.local_steps)
    }

    /// The fragment that meets after `done` steps: the last one after a multiple of `ranks.local_steps`, those before
    /// it at equal distances in between.
    fn meeting(&self, done: u64) -> Option<usize> {
        let RanksConfig { local_steps, fragments, .. } = self.config;
        let meets_at = |fragment: u64| (fragment + 1) * local_steps / fragments % local_steps;
        (0..fragments).find(|&fragment| done % local_steps == meets_at(fragment)).map(|fragment| fragment as usize)
    }

    /// Brings the ranks together after `done` steps, where they meet.
    ///
    /// # Errors
    /// A rank that is gone, or does not come in time; no thread.
    pub fn stepped(&mut self, engine: &Engine, group: &Group, done: u64) -> Result<()> {
        let (is_together, meeting, overlap) = (self.is_together(done), self.meeting(done), self.config.overlap_steps);
        let is_next = is_together || meeting.is_some();
        if let Some(sending) = self.sending.take_if(|sending| is_next || done >= sending.since + overlap) {
            sending.summing.finish()?;
            self.arrive(engine, sending.fragment, group.size())?;
        }
        match meeting {
            _ if is_together => (0..self.fragments.len()).try_for_each(|fragment| self.meet(engine, group, fragment)),
            None => Ok(()),
            Some(fragment) if overlap == 0 => self.meet(engine, group, fragment),
            Some(fragment) => {
                let summing = self.send(engine, group, fragment)?;
                self.sending = Some(Sending { since: done, fragment, summing });
                Ok(())
            }
        }
    }

    /// Brings a fragment together, and waits for it.
    fn meet(&self, engine: &Engine, group: &Group, fragment: usize) -> Result<()> {
        for &place in &self.fragments[fragment] {
            let (value, met, velocity) = (&self.values[place], &self.met[place], &self.velocity[place]);
            change(engine, value, met)?;
            with_type!(value, T => with_slice_lists::<T>(&[], &[value, met, velocity], |_, mut all| {
                let (Some(velocity), Some(met), Some(value)) = (all.pop(), all.pop(), all.pop()) else { return Ok(()) };
                self.sum().add_up(group, value)?;
                self.step(engine, value, met, velocity, T::of(1.0 / group.size() as f64));
                Ok(())
            }))?;
        }
        Ok(())
    }

    /// Begins to send what the parameters of a fragment have changed since they met.
    fn send(&self, engine: &Engine, group: &Group, fragment: usize) -> Result<Summing> {
        let summing = Summing::begin(group, self.sum())?;
        for &place in &self.fragments[fragment] {
            let sent = &self.sent[place];
            crate::ops::add::copy(&self.values[place], sent)?;
            change(engine, sent, &self.met[place])?;
            summing.add(sent);
        }
        Ok(summing)
    }

    fn sum(&self) -> Sum {
        self.config.compress.compression().map_or(Sum::Whole, Sum::Compressed)
    }

    /// The outer step by what was sent, and half of the way to where it leads.
    fn arrive(&self, engine: &Engine, fragment: usize, size: usize) -> Result<()> {
        for &place in &self.fragments[fragment] {
            let (value, sent) = (&self.values[place], &self.sent[place]);
            let (met, velocity) = (&self.met[place], &self.velocity[place]);
            with_type!(value, T => with_slice_lists::<T>(&[], &[value, sent, met, velocity], |_, mut all| {
                let (Some(velocity), Some(met), Some(sent), Some(value)) = (all.pop(), all.pop(), all.pop(), all.pop())
                else {
                    return Ok(());
                };
                self.step(engine, sent, met, velocity, T::of(1.0 / size as f64));
                engine.for_each(value.chunks_mut(TASK).zip(met.chunks(TASK)), |(value, met)| {
                    value.iter_mut().zip(met).for_each(|(value, &met)| *value = T::of(0.5) * (*value + met));
                });
                Ok(())
            }))?;
        }
        Ok(())
    }

    /// Makes of the parameters what they have changed since the ranks met.
    ///
    /// # Errors
    /// Tensors that cannot be opened.
    pub(super) fn changes(&self, engine: &Engine) -> Result<()> {
        self.values.iter().zip(&self.met).try_for_each(|(value, met)| change(engine, value, met))
    }

    /// Sends the first rank what the parameters have changed; they are spoilt until [`Outer::receive`].
    ///
    /// # Errors
    /// A rank that is gone, or does not answer in time.
    pub fn send_changes(&self, engine: &Engine, group: &Group) -> Result<()> {
        self.changes(engine)?;
        for value in &self.values {
            with_type!(value, T => with_slice_lists::<T>(&[value], &[], |values, _| {
                let Some(values) = values.first() else { return Ok(()) };
                match self.config.compress.compression() {
                    None => group.send(0, values),
                    Some(compression) => {
                        group.send(0, &compression.encode(values.iter().map(|value| value.f64() as f32)))
                    }
                }
            }))?;
        }
        Ok(())
    }

    /// The `n` changes of a parameter that a rank sends.
    ///
    /// # Errors
    /// As [`Outer::send_changes`].
    pub(super) fn receive_changes<T: Float>(&self, group: &Group, rank: usize, n: usize) -> Result<Vec<T>> {
        let mut changes = vec![T::ZERO; n];
        match self.config.compress.compression() {
            None => group.receive(rank, &mut changes)?,
            Some(compression) => {
                let mut bytes = vec![0_u8; compression.bytes(n)];
                group.receive(rank, &mut bytes)?;
                compression.decode(&bytes, n, |i, change| changes[i] = T::of(f64::from(change)));
            }
        }
        Ok(changes)
    }

    /// Takes the parameters that the first rank sends.
    ///
    /// # Errors
    /// As [`Outer::send_changes`].
    pub fn receive(&self, group: &Group) -> Result<()> {
        for value in &self.values {
            with_type!(value, T => with_slice_lists::<T>(&[], &[value], |_, mut values| {
                values.pop().map_or(Ok(()), |values| group.receive(0, values))
            }))?;
        }
        self.meet_here()
    }

    /// The outer step: `value` holds the sum of the ranks' changes, and becomes where they met, as `met` does.
    fn step<T: Float>(&self, engine: &Engine, value: &mut [T], met: &mut [T], velocity: &mut [T], share: T) {
        let [lr, momentum] = [self.config.outer_lr, self.config.outer_momentum].map(T::of);
        let chunks = value.chunks_mut(TASK).zip(met.chunks_mut(TASK)).zip(velocity.chunks_mut(TASK));
        engine.for_each(chunks, |((value, met), velocity)| {
            for ((value, met), velocity) in value.iter_mut().zip(met).zip(velocity) {
                let gradient = *value * share;
                *velocity = momentum * *velocity + gradient;
                *met -= lr * (gradient + momentum * *velocity);
                *value = *met;
            }
        });
    }

    /// The state as named tensors, for a checkpoint.
    pub fn state(&self) -> BTreeMap<String, Tensor> {
        self.names.iter().cloned().zip(self.velocity.iter().cloned()).collect()
    }

    /// Restores what [`Outer::state`] gave, where the ranks met.
    ///
    /// # Errors
    /// A tensor of another shape.
    pub fn load(&self, state: &BTreeMap<String, candle_core::Tensor>) -> Result<()> {
        for (name, velocity) in self.names.iter().zip(&self.velocity) {
            if let Some(saved) = state.get(name) {
                velocity.write(saved)?;
            }
        }
        Ok(())
    }
}

impl Drop for Outer {
    /// What was begun is not left halfway, even by a run that failed: the others could not leave the job.
    fn drop(&mut self) {
        // the run ends by another error, which says more
        let _ = self.sending.take().map(|sending| sending.summing.finish());
    }
}

/// Makes of a parameter what it has changed since the ranks met.
fn change(engine: &Engine, value: &Tensor, met: &Tensor) -> Result<()> {
    with_type!(value, T => with_slice_lists::<T>(&[met], &[value], |mets, mut values| {
        let (Some(value), Some(met)) = (values.pop(), mets.first()) else { return Ok(()) };
        engine.for_each(value.chunks_mut(TASK).zip(met.chunks(TASK)), |(value, met)| {
            value.iter_mut().zip(met).for_each(|(value, &met)| *value = met - *value);
        });
        Ok(())
    }))
}

/// The places of `values` in `n` parts that have about as many numbers: the largest first, each to the smallest part.
fn fragments(values: &[Tensor], n: usize) -> Vec<Vec<usize>> {
    let mut places: Vec<usize> = (0..values.len()).collect();
    places.sort_by_key(|&place| std::cmp::Reverse(values[place].elem_count()));
    let mut parts = vec![(0, Vec::new()); n.max(1)];
    for place in places {
        if let Some((numbers, part)) = parts.iter_mut().min_by_key(|(numbers, _)| *numbers) {
            *numbers += values[place].elem_count();
            part.push(place);
        }
    }
    parts.iter_mut().for_each(|(_, part)| part.sort_unstable());
    parts.into_iter().map(|(_, part)| part).collect()
}
