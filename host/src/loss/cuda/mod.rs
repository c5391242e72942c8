//! The loss compiler on a GPU: a plan becomes one CUDA source, compiled when the program is built and run on chunks of
//! rows.
//!
//! `flow` finds what each sweep of a pass must load, `rows` writes the kernel of a pass and `small` those between
//! passes; `emit` puts them behind `host/cuda/loss.cuh`, which has the elementwise operations and the sums over a
//! block.

mod emit;
mod flow;
mod layout;
mod rows;
mod run;
mod small;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use run::bytes_on_gpu;
pub(super) use run::{Arguments, Compiled};
