//! Prepared data: shards mapped into memory, and exact batches out of them.

mod ahead;
mod batch;
mod config;
mod dataset;
mod loader;
mod mixture;
mod order;
mod packed;
mod permutation;
mod recipe;
mod scan;
mod shard;

pub use crate::rows::Position;
pub use ahead::Ahead;
pub use batch::SUPPLIED;
pub use config::{CurriculumConfig, Packing};
pub(super) use dataset::MANIFEST;
pub(super) use dataset::write;
pub use dataset::{Dataset, TokenizerFiles, open};
pub(super) use dataset::{MODEL, VOCABULARY};
pub use loader::{Loader, SourceEpochs, eval_batches, packed_eval_batches};
pub use permutation::Permutation;
pub use recipe::Recipe;
pub(crate) use shard::CURE;
pub use shard::{Shard, ShardInfo, ShardWriter};
