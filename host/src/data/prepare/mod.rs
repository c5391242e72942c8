//! Documents to shards: filter, split, train the tokenizer, encode.

mod batch;
mod chain;
mod compress;
mod dedup;
mod encode;
mod fidelity;
mod filter;
mod judged;
mod link;
mod pool;
mod raw;
mod run;
mod stages;
mod store;
mod survey;
mod units;

pub(super) use stages::pieces;
pub(super) use store::Store;
pub(super) use units::Piece;

pub use batch::{batches, texts};
pub use compress::{Baseline, compression_baseline};
pub use filter::NamedFilter;
pub use judged::{Judged, Outcome};
pub(crate) use link::remove_stale;
pub use raw::{RawText, raw_source, raw_text};
pub(crate) use run::shard_info;
pub use run::{NamedTokenizer, Preparation};
