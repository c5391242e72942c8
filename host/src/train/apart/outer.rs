//! Ranks that train alone for some steps and then meet: DiLoCo (Douillard et al., arXiv 2311.08105).
//!
//! Where they meet, the mean of what each has changed is a gradient for an outer optimizer, SGD with Nesterov's
//! momentum as PyTorch computes it: u = momentum · u + g; p = p - lr (g + momentum · u).
//!
//! With `ranks.overlap_steps` they do not wait while that is sent: they train on, and so many steps later each goes
//! half of the way to where they met (Streaming DiLoCo, Douillard et al., arXiv 2501.18512: α = 0.5, all parameters at
//! once). Whoever looks at the model finds them together.

use crate::ops::{Engine, Float, TASK, Tensor, with_slice_lists, with_type};
use crate::ranks::{Compression, Group};
use crate::run::{Compress, RanksConfig, TrainConfig};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::thread::{Builder, JoinHandle};

/// The outer optimizer. Its state is the same on all ranks that meet; of those that do not wait for one another, the
/// first one has it.
pub struct Outer {
    pub(super) config: RanksConfig,
    names: Vec<String>,
    /// The parameters that are trained.
    pub(super) values: Vec<Tensor>,
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

/// Changes that are added up over the ranks, on a thread of its own.
struct Sending {
    /// Steps that were done when it began.
    since: u64,
    group: Group,
    thread: JoinHandle<Result<()>>,
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
        let looks = [train.validate_every, train.checkpoint_every];
        Ok(Self { config: *config, names, values, met, velocity, sent, sending: None, steps: train.steps, looks })
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
        if self.config.overlap_steps > 0 { is_looked_at } else { self.meets(done) }
    }

    fn meets(&self, done: u64) -> bool {
        done.is_multiple_of(self.config.local_steps) || done == self.steps
    }

    /// Brings the ranks together after `done` steps, where they meet.
    ///
    /// # Errors
    /// A rank that is gone, or does not come in time; no thread.
    pub fn stepped(&mut self, engine: &Engine, group: &Group, done: u64) -> Result<()> {
        let (meets, overlap) = (self.meets(done), self.config.overlap_steps);
        if let Some(sending) = self.sending.take_if(|sending| meets || done >= sending.since + overlap) {
            sending.finish()?;
            self.arrive(engine, group.size())?;
        }
        match meets {
            false => Ok(()),
            true if self.is_together(done) => self.meet(engine, group),
            true => {
                self.sending = Some(self.send(engine, group, done)?);
                Ok(())
            }
        }
    }

    /// Brings the ranks together, and waits for it.
    fn meet(&self, engine: &Engine, group: &Group) -> Result<()> {
        self.changes(engine)?;
        for ((value, met), velocity) in self.values.iter().zip(&self.met).zip(&self.velocity) {
            with_type!(value, T => with_slice_lists::<T>(&[], &[value, met, velocity], |_, mut all| {
                let (Some(velocity), Some(met), Some(value)) = (all.pop(), all.pop(), all.pop()) else { return Ok(()) };
                sum(group, self.config.compress, value)?;
                self.step(engine, value, met, velocity, T::of(1.0 / group.size() as f64));
                Ok(())
            }))?;
        }
        Ok(())
    }

    /// Begins to send what the parameters have changed since the ranks met.
    fn send(&self, engine: &Engine, group: &Group, done: u64) -> Result<Sending> {
        for ((value, met), sent) in self.values.iter().zip(&self.met).zip(&self.sent) {
            with_type!(value, T => with_slice_lists::<T>(&[value, met], &[sent], |reads, mut sent| {
                let (Some(sent), &[value, met]) = (sent.pop(), &reads[..]) else { return Ok(()) };
                let chunks = sent.chunks_mut(TASK).zip(value.chunks(TASK)).zip(met.chunks(TASK));
                engine.for_each(chunks, |((sent, value), met)| {
                    sent.iter_mut().zip(value).zip(met).for_each(|((sent, &value), &met)| *sent = met - value);
                });
                Ok(())
            }))?;
        }
        let (group, sent, compress) = (group.in_background(), self.sent.clone(), self.config.compress);
        let ranks = group.clone();
        let work = move || {
            sent.iter().try_for_each(|sent| {
                with_type!(sent, T => with_slice_lists::<T>(&[], &[sent], |_, mut values| {
                    values.pop().map_or(Ok(()), |values| sum(&ranks, compress, values))
                }))
            })
        };
        let thread = Builder::new().name("sums".into()).spawn(work);
        let thread = thread.map_err(|error| Error::run(format!("a thread for sums: {error}")))?;
        Ok(Sending { since: done, group, thread })
    }

    /// The outer step by what was sent, and half of the way to where it leads.
    fn arrive(&self, engine: &Engine, size: usize) -> Result<()> {
        let tensors = self.values.iter().zip(&self.sent).zip(&self.met).zip(&self.velocity);
        for (((value, sent), met), velocity) in tensors {
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
        for (value, met) in self.values.iter().zip(&self.met) {
            with_type!(value, T => with_slice_lists::<T>(&[met], &[value], |mets, mut values| {
                let (Some(value), Some(met)) = (values.pop(), mets.first()) else { return Ok(()) };
                engine.for_each(value.chunks_mut(TASK).zip(met.chunks(TASK)), |(value, met)| {
                    value.iter_mut().zip(met).for_each(|(value, &met)| *value = met - *value);
                });
                Ok(())
            }))?;
        }
        Ok(())
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

impl Sending {
    /// Waits until all is sent.
    fn finish(self) -> Result<()> {
        self.group.hurry();
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Outer {
    /// What was begun is not left halfway, even by a run that failed: the others could not leave the job.
    fn drop(&mut self) {
        // the run ends by another error, which says more
        let _ = self.sending.take().map(Sending::finish);
    }
}

/// Adds up `values` over the ranks, as they are or compressed.
fn sum<T: Float>(group: &Group, compress: Compress, values: &mut [T]) -> Result<()> {
    match compress.compression() {
        None => group.sum(values),
        Some(compression) => sum_compressed(group, compression, values),
    }
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
