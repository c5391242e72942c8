//! What a corpus is made of: counts, lengths, words, characters, repetitions.

mod collect;
mod grams;
mod histogram;
mod labels;
mod print;
mod scripts;

pub use collect::{Characters, SourceStats, Stats, StatsOptions, collect};
pub use grams::{Counted, GramStats};
pub use histogram::{Bucket, Histogram};
pub use labels::LabelStats;
