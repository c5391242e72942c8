//! Training batches: shuffled windows of the token stream, where the position is one number and any position is O(1)
//! away.

use super::batch::{Batch, Position};
use super::permutation::Permutation;
use super::shard::Shard;
use crate::{Error, Result};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Endless shuffled batches of one shard.
///
/// An epoch cuts the stream into windows of `context` inputs, beginning at a random offset below `context` so that the
/// cuts fall elsewhere each epoch, and visits them in a random order. What sample `s` holds is a function of (shard,
/// context, seed, s): batches of any size go through the same samples.
#[derive(Debug)]
pub struct Loader<'a> {
    shard: &'a Shard,
    token_bytes: &'a [u32],
    context: usize,
    sequences_per_batch: usize,
    seed: u64,
    position: Position,
    windows_per_epoch: u64,
    /// An epoch's offset is 0 to this.
    offset_max: u64,
}

impl<'a> Loader<'a> {
    /// Batches of `sequences_per_batch` sequences of `context` tokens from `position` on; `token_bytes` are the bytes
    /// of text per token, shape [vocabulary].
    ///
    /// Errors: a shard shorter than one window, a size of 0, `token_bytes` of another vocabulary.
    pub fn new(
        shard: &'a Shard,
        context: usize,
        sequences_per_batch: usize,
        seed: u64,
        token_bytes: &'a [u32],
        position: Position,
    ) -> Result<Self> {
        check(shard, context, sequences_per_batch, token_bytes)?;
        let (n_tokens, window) = (shard.n_tokens(), context as u64);
        if n_tokens < window + 1 {
            return Err(Error::run(format!(
                "{}: {n_tokens} tokens are less than one sequence of model.context + 1 = {}; lower model.context or add text",
                shard.path().display(),
                window + 1
            )));
        }
        // Every offset leaves the same number of windows, so the epoch of a sample is a division.
        let offset_max = (window - 1).min(n_tokens - 1 - window);
        let windows_per_epoch = (n_tokens - 1 - offset_max) / window;
        Ok(Self { shard, token_bytes, context, sequences_per_batch, seed, position, windows_per_epoch, offset_max })
    }

    /// Where the next batch begins.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Sequences per epoch.
    pub fn sequences_per_epoch(&self) -> u64 {
        self.windows_per_epoch
    }

    /// The batch at the position, which moves past it.
    pub fn next_batch(&mut self) -> Batch {
        let mut batch = Batch::with_capacity(self.sequences_per_batch, self.context);
        for _ in 0..self.sequences_per_batch {
            batch.push(self.shard, self.window_start(self.position.sample), self.token_bytes);
            self.position.sample += 1;
        }
        batch.next = self.position;
        batch
    }

    /// The first token of a sample.
    fn window_start(&self, sample: u64) -> u64 {
        let (epoch, index) = (sample / self.windows_per_epoch, sample % self.windows_per_epoch);
        let mut input = *b"offset..........";
        input[8..].copy_from_slice(&epoch.to_le_bytes());
        let offset = xxh3_64_with_seed(&input, self.seed) % (self.offset_max + 1);
        offset + Permutation::new(self.windows_per_epoch, self.seed, epoch).get(index) * self.context as u64
    }
}

/// Batches that go through a shard once, in order, with every target exactly once.
///
/// The last window is padded with targets of weight 0; the last batch holds what sequences are left. `limit_batches`
/// ends earlier, 0 does not. Over a whole split the sum of `target_bytes · weight` is the bytes that its tokens stand
/// for.
///
/// Errors: a size of 0, `token_bytes` of another vocabulary.
pub fn eval_batches<'a>(
    shard: &'a Shard,
    context: usize,
    sequences_per_batch: usize,
    token_bytes: &'a [u32],
    limit_batches: usize,
) -> Result<impl Iterator<Item = Batch> + use<'a>> {
    check(shard, context, sequences_per_batch, token_bytes)?;
    let n_windows = shard.n_tokens().saturating_sub(1).div_ceil(context as u64);
    let n_batches = n_windows.div_ceil(sequences_per_batch as u64);
    let n_batches = if limit_batches == 0 { n_batches } else { n_batches.min(limit_batches as u64) };
    Ok((0..n_batches).map(move |index| {
        let first = index * sequences_per_batch as u64;
        let end = n_windows.min(first + sequences_per_batch as u64);
        let mut batch = Batch::with_capacity((end - first) as usize, context);
        for window in first..end {
            batch.push(shard, window * context as u64, token_bytes);
        }
        batch.next = Position { sample: end };
        batch
    }))
}

fn check(shard: &Shard, context: usize, sequences_per_batch: usize, token_bytes: &[u32]) -> Result<()> {
    if context == 0 || sequences_per_batch == 0 {
        return Err(Error::usage(format!(
            "expected model.context and train.batch of at least 1, got {context} and {sequences_per_batch}"
        )));
    }
    let n_vocabulary = shard.info().n_vocabulary as usize;
    if token_bytes.len() != n_vocabulary {
        return Err(Error::run(format!(
            "{}: made with a vocabulary of {n_vocabulary}, but the tokenizer has {}; prepare the data anew",
            shard.path().display(),
            token_bytes.len()
        )));
    }
    Ok(())
}
