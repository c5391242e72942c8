//! Whole documents in a random order in which those of similar length are neighbours: a batch has little padding.

use super::permutation::Permutation;
use super::shard::Shard;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

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
    /// The block that was asked for last: those of a batch are mostly in one.
    latest: Mutex<Option<Arc<Block>>>,
}

/// Documents in the order in which they are visited.
#[derive(Debug)]
struct Block {
    /// Seed, epoch and index of its first document.
    of: (u64, u64, u64),
    documents: Vec<u64>,
}

impl Documents {
    /// Counts the tokens of these documents of the shard.
    pub fn new(shard: &Shard, documents: Range<u64>) -> Self {
        let (first, n) = (documents.start, documents.end - documents.start);
        let n_tokens = documents.map(|document| length(shard, document)).sum();
        Self { first, n, n_tokens, latest: Mutex::new(None) }
    }

    /// Number of documents.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Tokens of all documents.
    pub fn n_tokens(&self) -> u64 {
        self.n_tokens
    }

    /// The document at `index`, below their number, of an epoch.
    pub fn get(&self, shard: &Shard, (seed, epoch): (u64, u64), index: u64) -> u64 {
        let of = (seed, epoch, index / BLOCK * BLOCK);
        let latest = || self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = latest().clone().filter(|block| block.of == of);
        let block = kept.unwrap_or_else(|| {
            // others may make the same one meanwhile
            let made = Arc::new(self.block(shard, of));
            *latest() = Some(made.clone());
            made
        });
        block.documents[(index % BLOCK) as usize]
    }

    /// A block of the epoch's random order, sorted by length and cut into runs, which come in a random order again.
    /// What is left of the last block after its whole runs stays behind them.
    fn block(&self, shard: &Shard, of: (u64, u64, u64)) -> Block {
        let (seed, epoch, start) = of;
        let order = Permutation::new(self.n, seed, epoch);
        let mut sorted: Vec<u64> = (start..self.n.min(start + BLOCK)).map(|at| self.first + order.get(at)).collect();
        sorted.sort_by_cached_key(|&document| length(shard, document));
        let n_runs = sorted.len() as u64 / RUN;
        let runs = Permutation::new(n_runs, seed.wrapping_add(start + 1), epoch);
        let mut documents = Vec::with_capacity(sorted.len());
        for run in (0..n_runs).map(|run| (runs.get(run) * RUN) as usize) {
            documents.extend_from_slice(&sorted[run..run + RUN as usize]);
        }
        documents.extend_from_slice(&sorted[documents.len()..]);
        Block { of, documents }
    }
}

fn length(shard: &Shard, document: u64) -> u64 {
    let place = shard.place(document);
    place.end - place.start
}
