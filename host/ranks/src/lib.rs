//! The ranks of a run: processes, or threads in tests, that train one model together.
//!
//! A [`Transport`] carries bytes between two ranks: by MPI ([`mpi`]), between threads ([`threads`]), or by another one
//! that delays and loses them ([`faults`]). A [`Group`] builds on it what training asks for. Its sums are a fixed tree
//! over the ranks' numbers, so that they have the same bits on every rank, and the same as one rank that folds as many
//! parts ([`Fold`]).

mod compress;
mod cost;
pub mod faults;
mod fold;
mod group;
mod launcher;
pub mod mpi;
mod sum;
pub mod threads;

pub use compress::Compression;
pub use cost::{Cost, Network, Trained, Way, Work};
pub use fold::{Fold, levels};
pub use group::{Group, Transport, Wait};
pub use launcher::{Launch, launched, variables};

use trainyard_base::{Error, Result};
