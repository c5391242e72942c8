//! Ranks that train alone: for some steps, and then all meet ([`Outer`]); or without ever waiting for one another,
//! where each adds what it has changed to the parameters of a [`Center`] and takes the next steps that are left.

mod center;
mod outer;
mod reports;
mod schedule;
mod segment;
mod steps;

use center::Center;
pub(super) use outer::Outer;
pub(super) use schedule::{Chunk, Recorded, Schedule};
pub(super) use segment::{Came, Segment};
pub(super) use steps::{Steps, trained};

use super::step::Trainer;
use crate::{Error, Result};

/// The outer optimizer of ranks that train alone.
///
/// # Errors
/// Ranks that do not.
pub(super) fn outer_of(trainer: &Trainer) -> Result<&Outer> {
    trainer.outer().ok_or_else(|| Error::run("an order of ranks that train alone, which these do not"))
}
