//! The training loop: config → plugins → data → steps → checkpoints → summary.

mod batches;
pub mod checkpoint;
mod claim;
mod config;
mod folder;
mod heaviest;
mod hugging_face;
mod identity;
mod lock;
mod memory;
mod model;
mod numerics;
mod opened;
mod owned;
mod plugins;
mod plugins_lock;
mod portable;
mod pruning;
mod record;
mod removal;
mod replace;
mod run;
mod saved_data;
mod state;
mod step;

pub use batches::loader;
pub use config::{SampleConfig, TrainConfig};
pub use folder::RunFolder;
pub use identity::{Changes, Class, RunIdentity, class, compare, keys};
pub use memory::{Memory, check_reading};
pub use model::{RunModel, Which};
pub use numerics::NUMERICS;
pub use opened::{OpenedRun, config_of, load};
pub use plugins::{
    DataPlugins, Filters, MetricNames, RunPlugins, describe, named_filters, open_filters, open_tokenizer,
    tokenizer_digest,
};
pub use plugins_lock::PluginChange;
pub use run::{TrainOptions, run, run_open};
pub use state::{Best, RunState, restore_model};
pub use step::{StepReport, Trainer};

/// The inputs that a graph may ask for in pre-training.
pub const AVAILABLE_INPUTS: &[&str] =
    &["input.logits", "input.target", "input.weight", "input.target_bytes", "input.position", "input.step"];
