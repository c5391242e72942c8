//! Repetitions: equal and nearly equal documents, repeated lines and paragraphs, and text that evaluations know.
//!
//! [`Signer`] makes a [`Signature`] of each text, in any thread; [`Deduplicator`] takes them all, in any order, and
//! says in the end which documents go in favour of which ([`Duplicates`]). The lowest id of a cluster stays, so that
//! the result is a function of the set of documents.

mod clusters;
mod config;
mod decontaminate;
mod deduplicator;
mod duplicates;
mod minhash;
mod pieces;
mod signature;

pub use config::{Action, DedupConfig, Exact, MinHashConfig, Normalise, Preset, Shingle};
pub use decontaminate::{CONTAMINATED, Contamination, DecontaminateConfig, Decontaminator};
pub use deduplicator::{Candidates, Deduplicator};
pub use duplicates::{Counts, DEDUP_EXACT, DEDUP_NEAR, DEDUP_REPEATED, Duplicate, Duplicates, Rewritten};
pub use signature::{Shingles, Signature, Signer};
