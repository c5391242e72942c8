//! Prepared data: shards mapped into memory, and exact batches out of them.

mod batch;
mod dataset;
mod loader;
mod permutation;
mod shard;

pub use batch::{Batch, Position};
pub use dataset::{Dataset, TokenizerFiles, open};
pub(crate) use dataset::{MANIFEST, MODEL, VOCABULARY, VocabularyFile};
pub use loader::{Loader, eval_batches};
pub use permutation::Permutation;
pub use shard::{Shard, ShardInfo, ShardWriter};
