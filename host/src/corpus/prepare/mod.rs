//! Documents through their filters, deduplication and decontamination, stage by stage.

mod batch;
mod chain;
mod dedup;
mod filter;
mod filtered;
mod judged;
mod pool;
mod stages;
mod store;
mod strata;
mod survey;
#[cfg(test)]
mod tests;
mod units;

pub(super) use stages::pieces;
pub(super) use store::Store;
pub(super) use units::Piece;

pub(crate) use batch::grouped;
pub use batch::{batches, texts};
pub(super) use filter::DECONTAMINATE;
pub use filter::NamedFilter;
pub(crate) use filtered::{Filtered, Filtering, KeptBatch};
pub use judged::{Judged, Outcome};
pub(crate) use pool::{Work, in_order};
pub(crate) use store::{Lock, create_dir, key, read_sealed, write_sealed};
