//! From files to exact batches: sources → filters → split → tokenizer → shards → loader.
//!
//! [`prepare`] goes the whole way once and leaves a folder; [`open`] maps it; [`Loader`] and [`eval_batches`] make
//! batches of it. Everything is a function of the sources, the config, the plugins and the seed: no clock, no threads,
//! no order of files on disk has a say.

mod config;
mod lines;
mod load;
mod manifest;
mod prepare;
mod read;
mod split;
mod write;

pub use config::{DataConfig, Format, InvalidUtf8, SourceConfig, TokenizerConfig};
pub use load::{
    Batch, Dataset, Loader, Permutation, Position, Shard, ShardInfo, ShardWriter, TokenizerFiles, eval_batches, open,
};
pub use manifest::{DataReport, Dropped, FileEntry, FilterReport, HeldOut, Manifest, SplitReport, TokenizerReport};
pub use prepare::{Baseline, NamedFilter, NamedTokenizer, batches, compression_baseline, prepare, texts};
pub use read::{Document, documents, source_digest};
pub use split::Split;
