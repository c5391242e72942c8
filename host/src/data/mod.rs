//! From files to exact batches: sources → filters → split → tokenizer → shards → loader.
//!
//! [`prepare`] goes the whole way once and leaves a folder; [`open`] maps it; [`Loader`] and [`eval_batches`] make
//! batches of it. Everything is a function of the sources, the config, the plugins and the seed: no clock, no threads,
//! no order of files on disk has a say.

mod batch;
mod compress;
mod config;
mod cut;
mod dataset;
mod encode;
mod filter;
mod lines;
mod loader;
mod manifest;
mod permutation;
mod prepare;
mod read;
mod shard;
mod source;
mod split;
mod spool;
mod write;

pub use batch::{Batch, Position};
pub use compress::{Baseline, compression_baseline};
pub use config::{DataConfig, InvalidUtf8, SourceConfig, TokenizerConfig};
pub use dataset::{Dataset, TokenizerFiles, open};
pub use filter::NamedFilter;
pub use loader::{Loader, eval_batches};
pub use manifest::{DataReport, Dropped, FileEntry, FilterReport, HeldOut, Manifest, SplitReport, TokenizerReport};
pub use permutation::Permutation;
pub use prepare::{NamedTokenizer, prepare};
pub use read::{Document, documents};
pub use shard::{Shard, ShardInfo, ShardWriter};
pub use source::source_digest;
pub use split::Split;
pub use spool::{batches, texts};
