//! Many runs of one config with some settings changed: which ones, in which order, and how far they are.
//!
//! A [`Sweep`] is read from a file or made of flags. With its [`Base`], the resolved config that all runs start from,
//! it gives [`Cell`]s: one run each, as the `--set`s of `trainyard train`. A [`Plan`] says what there is to do, and a
//! [`Runner`] does it, in processes of their own. Nothing here prints, and nothing knows what a setting means.

mod base;
mod cells;
mod check;
mod claim;
mod design;
mod file;
mod flags;
mod halving;
mod names;
mod outcome;
mod part;
mod plan;
mod process;
mod runner;
mod state;
mod sweep;
mod value;

pub use base::Base;
pub use cells::{Cell, RUNS_MAX, Variant};
pub use claim::set_aside;
pub use halving::{Ranked, Rung};
pub use outcome::{Broken, Event, Outcome};
pub use part::{Part, part_of};
pub use plan::{Cost, Plan, Planned, Totals};
pub use process::{Failure, end_with_parent};
pub use runner::{Options, Runner};
pub use state::{RunRecord, State};
pub use sweep::{Axis, Design, Halving, Random, Range, Scale, Seeds, Sweep, Values};
pub use trainyard_base::{Error, Result};

#[cfg(test)]
mod tests;
