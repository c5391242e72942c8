//! From files to the documents that are trained on and measured: sources → filters → deduplication → split.
//!
//! [`documents`] reads sources as they are. Preparation judges every document stage by stage and keeps what was said of
//! it in a store; [`explain`] answers from there. Everything is a function of the sources, the config, the plugins and
//! the seed: no clock, no threads, no order of files on disk has a say.

mod compress;
mod config;
pub mod dedup;
pub mod explain;
mod hashed;
mod labelled;
mod manifest;
mod prepare;
mod read;
mod report;
mod rules;
mod sort;
mod split;
mod strata;
pub mod survey;

pub use compress::{Baseline, compression_baseline};
pub use config::{
    Bio, ColumnsConfig, CurriculumConfig, DataConfig, FieldsConfig, Format, HeldOutConfig, INPUT, InvalidLines,
    InvalidUtf8, LABEL, LabelFrom, LabelsConfig, MESSAGES, Packing, SYSTEM, SourceConfig, TAGS, TARGET, TOOLS,
    TokenFormat, TokensConfig, Unlabelled,
};
pub use labelled::{Label, LabelledSpan, Tags, word_ranges};
pub use manifest::{
    FileEntry, HeldOut, HeldOutText, Lineage, Manifest, SourceSpan, SplitReport, TokenizerReport, UnitReport,
};
pub use prepare::{Judged, NamedFilter, Outcome, batches, texts};
pub use read::{Content, Document, JsonLine, JsonLines, documents, every_document, source_digest};
pub use report::{DataReport, Dropped, FilterReport, LeftOut, NameReport};
pub use rules::{BoundReport, FilterRules, RuleReport};
pub use split::Split;

pub(crate) use config::open_counted;
pub(crate) use manifest::LINEAGE;
pub(crate) use prepare::{
    Filtered, Filtering, KeptBatch, Lock, Work, create_dir, grouped, in_order, key, read_sealed, write_sealed,
};
pub(crate) use read::{digest_files, digest_of, format_of, list};
