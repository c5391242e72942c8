//! What a training step costs on this machine: time, memory, and where they go.

mod process;
mod report;
mod step;

pub use report::{GroupTime, Spread, StepBench};
pub use step::{StepOptions, step};
