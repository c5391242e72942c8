//! Ranks that train alone for some steps and then meet: DiLoCo (Douillard et al., arXiv 2311.08105).
//!
//! Where they meet, the mean of what each has changed is a gradient for an outer optimizer, SGD with Nesterov's
//! momentum as PyTorch computes it: u = momentum · u + g; p = p - lr (g + momentum · u).

use crate::Result;
use crate::ops::{Engine, Float, TASK, Tensor, with_slice_lists, with_type};
use crate::ranks::{Compression, Group};
use crate::run::RanksConfig;
use std::collections::BTreeMap;

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
}

impl Outer {
    /// The outer optimizer of some parameters; [`Outer::meet_here`] is called when they have their values.
    ///
    /// # Errors
    /// No memory.
    pub fn new(config: &RanksConfig, params: Vec<(String, Tensor)>) -> Result<Self> {
        let (names, values): (Vec<String>, Vec<Tensor>) = params.into_iter().unzip();
        let velocity = values.iter().map(Tensor::zeros_like).collect::<Result<_>>()?;
        let met = values.iter().map(Tensor::zeros_like).collect::<Result<_>>()?;
        Ok(Self { config: *config, names, values, met, velocity })
    }

    /// Says that the parameters are now those of all ranks.
    ///
    /// # Errors
    /// Tensors that cannot be opened.
    pub fn meet_here(&self) -> Result<()> {
        self.met.iter().zip(&self.values).try_for_each(|(met, value)| crate::ops::add::copy(value, met))
    }

    /// Whether the ranks meet after `done` of `steps` steps.
    pub fn meets(&self, done: u64, steps: u64) -> bool {
        done.is_multiple_of(self.config.local_steps) || done == steps
    }

    /// Brings the ranks together.
    ///
    /// # Errors
    /// A rank that is gone, or does not come in time.
    pub fn meet(&self, engine: &Engine, group: &Group) -> Result<()> {
        self.changes(engine)?;
        for ((value, met), velocity) in self.values.iter().zip(&self.met).zip(&self.velocity) {
            with_type!(value, T => with_slice_lists::<T>(&[], &[value, met, velocity], |_, mut all| {
                let (Some(velocity), Some(met), Some(value)) = (all.pop(), all.pop(), all.pop()) else { return Ok(()) };
                match self.config.compress.compression() {
                    None => group.sum(value)?,
                    Some(compression) => sum_compressed(group, compression, value)?,
                }
                self.step(engine, value, met, velocity, T::of(1.0 / group.size() as f64));
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

    /// The outer step: `value` holds the sum of the ranks' changes, and becomes where they met.
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
