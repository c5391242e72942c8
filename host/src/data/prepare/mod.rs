//! Documents to shards: filter, split, train the tokenizer, encode.

mod compress;
mod encode;
mod filter;
mod run;
mod spool;

pub use compress::{Baseline, compression_baseline};
pub use filter::NamedFilter;
pub use run::{NamedTokenizer, prepare};
pub(super) use run::{remove_stale, shard_info};
pub use spool::{batches, texts};
