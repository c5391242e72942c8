//! Training: which pairs to merge, in which order (Sennrich et al. 2016, arXiv 1508.07909). All distinct pieces are in
//! one array, with a cell per byte and one between pieces. A symbol that covers several cells has its id in the first
//! and the last, and its length is that of its token, so both neighbours are found without links: 4 bytes per byte of
//! distinct text. Each pair has its count and its places. A merge visits only those places, so the work does not grow
//! with the length of a piece. Counts are exact in 64 bits.

use crate::count::Counts;
use crate::hash::FastMap;
use crate::model::{BYTE_IDS, byte_tokens};
use crate::pairs::{key_pair, pair_key};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use trainyard_plugin::{PluginError, Result};

/// Longest token in bytes: a file of one repeated letter would otherwise make tokens of megabytes.
pub const TOKEN_BYTES_MAX: usize = 1 << 16;

/// The result of training.
pub struct Trained {
    /// Bytes, then the result of each merge.
    pub tokens: Vec<Vec<u8>>,
    /// Pairs of ids, in the order in which they are merged.
    pub merges: Vec<(u32, u32)>,
}

/// Finds up to `n_merges` merges, fewer when no pair occurs `count_min` times any more. Of equally frequent pairs, the
/// one with the lower ids comes first, as in the `tokenizers` crate. No merge makes the name of a special token,
/// because a file has one id for it.
///
/// # Errors
/// Distinct pieces that do not fit into the array.
pub fn train(counts: &Counts, n_merges: usize, count_min: u64, specials: &[&str]) -> Result<Trained> {
    let mut symbols = Symbols::new(counts, n_merges)?;
    let mut queue: BinaryHeap<(u64, Reverse<u64>)> =
        symbols.pairs.iter().map(|(&key, pair)| (pair.count, Reverse(key))).collect();
    let mut trained = Trained { tokens: byte_tokens(), merges: Vec::new() };
    while trained.merges.len() < n_merges {
        let Some((count, Reverse(key))) = queue.pop() else { break };
        let current = symbols.pairs.get(&key).map_or(0, |pair| pair.count);
        if count < count_min {
            break;
        }
        if current < count {
            // another merge took some of its places since it was queued
            queue.push((current, Reverse(key)));
            continue;
        }
        let (left, right) = key_pair(key);
        let token = [trained.tokens[left as usize].as_slice(), &trained.tokens[right as usize]].concat();
        if token.len() > TOKEN_BYTES_MAX || specials.iter().any(|special| special.as_bytes() == token) {
            continue;
        }
        for new in symbols.merge(key, token.len() as u32) {
            queue.push((symbols.pairs[&new].count, Reverse(new)));
        }
        trained.merges.push((left, right));
        trained.tokens.push(token);
    }
    Ok(trained)
}

/// Two symbols next to each other.
#[derive(Default)]
struct Pair {
    count: u64,
    /// Cells where the left symbol begins. Some may be outdated: the current content decides.
    places: Vec<u32>,
}

/// A cell between two pieces.
const BORDER: u32 = u32::MAX;

/// A cell inside a symbol.
const INSIDE: u32 = u32::MAX - 1;

struct Symbols {
    /// Ids at the first and last cell of each symbol; the first and the last cell of all are borders.
    cells: Vec<u32>,
    /// Bytes of the token of each id.
    lengths: Vec<u32>,
    /// Cells at which the pieces of another count begin, rising, and that count.
    counts: Vec<(u32, u64)>,
    pairs: FastMap<u64, Pair>,
    /// The counts that a merge gains on either side, by the neighbour's id.
    before: Gains,
    after: Gains,
}

impl Symbols {
    fn new(counts: &Counts, n_merges: usize) -> Result<Self> {
        let n_cells: usize = counts.iter().map(|(piece, _)| piece.len() + 1).sum();
        if n_cells >= INSIDE as usize {
            let what = "the distinct words of the training text exceed 4 GB, train on a part of it";
            return Err(PluginError::input(what));
        }
        let mut pieces: Vec<_> = counts.iter().collect();
        pieces.sort_unstable_by_key(|(_, count)| Reverse(*count));
        let n_ids = BYTE_IDS.len() + n_merges;
        let mut symbols = Self {
            cells: Vec::with_capacity(n_cells + 1),
            lengths: vec![1; BYTE_IDS.len()],
            counts: Vec::new(),
            pairs: FastMap::default(),
            before: Gains::new(n_ids),
            after: Gains::new(n_ids),
        };
        symbols.cells.push(BORDER);
        for (piece, count) in pieces {
            if symbols.counts.last().is_none_or(|(_, last)| *last != count) {
                symbols.counts.push((symbols.cells.len() as u32, count));
            }
            symbols.cells.extend(piece.iter().map(|&byte| BYTE_IDS[usize::from(byte)]));
            symbols.cells.push(BORDER);
        }
        symbols.count_bytes();
        Ok(symbols)
    }

    /// The pairs of bytes, found in two passes so that each has room for exactly its places.
    fn count_bytes(&mut self) {
        let mut sizes = vec![0_u32; BYTE_IDS.len() * BYTE_IDS.len()];
        let slot = |pair: &[u32]| (pair[0].max(pair[1]) < INSIDE).then(|| (pair[0] as usize) << 8 | pair[1] as usize);
        self.cells.windows(2).filter_map(slot).for_each(|slot| sizes[slot] += 1);
        let with_room = |&size: &u32| Pair { count: 0, places: Vec::with_capacity(size as usize) };
        let mut pairs: Vec<Pair> = sizes.iter().map(with_room).collect();
        let mut count = Count::new(&self.counts);
        for (place, slot) in self.cells.windows(2).enumerate().filter_map(|(i, pair)| Some((i as u32, slot(pair)?))) {
            pairs[slot].count += count.at(place);
            pairs[slot].places.push(place);
        }
        let found = pairs.into_iter().enumerate().filter(|(_, pair)| pair.count > 0);
        self.pairs = found.map(|(slot, pair)| (pair_key(slot as u32 >> 8, slot as u32 & 0xff), pair)).collect();
    }

    /// Replaces every occurrence of a pair by a new id, whose token has `length` bytes, from left to right. Returns the
    /// pairs that this made.
    fn merge(&mut self, key: u64, length: u32) -> Vec<u64> {
        let id = self.lengths.len() as u32;
        self.lengths.push(length);
        let mut places = self.pairs.remove(&key).unwrap_or_default().places;
        if !places.is_sorted() {
            places.sort_unstable(); // aaa becomes (aa)a, not a(aa)
        }
        let (left, right) = key_pair(key);
        let left_length = self.lengths[left as usize];
        let mut count = Count::new(&self.counts);
        for place in places {
            let second = place + left_length;
            if self.cells[place as usize] != left || self.cells[second as usize] != right {
                continue;
            }
            let count = count.at(place);
            let end = place + length;
            self.cells[place as usize] = id;
            self.cells[second as usize] = INSIDE;
            self.cells[end as usize - 1] = id;
            let (before, after) = (self.cells[place as usize - 1], self.cells[end as usize]);
            if before != BORDER {
                self.before.add(before, count, place - self.lengths[before as usize]);
            }
            if after != BORDER {
                self.after.add(after, count, place);
            }
        }
        self.settle(left, right, id)
    }

    /// Moves the counts that a merge gained from the pairs that were there to those that it made.
    fn settle(&mut self, left: u32, right: u32, id: u32) -> Vec<u64> {
        let (before, after) = (self.before.take(), self.after.take());
        let mut made = Vec::with_capacity(before.len() + after.len());
        let mut lost = Vec::with_capacity(before.len() + after.len());
        for (neighbour, gain) in before {
            lost.push((pair_key(neighbour, left), gain.count));
            made.push((pair_key(neighbour, id), gain));
        }
        for (neighbour, gain) in after {
            lost.push((pair_key(right, neighbour), gain.count));
            made.push((pair_key(id, neighbour), gain));
        }
        let keys = made.iter().map(|(key, _)| *key).collect();
        self.pairs.extend(made);
        for (key, count) in lost {
            // in a run such as aaa it may be the pair that is being merged, which is not there any more
            if let Some(pair) = self.pairs.get_mut(&key) {
                pair.count -= count;
            }
        }
        keys
    }
}

/// How often the piece at a place occurs, for places that rise.
struct Count<'a> {
    counts: &'a [(u32, u64)],
    at: usize,
}

impl<'a> Count<'a> {
    fn new(counts: &'a [(u32, u64)]) -> Self {
        Self { counts, at: 0 }
    }

    fn at(&mut self, place: u32) -> u64 {
        let is_before = |next: &&(u32, u64)| next.0 <= place;
        if self.counts.get(self.at + 1).as_ref().is_some_and(is_before) {
            let behind = &self.counts[self.at + 1..];
            self.at += behind.partition_point(|(start, _)| *start <= place);
        }
        self.counts.get(self.at).map_or(0, |(_, count)| *count)
    }
}

/// Pairs with one neighbour each, by that neighbour's id.
struct Gains {
    /// Number of a pair plus 1, or 0.
    slots: Vec<u32>,
    pairs: Vec<(u32, Pair)>,
}

impl Gains {
    fn new(n_ids: usize) -> Self {
        Self { slots: vec![0; n_ids], pairs: Vec::new() }
    }

    fn add(&mut self, neighbour: u32, count: u64, place: u32) {
        let slot = &mut self.slots[neighbour as usize];
        if *slot == 0 {
            self.pairs.push((neighbour, Pair::default()));
            *slot = self.pairs.len() as u32;
        }
        let pair = &mut self.pairs[*slot as usize - 1].1;
        pair.count += count;
        pair.places.push(place);
    }

    fn take(&mut self) -> Vec<(u32, Pair)> {
        self.pairs.iter().for_each(|(neighbour, _)| self.slots[*neighbour as usize] = 0);
        std::mem::take(&mut self.pairs)
    }
}
