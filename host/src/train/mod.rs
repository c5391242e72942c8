//! The training loop: config → plugins → data → steps → checkpoints → summary.

mod apart;
mod batches;
mod follow;
mod gradients;
mod rank_log;
mod ranks;
mod run;
mod saved_data;
mod show;
mod state;
mod step;
mod watch;

pub use batches::loader;
pub use follow::follow;
pub use run::{Preview, preview, run, run_open};
pub use show::{ShownPart, ShownSequence, first_sequences};
pub use step::{StepReport, Trainer};
