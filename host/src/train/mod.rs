//! The training loop: config → plugins → data → steps → checkpoints → summary.

mod batches;
pub mod checkpoint;
mod config;
mod folder;
mod hugging_face;
mod identity;
mod memory;
mod plugins;
mod run;
mod state;
mod step;

pub use batches::loader;
pub use config::{SampleConfig, TrainConfig};
pub use folder::RunFolder;
pub use identity::RunIdentity;
pub use memory::Memory;
pub use plugins::{DataPlugins, RunPlugins, describe};
pub use run::{TrainOptions, run};
pub use state::{Best, RunState, restore_model};
pub use step::{StepReport, Trainer};

/// The inputs that a graph may ask for in pre-training.
pub const AVAILABLE_INPUTS: &[&str] =
    &["input.logits", "input.target", "input.weight", "input.target_bytes", "input.position", "input.step"];
