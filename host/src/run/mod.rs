//! A run: its config and identity, its folder, its plugins, and how a run's folder is opened again.

pub(crate) mod adapter;
mod best;
mod config;
mod folder;
mod freeze;
mod from_text;
mod heaviest;
mod hugging_face;
mod identity;
mod memory;
mod model;
mod network;
pub(crate) mod numerics;
mod opened;
mod options;
mod plugins;
mod plugins_lock;
mod program;
mod reference;
mod sections;
mod start;
mod state;
mod task;
mod test_sets;
mod threads;

pub use adapter::AdapterConfig;
pub(crate) use best::{BEST, mark_best};
pub use config::{RunConfig, RunSection};
pub(crate) use folder::{Claim, pruning};
pub use folder::{RunFolder, checkpoint};
pub use freeze::frozen;
pub use from_text::{TextConfig, config_for_text, is_text};
pub use hugging_face::TokenizerFolder;
pub use identity::{Changes, Class, RunIdentity, class, compare, keys};
pub use memory::{Memory, available_memory, check_reading};
pub use model::{RunModel, Which};
pub use network::{Architecture, DataSizes, Described, KindConfig, ModelConfig, PluginModelConfig, VECTORS};
pub use numerics::NUMERICS;
pub use opened::{OpenedRun, config_of, load};
pub use options::TrainOptions;
pub(crate) use plugins::named_plugins;
pub use plugins::{
    DataPlugins, Filters, MetricNames, RunPlugins, describe, named_filters, open_filters, open_tokenizer,
    tokenizer_digest, trained_tokenizer,
};
pub use plugins_lock::PluginChange;
pub use program::{COMMIT, VERSION};
pub use reference::{json_schema, reference_page};
pub use sections::{RanksConfig, ReportConfig, SampleConfig, Strategy, TrainConfig};
pub use start::{Imported, ModelReport, StartConfig, StartWeights, TensorReport, model_types};
pub use state::{Best, Changed, RunState, read_state, restore_model};
pub(crate) use state::{MODEL, STATE};
pub use task::RunTask;
pub use test_sets::{EvalConfig, TestSetConfig};
pub use threads::on_threads;
