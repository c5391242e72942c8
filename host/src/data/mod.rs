//! From files to exact batches: sources → filters → split → tokenizer → shards → loader.
//!
//! [`prepare`] goes the whole way once and leaves a folder; [`open`] maps it; [`Loader`] and [`eval_batches`] make
//! batches of it. Everything is a function of the sources, the config, the plugins and the seed: no clock, no threads,
//! no order of files on disk has a say.

mod config;
pub mod dedup;
mod end_of_text;
pub mod explain;
pub mod features;
mod hashed;
mod held_out;
mod lines;
mod load;
mod manifest;
mod owned;
mod prepare;
mod read;
mod rules;
mod sort;
mod split;
pub mod stats;
mod tokens;
mod write;

pub use config::{DataConfig, Format, InvalidLines, InvalidUtf8, SourceConfig, TokenizerConfig};
pub use end_of_text::{EndOfText, declared_end_of_text};
pub use held_out::HeldOutConfig;
pub use load::{
    Ahead, CurriculumConfig, Dataset, Loader, Packing, Permutation, Position, Recipe, SUPPLIED, Shard, ShardInfo,
    ShardWriter, SourceEpochs, TokenizerFiles, eval_batches, open, packed_eval_batches,
};
pub use manifest::{
    DataReport, Dropped, FileEntry, FilterReport, HeldOut, HeldOutText, LeftOut, Lineage, Manifest, SourceSpan,
    SplitReport, TokenizerReport, UnitReport,
};
pub use prepare::{
    Baseline, Judged, NamedFilter, NamedTokenizer, Outcome, Preparation, RawText, batches, compression_baseline,
    raw_source, raw_text, texts,
};
pub use read::{Document, JsonLine, JsonLines, documents, source_digest};
pub use rules::{BoundReport, FilterRules, RuleReport};
pub use split::Split;
pub use tokens::{TokenFormat, TokensConfig, import};

pub(crate) use load::CURE;
pub(crate) use owned::{prepared_files, temporary_of};
pub(crate) use write::write_file;

/// Where a dataset came from: a file beside its manifest.
pub(crate) const LINEAGE: &str = "lineage.json";
