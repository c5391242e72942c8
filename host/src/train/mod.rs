//! The training loop: config → plugins → data → steps → checkpoints → summary.

mod batches;
mod run;
mod saved_data;
mod state;
mod step;

pub use batches::loader;
pub use run::{run, run_open};
pub use step::{StepReport, Trainer};
