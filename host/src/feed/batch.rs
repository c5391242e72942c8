//! What one step computes with.

use super::shard::Shard;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Where a run is in its data: all the state that a loader has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Sequences since the start of the run.
    pub sample: u64,
}

/// Sequences of tokens with what is to be predicted. Every list is row-major, shape [sequences, context].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Tokens.
    pub inputs: Vec<u32>,
    /// The token after each input.
    pub targets: Vec<u32>,
    /// How much each target counts: 1, or 0 for padding.
    pub weight: Vec<f32>,
    /// Bytes of text that each target stands for; 0 for special tokens.
    pub target_bytes: Vec<f32>,
    /// Index of each input in its document, or part of a document; where documents are concatenated, in its sequence.
    pub position: Vec<u32>,
    /// Number of the group that each row belongs to, from 0; rows of a group stand together. What the op set calls a
    /// sequence: a document or part of one, or where documents are concatenated a window of the stream.
    pub group: Vec<u32>,
    /// Number of sequences.
    pub sequences: usize,
    /// Tokens per sequence.
    pub context: usize,
    /// Where the batch after this one begins.
    pub next: Position,
}

impl Batch {
    pub(crate) fn with_capacity(sequences: usize, context: usize) -> Self {
        let n = sequences * context;
        Self {
            inputs: Vec::with_capacity(n),
            targets: Vec::with_capacity(n),
            weight: Vec::with_capacity(n),
            target_bytes: Vec::with_capacity(n),
            position: Vec::with_capacity(n),
            group: Vec::with_capacity(n),
            sequences: 0,
            context,
            next: Position::default(),
        }
    }

    /// Appends the sequence whose inputs are `parts` of the shard, each a document of its own, and padding up to the
    /// context. Padding is read after the last part as if it continued, and belongs to its group: nothing that counts
    /// sees it.
    pub(super) fn push(&mut self, shard: &Shard, parts: impl Iterator<Item = Range<u64>>, token_bytes: &[u32]) {
        let start = self.inputs.len();
        let mut group = self.group.last().map_or(0, |last| last + 1);
        for Range { start, end } in parts {
            self.inputs.extend(shard.tokens(start..end));
            self.targets.extend(shard.tokens(start + 1..end + 1));
            self.position.extend(0..(end - start) as u32);
            self.group.resize(self.inputs.len(), group);
            group += 1;
        }
        // A sequence of nothing but padding is a group of its own.
        let last = if self.inputs.len() > start { group - 1 } else { group };
        self.target_bytes.extend(self.targets[start..].iter().map(|&id| token_bytes[id as usize] as f32));
        self.weight.resize(self.inputs.len(), 1.0);
        self.sequences += 1;
        let n = self.sequences * self.context;
        let next = self.position[start..].last().map_or(0, |last| last + 1);
        self.position.extend(next..next + (n - self.inputs.len()) as u32);
        self.group.resize(n, last);
        for list in [&mut self.inputs, &mut self.targets] {
            list.resize(n, 0);
        }
        for list in [&mut self.weight, &mut self.target_bytes] {
            list.resize(n, 0.0);
        }
    }
}
