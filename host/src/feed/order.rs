//! The sequences of some documents, and the order in which epochs visit them.

use super::documents::Documents;
use super::packed::Packed;
use super::permutation::Permutation;
use super::shard::Shard;
use super::tasks::{Sequence, Task, Unit};
use crate::corpus::Packing;
use crate::{Error, Result};
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Endless shuffled sequences: what number `n` holds is a function of (documents, packing, context, seed, n), and costs
/// the same for every n.
#[derive(Debug)]
pub(super) struct Order {
    cut: Cut,
    /// Rows of a window of the stream.
    window: u64,
    seed: u64,
}

/// What an epoch visits.
#[derive(Debug)]
enum Cut {
    /// Windows of the stream, beginning at a random offset below the context: the cuts fall elsewhere each epoch.
    Windows {
        /// The first input of the stream.
        first: u64,
        n_sequences: u64,
        /// An epoch's offset is 0 to this.
        offset_max: u64,
    },
    /// Documents that were put together.
    Packed(Packed),
    /// Whole documents.
    Documents(Documents),
}

impl Order {
    /// The sequences of `documents` of the shard for `task`, of `context` rows with the marks of each part.
    ///
    /// # Errors
    /// Documents that do not make one sequence.
    pub fn new(
        shard: &Shard,
        documents: Range<u64>,
        packing: Packing,
        (context, task): (usize, &dyn Task),
        seed: u64,
    ) -> Result<Self> {
        let marks = task.marks();
        let window = (context - marks) as u64;
        let cut = match packing {
            _ if task.unit() == Unit::Document => {
                if documents.is_empty() {
                    return Err(Error::run(format!("{}: no document; add text", shard.path().display())));
                }
                Cut::Documents(Documents::new(shard, documents))
            }
            Packing::Concatenate => {
                let rows = shard.rows_of(documents);
                let n_rows = rows.end - rows.start;
                let n_tokens = if n_rows == 0 { shard.n_tokens().min(1) } else { n_rows + 1 };
                if n_rows < window {
                    let (path, needed) = (shard.path().display(), window + 1);
                    let sequence = if marks == 0 { "model.context + 1" } else { "model.context + 1 without marks" };
                    return Err(Error::run(format!(
                        "{path}: {n_tokens} tokens are less than one sequence of {sequence} = {needed}; lower \
                         model.context or add text"
                    )));
                }
                // Every offset leaves the same number of windows, so the epoch of a sequence is a division.
                let offset_max = (window - 1).min(n_rows - window);
                let n_sequences = (n_rows - offset_max) / window;
                Cut::Windows { first: rows.start, n_sequences, offset_max }
            }
            Packing::BestFit | Packing::Pad => {
                let packed = Packed::new(shard, documents, packing, context, task)?;
                if packed.n_sequences() == 0 {
                    let path = shard.path().display();
                    return Err(Error::run(format!("{path}: no document has a token to predict; add text")));
                }
                Cut::Packed(packed)
            }
        };
        Ok(Self { cut, window, seed })
    }

    /// Sequences per epoch.
    pub fn n_sequences(&self) -> u64 {
        match &self.cut {
            Cut::Windows { n_sequences, .. } => *n_sequences,
            Cut::Packed(packed) => packed.n_sequences(),
            Cut::Documents(documents) => documents.n(),
        }
    }

    /// Rows of an epoch that hold a token to predict; the others are padding.
    pub fn n_rows(&self) -> u64 {
        match &self.cut {
            Cut::Windows { n_sequences, .. } => n_sequences * self.window,
            Cut::Packed(packed) => packed.n_rows(),
            Cut::Documents(documents) => documents.n_tokens(),
        }
    }

    /// Sequence `number`, counted through all epochs.
    pub fn sequence(&self, shard: &Shard, number: u64) -> Sequence {
        let (epoch, index) = (number / self.n_sequences(), number % self.n_sequences());
        let permuted = || Permutation::new(self.n_sequences(), self.seed, epoch).get(index);
        let parts = match &self.cut {
            Cut::Windows { first, offset_max, .. } => {
                let start = first + self.offset(epoch) % (offset_max + 1) + permuted() * self.window;
                std::iter::once(start..start + self.window).collect()
            }
            Cut::Packed(packed) => packed.sequence(permuted()).collect(),
            Cut::Documents(documents) => {
                let document = documents.get(shard, (self.seed, epoch), index);
                return Sequence { number, document: Some(document), parts: vec![shard.place(document)] };
            }
        };
        Sequence { number, document: None, parts }
    }

    fn offset(&self, epoch: u64) -> u64 {
        let mut input = *b"offset..........";
        input[8..].copy_from_slice(&epoch.to_le_bytes());
        xxh3_64_with_seed(&input, self.seed)
    }
}
