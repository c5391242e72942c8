//! From documents to exact batches: tokenizer → shards → loader.
//!
//! [`Preparation`] goes the whole way once and leaves a folder; [`open`] maps it; [`Loader`] and [`eval_batches`] make
//! batches of it. A position in the data is one number.

mod ahead;
mod batch;
mod dataset;
mod documents;
mod end_of_text;
mod import;
mod loader;
mod mixture;
mod order;
mod packed;
mod permutation;
mod prepare;
mod recipe;
mod shard;
mod supply;
pub mod tasks;

pub use crate::rows::Position;
pub use ahead::Ahead;
pub use batch::SUPPLIED;
pub use dataset::{Dataset, TokenizerFiles, open};
pub use end_of_text::{EndOfText, declared_end_of_text};
pub use import::import;
pub use loader::{Loader, SourceEpochs, eval_batches, packed_eval_batches};
pub use permutation::Permutation;
pub use prepare::{Given, GivenShard, NamedTokenizer, Preparation, RawText, TokenizerConfig, raw_source, raw_text};
pub use recipe::Recipe;
pub use shard::{Number, Per, Plane, Shard, ShardInfo, ShardWriter};
pub use supply::Supply;

pub(crate) use prepare::{prepared_files, temporary_of};
pub(crate) use shard::CURE;
