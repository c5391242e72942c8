//! The micro-batches of steps, of which a rank trains only some.

use super::Chunk;
use crate::Result;
use crate::feed::{Position, Supply};
use crate::rows::Rows;
use crate::train::step::{StepReport, Trainer};

/// Micro-batches by step, forwards only.
pub struct Steps<'b> {
    supply: &'b mut dyn Supply,
    accumulate: usize,
    /// The step that is loaded next.
    next: u64,
    /// Micro-batches of the step before it.
    loaded: Vec<Rows>,
}

impl<'b> Steps<'b> {
    /// The steps from `next` on, which is where `supply` is.
    pub fn new(supply: &'b mut dyn Supply, accumulate: usize, next: u64) -> Self {
        Self { supply, accumulate, next, loaded: Vec::new() }
    }

    /// The micro-batches of a step, which is none before the one that was asked for last.
    ///
    /// # Errors
    /// Whatever keeps a batch from being made.
    pub fn of(&mut self, step: u64) -> Result<&[Rows]> {
        while self.next <= step {
            self.loaded = (0..self.accumulate).map(|_| self.supply.next()).collect::<Result<_>>()?;
            self.next += 1;
        }
        Ok(&self.loaded)
    }

    /// Moves to the beginning of a step.
    ///
    /// # Errors
    /// As [`Steps::of`].
    pub fn skip_to(&mut self, step: u64) -> Result<()> {
        step.checked_sub(1).map_or(Ok(()), |last| self.of(last).map(|_| ()))
    }

    /// Where the next step begins.
    pub fn position(&self) -> Position {
        self.supply.position()
    }

    /// Trains a part of a step: one update by the share of the micro-batches that the part has.
    ///
    /// # Errors
    /// As [`Trainer::step`].
    pub fn train(&mut self, trainer: &mut Trainer, part: u64, size: usize) -> Result<StepReport> {
        let step = part / size as u64;
        let each = self.accumulate / size;
        let first = (part % size as u64) as usize * each;
        let micro_batches = self.of(step)?;
        trainer.part(step, micro_batches, first..first + each)
    }
}

/// Trains a chunk; the result is the report on each part, as [`StepReport::numbers`] has it.
///
/// # Errors
/// As [`Trainer::step`].
pub fn trained(trainer: &mut Trainer, steps: &mut Steps<'_>, chunk: Chunk, size: usize) -> Result<Vec<f64>> {
    let parts = chunk.first..chunk.first + chunk.parts;
    let mut numbers = Vec::new();
    for part in parts {
        numbers.extend(steps.train(trainer, part, size)?.numbers());
    }
    Ok(numbers)
}
