//! From files to exact batches: sources → filters → split → tokenizer → shards → loader.
//!
//! [`prepare`] goes the whole way once and leaves a folder; [`open`] maps it; [`Loader`] and [`eval_batches`] make
//! batches of it. Everything is a function of the sources, the config, the plugins and the seed: no clock, no threads,
//! no order of files on disk has a say.

mod config;
pub mod dedup;
pub mod explain;
pub mod features;
mod hashed;
mod lines;
mod load;
mod manifest;
mod prepare;
mod read;
mod rules;
mod sort;
mod split;
pub mod stats;
mod tokens;
mod write;

pub use config::{DataConfig, Format, InvalidLines, InvalidUtf8, SourceConfig, TokenizerConfig};
pub use load::{
    Ahead, Batch, CurriculumConfig, Dataset, Loader, Packing, Permutation, Position, Recipe, Shard, ShardInfo,
    ShardWriter, SourceEpochs, TokenizerFiles, eval_batches, open, packed_eval_batches,
};
pub use manifest::{
    DataReport, Dropped, FileEntry, FilterReport, HeldOut, LeftOut, Lineage, Manifest, SourceSpan, SplitReport,
    TokenizerReport, UnitReport,
};
pub use prepare::{
    Baseline, Judged, NamedFilter, NamedTokenizer, Outcome, Preparation, batches, compression_baseline, texts,
};
pub use read::{Document, JsonLine, JsonLines, documents, source_digest};
pub use rules::{BoundReport, FilterRules, RuleReport};
pub use split::Split;
pub use tokens::{TokenFormat, TokensConfig, import};

/// Where a dataset came from: a file beside its manifest.
pub(crate) const LINEAGE: &str = "lineage.json";
