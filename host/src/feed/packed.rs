//! Documents put together into sequences.

use super::shard::Shard;
use super::tasks::Task;
use crate::corpus::Packing;
use crate::{Error, Result};
use std::ops::Range;

/// Which documents, or parts of documents, make up each sequence: a function of the documents' lengths alone.
///
/// A part is a run of inputs in a document's rows ([`Shard::rows`]); a document of more rows than a sequence is cut
/// into parts of a whole sequence and one that is left over. It takes 12 bytes per part and 8 per sequence, and twice
/// that while it is made.
#[derive(Debug)]
pub(super) struct Packed {
    /// Input at which a part begins, part by part, those of one sequence side by side.
    starts: Vec<u64>,
    /// Inputs of a part, at most the context.
    lengths: Vec<u32>,
    /// The first part of each sequence, and the number of parts.
    first_parts: Vec<u64>,
    n_rows: u64,
}

impl Packed {
    /// Sequences of `context` rows out of `documents` of the shard, of parts that `task` learns from. Each takes the
    /// room of the task's marks more.
    ///
    /// # Errors
    /// More than 2³² parts.
    pub fn new(
        shard: &Shard,
        documents: Range<u64>,
        packing: Packing,
        context: usize,
        task: &dyn Task,
    ) -> Result<Self> {
        let marks = task.marks();
        let longest = (context - marks) as u64;
        let parts = |document: u64| {
            let parts = parts(task.inputs(shard, document), longest).enumerate();
            parts.filter(|(index, part)| task.learns(shard, part, *index == 0)).map(|(_, part)| part)
        };
        let parts = || documents.clone().flat_map(parts);
        let room = |part: &Range<u64>| (part.end - part.start) as usize + marks;
        // The parts by the room they take, the longest first; equal ones in the order of the shard.
        let mut n_of_length = vec![0usize; context + 1];
        parts().for_each(|part| n_of_length[room(&part)] += 1);
        let mut next = n_of_length.clone();
        let mut n_longer = 0;
        for (next, n) in next.iter_mut().zip(&n_of_length).rev() {
            (*next, n_longer) = (n_longer, n_longer + n);
        }
        let mut starts = vec![0; n_longer];
        for part in parts() {
            let next = &mut next[room(&part)];
            starts[*next] = part.start;
            *next += 1;
        }
        if u32::try_from(starts.len()).is_err() {
            let message = format!("expected fewer than 2^32 documents to pack, got {}", starts.len());
            return Err(Error::run(format!("{}: {message}", shard.path().display())));
        }
        let sequences = match packing {
            Packing::BestFit => best_fit(&n_of_length),
            Packing::Concatenate | Packing::Pad => (0..starts.len() as u32).collect(),
        };
        Ok(Self::gather(&starts, (&n_of_length, marks), &sequences))
    }

    /// Puts the parts of a sequence side by side; `sequences[i]` is that of part i. Lengths are those with marks.
    fn gather(starts: &[u64], (n_of_length, marks): (&[usize], usize), sequences: &[u32]) -> Self {
        let n_sequences = sequences.iter().max().map_or(0, |&last| last as usize + 1);
        let mut first_parts = vec![0u64; n_sequences + 1];
        sequences.iter().for_each(|&sequence| first_parts[sequence as usize + 1] += 1);
        (1..first_parts.len()).for_each(|i| first_parts[i] += first_parts[i - 1]);
        let mut packed = Self {
            starts: vec![0; starts.len()],
            lengths: vec![0; starts.len()],
            n_rows: n_of_length.iter().enumerate().map(|(length, &n)| (length * n) as u64).sum(),
            first_parts,
        };
        let lengths = n_of_length.iter().enumerate().rev();
        let lengths = lengths.flat_map(|(length, &n)| std::iter::repeat_n(length.saturating_sub(marks) as u32, n));
        for ((&start, length), &sequence) in starts.iter().zip(lengths).zip(sequences) {
            // Counts up from the first part of the sequence to the first of the next, and is set back below.
            let place = &mut packed.first_parts[sequence as usize];
            packed.starts[*place as usize] = start;
            packed.lengths[*place as usize] = length;
            *place += 1;
        }
        packed.first_parts.rotate_right(1);
        if let Some(first) = packed.first_parts.first_mut() {
            *first = 0;
        }
        packed
    }

    /// Number of sequences.
    pub fn n_sequences(&self) -> u64 {
        self.first_parts.len() as u64 - 1
    }

    /// Rows of all parts and their marks: what is not padding.
    pub fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// The inputs of each part of sequence `index`.
    pub fn sequence(&self, index: u64) -> impl Iterator<Item = Range<u64>> {
        let [first, end] = [0, 1].map(|next| self.first_parts[index as usize + next] as usize);
        let parts = self.starts[first..end].iter().zip(&self.lengths[first..end]);
        parts.map(|(&start, &length)| start..start + u64::from(length))
    }
}

/// A document's rows in runs of `context` and a last one of what is left.
fn parts(rows: Range<u64>, context: u64) -> impl Iterator<Item = Range<u64>> {
    let end = rows.end;
    rows.step_by(context as usize).map(move |start| start..end.min(start + context))
}

/// Best-fit-decreasing bin packing (Ding et al., "Fewer Truncations Improve Language Modeling", arXiv 2404.10830): each
/// part, the longest first, goes into the sequence with the least room that still holds it. Returns the sequence of
/// each part; `n_of_length[l]` parts have length l.
fn best_fit(n_of_length: &[usize]) -> Vec<u32> {
    let context = n_of_length.len() - 1;
    let mut sequences = Vec::with_capacity(n_of_length.iter().sum());
    // Sequences with this much room left, and which of these lists have one.
    let mut with_room: Vec<Vec<u32>> = vec![Vec::new(); context + 1];
    let mut rooms = Bits::new(context + 1);
    let mut n_sequences = 0;
    for length in (1..=context).rev() {
        for _ in 0..n_of_length[length] {
            let room = rooms.first_from(length).filter(|&room| room < context);
            let open = room.and_then(|room| Some((room, with_room[room].pop()?)));
            let (room, sequence) = open.unwrap_or_else(|| {
                n_sequences += 1;
                (context, n_sequences - 1)
            });
            sequences.push(sequence);
            if with_room[room].is_empty() {
                rooms.clear(room);
            }
            let left = room - length;
            if left > 0 {
                with_room[left].push(sequence);
                rooms.set(left);
            }
        }
    }
    sequences
}

/// A set of small numbers.
struct Bits(Vec<u64>);

impl Bits {
    fn new(n: usize) -> Self {
        Self(vec![0; n.div_ceil(64)])
    }

    fn set(&mut self, index: usize) {
        self.0[index / 64] |= 1 << (index % 64);
    }

    fn clear(&mut self, index: usize) {
        self.0[index / 64] &= !(1 << (index % 64));
    }

    /// The least member that is at least `from`.
    fn first_from(&self, from: usize) -> Option<usize> {
        let mut word = self.0.get(from / 64)? & (u64::MAX << (from % 64));
        let mut index = from / 64;
        while word == 0 {
            index += 1;
            word = *self.0.get(index)?;
        }
        Some(index * 64 + word.trailing_zeros() as usize)
    }
}
