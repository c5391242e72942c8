//! trainyard: a training host for language models that can be extended without forking it.

pub mod bench;
pub mod card;
pub mod check;
pub mod corpus;
pub mod dev;
pub mod drill;
pub mod eval;
pub mod feed;
pub mod formats;
pub mod loss;
pub mod model;
pub mod optim;
pub mod plugin;
pub mod rows;
pub mod run;
pub mod settings;
pub mod train;

pub use trainyard_base::{self as base, Error, Result};
pub use trainyard_chat as chat;
pub use trainyard_experiments as experiments;
pub use trainyard_export as export;
pub use trainyard_ops as ops;
pub use trainyard_ranks as ranks;
pub use trainyard_report as report;
pub use trainyard_sweep as sweep;
pub use trainyard_watch as watch;
