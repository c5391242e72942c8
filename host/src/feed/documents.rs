//! Whole documents in a random order in which those of similar length are neighbours: a batch of them has little padding.

use super::permutation::Permutation;
use super::shard::Shard;
use std::ops::Range;

/// Documents among which neighbours are looked for, in the order of an epoch.
const BLOCK: u64 = 1024;
/// Neighbours of similar length. The constants are part of what a run is: other batches would be other runs.
const RUN: u64 = 32;

/// The documents of an epoch.
#[derive(Debug)]
pub(super) struct Documents {
    first: u64,
    n: u64,
    n_tokens: u64,
}

impl Documents {
    /// These documents of the shard.
    pub fn new(shard: &Shard, documents: Range<u64>) -> Self {
        let (first, n) = (documents.start, documents.end - documents.start);
        let length = |index: u64| shard.place(index).end - shard.place(index).start;
        Self { first, n, n_tokens: documents.map(length).sum() }
    }

    /// Number of documents.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Tokens of all documents.
    pub fn n_tokens(&self) -> u64 {
        self.n_tokens
    }

    /// The document at `index`, below their number, of an epoch. A block of the epoch's random order is sorted by
    /// length and cut into runs, which come in a random order again.
    pub fn get(&self, shard: &Shard, (seed, epoch): (u64, u64), index: u64) -> u64 {
        let order = Permutation::new(self.n, seed, epoch);
        let start = index / BLOCK * BLOCK;
        let mut block: Vec<u64> = (start..self.n.min(start + BLOCK)).map(|at| self.first + order.get(at)).collect();
        block.sort_by_key(|&document| shard.place(document).end - shard.place(document).start);
        let (within, n_runs) = (index - start, block.len() as u64 / RUN);
        // what is left of the last block after its whole runs stays behind them
        let at = match within / RUN {
            run if run < n_runs => {
                let runs = Permutation::new(n_runs, seed.wrapping_add(start + 1), epoch);
                runs.get(run) * RUN + within % RUN
            }
            _ => within,
        };
        block[at as usize]
    }
}
