//! How often each piece of the training text occurs.
//! Counts are exact, in 64 bits, as long as the pieces fit into the memory that the settings allow. Beyond that, the
//! rarest are dropped, as in Lossy Counting (Manku and Motwani 2002): each time, all pieces whose count is at most the
//! median. A dropped piece that occurs again starts from 1, so a count is too low by at most the sum of these medians,
//! which is reported. A piece that occurs more often than that is never lost.

use crate::hash::FastHasher;
use crate::split::Split;
use std::hash::Hasher;

/// Counts of distinct pieces. The order of pieces is that of their first occurrence, and means nothing.
pub struct Counts {
    /// All pieces, one after the other.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Number of an entry plus 1 and 32 bits of its hash, or 0; at most half full.
    slots: Vec<(u32, u32)>,
    memory_max: usize,
    /// The most by which a count may be too low.
    error: u64,
}

struct Entry {
    start: usize,
    count: u64,
    length: u32,
    hash: u32,
}

impl Counts {
    /// Starts with no counts; pieces and counts may take about `memory_max` bytes.
    pub fn new(memory_max: usize) -> Self {
        Self { bytes: Vec::new(), entries: Vec::new(), slots: vec![(0, 0); 1 << 12], memory_max, error: 0 }
    }

    /// Counts the pieces of one text. Those of a single byte have no pair to merge and are left out.
    pub fn add(&mut self, text: &str, split: Split) {
        let bytes = text.as_bytes();
        let mut start = 0;
        while start < bytes.len() {
            let end = split.piece_end(bytes, start);
            if end - start > 1 {
                self.add_piece(&bytes[start..end]);
            }
            start = end;
        }
    }

    /// The pieces and how often each occurs.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.entries.iter().map(|entry| (self.piece(entry), entry.count))
    }

    /// The most by which a count may be too low; 0 where all are exact.
    pub fn error(&self) -> u64 {
        self.error
    }

    fn piece(&self, entry: &Entry) -> &[u8] {
        &self.bytes[entry.start..entry.start + entry.length as usize]
    }

    fn add_piece(&mut self, piece: &[u8]) {
        let hash = hash(piece);
        let mut at = hash as usize & (self.slots.len() - 1);
        while self.slots[at].0 != 0 {
            let (number, found) = self.slots[at];
            let entry = &self.entries[number as usize - 1];
            if found == hash && self.piece(entry) == piece {
                self.entries[number as usize - 1].count += 1;
                return;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.entries.push(Entry { start: self.bytes.len(), count: 1, length: piece.len() as u32, hash });
        self.bytes.extend_from_slice(piece);
        self.slots[at] = (self.entries.len() as u32, hash);
        let is_full = 2 * self.entries.len() > self.slots.len();
        if is_full || self.memory(self.slots.len()) > self.memory_max {
            self.drop_rare();
            self.index();
        }
    }

    /// Bytes in use with so many slots.
    fn memory(&self, n_slots: usize) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<Entry>() + n_slots * size_of::<(u32, u32)>()
    }

    /// Drops the rarest pieces if all together, with room to grow, would not fit.
    fn drop_rare(&mut self) {
        while self.memory(n_slots(self.entries.len())) > self.memory_max && !self.entries.is_empty() {
            let mut counts: Vec<u64> = self.entries.iter().map(|entry| entry.count).collect();
            let (_, &mut threshold, _) = counts.select_nth_unstable(self.entries.len() / 2);
            self.error += threshold;
            let entries = std::mem::take(&mut self.entries);
            let bytes = std::mem::take(&mut self.bytes);
            for entry in entries.into_iter().filter(|entry| entry.count > threshold) {
                let start = self.bytes.len();
                self.bytes.extend_from_slice(&bytes[entry.start..entry.start + entry.length as usize]);
                self.entries.push(Entry { start, ..entry });
            }
        }
    }

    /// Rebuilds the slots, at most a quarter full.
    fn index(&mut self) {
        let n_slots = n_slots(self.entries.len());
        self.slots.clear();
        self.slots.resize(n_slots, (0, 0));
        for (number, entry) in (1..).zip(&self.entries) {
            let mut at = entry.hash as usize & (n_slots - 1);
            while self.slots[at].0 != 0 {
                at = (at + 1) & (n_slots - 1);
            }
            self.slots[at] = (number, entry.hash);
        }
    }
}

/// Returns the number of slots for this many pieces, and as many again.
fn n_slots(n: usize) -> usize {
    (4 * n).next_power_of_two().max(1 << 12)
}

fn hash(piece: &[u8]) -> u32 {
    let mut hasher = FastHasher::default();
    hasher.write(piece);
    hasher.write_usize(piece.len());
    hasher.finish() as u32
}
