//! The parameters that ranks who do not wait for one another add their changes to, in the order in which they come:
//! delayed Nesterov (Liu et al., arXiv 2401.09135, algorithm 3 with c = 0). With N ranks, changes g, the mean of the
//! last N of them m and the velocity u: p = p - lr g / N each time, and every N-th time u = momentum · u + m;
//! p = p - lr · momentum · u.

use super::Outer;
use crate::Result;
use crate::ops::{Engine, Float, TASK, Tensor, with_slice_lists, with_type};
use crate::ranks::Group;

/// What the first rank keeps for all.
pub struct Center {
    params: Vec<Tensor>,
    /// The sum of the changes since the velocity was updated.
    pending: Vec<Tensor>,
    n_pending: usize,
}

impl Center {
    /// Begins with the parameters of `outer`, where all ranks have met.
    ///
    /// # Errors
    /// No memory.
    pub fn new(outer: &Outer) -> Result<Self> {
        let params: Vec<Tensor> = outer.values.iter().map(Tensor::zeros_like).collect::<Result<_>>()?;
        let pending = outer.values.iter().map(Tensor::zeros_like).collect::<Result<_>>()?;
        params.iter().zip(&outer.values).try_for_each(|(param, value)| crate::ops::add::copy(value, param))?;
        Ok(Self { params, pending, n_pending: 0 })
    }

    /// Takes what the first rank has changed itself; its parameters are spoilt until it takes the center's.
    ///
    /// # Errors
    /// Tensors that cannot be opened.
    pub fn take_own(&mut self, outer: &Outer, engine: &Engine, size: usize) -> Result<()> {
        outer.changes(engine)?;
        for (i, value) in outer.values.iter().enumerate() {
            with_type!(value, T => with_slice_lists::<T>(&[value], &[], |values, _| {
                let Some(values) = values.first() else { return Ok(()) };
                self.add(outer, engine, i, values, size)
            }))?;
        }
        self.count(outer, engine, size)
    }

    /// Takes what another rank has changed and now sends.
    ///
    /// # Errors
    /// A rank that is gone, or does not answer in time.
    pub fn take_from(&mut self, outer: &Outer, engine: &Engine, group: &Group, rank: usize) -> Result<()> {
        for (i, value) in outer.values.iter().enumerate() {
            with_type!(value, T => {
                let changes = outer.receive_changes::<T>(group, rank, value.elem_count());
                changes.and_then(|changes| self.add(outer, engine, i, &changes, group.size()))
            })?;
        }
        self.count(outer, engine, group.size())
    }

    /// Adds the changes of parameter `i`.
    fn add<T: Float>(&self, outer: &Outer, engine: &Engine, i: usize, changes: &[T], size: usize) -> Result<()> {
        let (param, pending) = (&self.params[i], &self.pending[i]);
        let rate = T::of(outer.config.outer_lr / size as f64);
        with_slice_lists::<T>(&[], &[param, pending], |_, mut both| {
            let (Some(pending), Some(param)) = (both.pop(), both.pop()) else { return Ok(()) };
            let tasks = param.chunks_mut(TASK).zip(pending.chunks_mut(TASK)).zip(changes.chunks(TASK));
            engine.for_each(tasks, |((param, pending), changes)| {
                for ((param, pending), &change) in param.iter_mut().zip(pending).zip(changes) {
                    *param -= rate * change;
                    *pending += change;
                }
            });
            Ok(())
        })
    }

    /// Counts one more rank that came.
    fn count(&mut self, outer: &Outer, engine: &Engine, size: usize) -> Result<()> {
        self.n_pending += 1;
        if self.n_pending == size { self.accelerate(outer, engine, size) } else { Ok(()) }
    }

    /// Updates the velocity by the changes that it does not have yet, if there are any, and moves by it.
    ///
    /// # Errors
    /// Tensors that cannot be opened.
    pub fn accelerate(&mut self, outer: &Outer, engine: &Engine, size: usize) -> Result<()> {
        if std::mem::take(&mut self.n_pending) == 0 || outer.config.outer_momentum == 0.0 {
            return Ok(());
        }
        for ((param, pending), velocity) in self.params.iter().zip(&self.pending).zip(&outer.velocity) {
            with_type!(param, T => with_slice_lists::<T>(&[], &[param, pending, velocity], |_, mut all| {
                let (Some(velocity), Some(pending), Some(param)) = (all.pop(), all.pop(), all.pop()) else {
                    return Ok(());
                };
                let [lr, momentum, share] =
                    [outer.config.outer_lr, outer.config.outer_momentum, 1.0 / size as f64].map(T::of);
                let tasks = param.chunks_mut(TASK).zip(pending.chunks_mut(TASK)).zip(velocity.chunks_mut(TASK));
                engine.for_each(tasks, |((param, pending), velocity)| {
                    for ((param, pending), velocity) in param.iter_mut().zip(pending).zip(velocity) {
                        *velocity = momentum * *velocity + share * *pending;
                        *param -= lr * momentum * *velocity;
                        *pending = T::ZERO;
                    }
                });
                Ok(())
            }))?;
        }
        Ok(())
    }

    /// Gives the first rank the parameters.
    ///
    /// # Errors
    /// Tensors that cannot be opened.
    pub fn give_own(&self, outer: &Outer) -> Result<()> {
        let pairs = self.params.iter().zip(&outer.values);
        pairs.into_iter().try_for_each(|(param, value)| crate::ops::add::copy(param, value))?;
        outer.meet_here()
    }

    /// Sends another rank the parameters, which takes them with [`Outer::receive`].
    ///
    /// # Errors
    /// A rank that is gone, or does not answer in time.
    pub fn give_to(&self, group: &Group, rank: usize) -> Result<()> {
        for param in &self.params {
            with_type!(param, T => with_slice_lists::<T>(&[param], &[], |values, _| {
                values.into_iter().try_for_each(|values| group.send(rank, values))
            }))?;
        }
        Ok(())
    }
}
