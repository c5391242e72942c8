//! Training: which pairs to merge, in which order (Sennrich et al. 2016, arXiv 1508.07909).
//!
//! The symbols of all distinct pieces stand in one array and are linked to their neighbours; every pair knows its count
//! and where it occurs. A merge visits those places alone, so the work does not grow with the length of a piece. Counts
//! are exact in 64 bits.

use crate::hash::FastMap;
use crate::model::{BYTE_IDS, N_BYTES, TOKEN_BYTES_MAX, byte_tokens, key_pair, pair_key};
use crate::split::pieces;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use trainyard_plugin::{PluginError, Result};

/// How often each piece occurs.
#[derive(Default)]
pub struct PieceCounts(FastMap<Box<[u8]>, u64>);

impl PieceCounts {
    /// Counts the pieces of one text.
    pub fn add(&mut self, text: &str) {
        for piece in pieces(text) {
            match self.0.get_mut(piece.as_bytes()) {
                Some(count) => *count += 1,
                None => {
                    self.0.insert(piece.as_bytes().into(), 1);
                }
            }
        }
    }
}

/// Up to `n_merges` merges, fewer when no pair occurs `count_min` times any more. Of equally frequent pairs the one
/// with the lower ids comes first, as in the `tokenizers` crate.
pub fn train(counts: &PieceCounts, n_merges: usize, count_min: u64) -> Result<Vec<(u32, u32)>> {
    let mut symbols = Symbols::new(counts)?;
    let mut lengths: Vec<usize> = byte_tokens().iter().map(Vec::len).collect();
    let mut queue: BinaryHeap<(u64, Reverse<u64>)> =
        symbols.pairs.iter().map(|(&key, pair)| (pair.count, Reverse(key))).collect();
    let mut merges = Vec::new();
    while merges.len() < n_merges {
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
        let length = lengths[left as usize] + lengths[right as usize];
        if length > TOKEN_BYTES_MAX {
            continue;
        }
        let id = N_BYTES + merges.len() as u32;
        for new in symbols.merge(key, id) {
            queue.push((symbols.pairs[&new].count, Reverse(new)));
        }
        merges.push((left, right));
        lengths.push(length);
    }
    Ok(merges)
}

/// Two symbols next to each other.
#[derive(Default)]
struct Pair {
    count: u64,
    /// Places of the left symbol. Some may be outdated: the symbols that stand there decide.
    places: Vec<u32>,
}

/// No neighbour.
const NONE: u32 = u32::MAX;

/// A symbol that its left neighbour absorbed.
const GONE: u32 = u32::MAX;

struct Symbols {
    /// Ids, one per place; all below are indexed by place.
    ids: Vec<u32>,
    previous: Vec<u32>,
    next: Vec<u32>,
    /// Occurrences of the piece that the place belongs to.
    counts: Vec<u64>,
    pairs: FastMap<u64, Pair>,
}

impl Symbols {
    fn new(counts: &PieceCounts) -> Result<Self> {
        let n_places: usize = counts.0.keys().map(|piece| piece.len()).sum();
        if n_places >= NONE as usize {
            return Err(PluginError::input(
                "the distinct words of the training text exceed 4 GB, train on a part of it",
            ));
        }
        let mut symbols = Self {
            ids: Vec::with_capacity(n_places),
            previous: Vec::with_capacity(n_places),
            next: Vec::with_capacity(n_places),
            counts: Vec::with_capacity(n_places),
            pairs: FastMap::default(),
        };
        for (piece, &count) in &counts.0 {
            let start = symbols.ids.len() as u32;
            let end = start + piece.len() as u32;
            for (place, &byte) in (start..end).zip(piece) {
                symbols.ids.push(BYTE_IDS[byte as usize]);
                symbols.previous.push(if place > start { place - 1 } else { NONE });
                symbols.next.push(if place + 1 < end { place + 1 } else { NONE });
                symbols.counts.push(count);
            }
            for place in start + 1..end {
                symbols.add(place - 1, place, count, &mut Vec::new());
            }
        }
        Ok(symbols)
    }

    /// Replaces every occurrence of a pair by `id`, from left to right, and returns the pairs that this made.
    fn merge(&mut self, key: u64, id: u32) -> Vec<u64> {
        let mut places = self.pairs.remove(&key).unwrap_or_default().places;
        places.sort_unstable(); // aaa becomes (aa)a, not a(aa)
        let (left, right) = key_pair(key);
        let mut made = Vec::new();
        for place in places {
            let second = self.next[place as usize];
            if self.ids[place as usize] != left || second == NONE || self.ids[second as usize] != right {
                continue;
            }
            let (before, after) = (self.previous[place as usize], self.next[second as usize]);
            let count = self.counts[place as usize];
            self.ids[place as usize] = id;
            self.ids[second as usize] = GONE;
            self.next[place as usize] = after;
            if before != NONE {
                self.subtract(self.ids[before as usize], left, count);
                self.add(before, place, count, &mut made);
            }
            if after != NONE {
                self.previous[after as usize] = place;
                self.subtract(right, self.ids[after as usize], count);
                self.add(place, after, count, &mut made);
            }
        }
        made
    }

    /// Counts the pair at two neighbouring places; a pair not seen before is added to `made`.
    fn add(&mut self, place: u32, next: u32, count: u64, made: &mut Vec<u64>) {
        let key = pair_key(self.ids[place as usize], self.ids[next as usize]);
        let pair = self.pairs.entry(key).or_insert_with(|| {
            made.push(key);
            Pair::default()
        });
        pair.count += count;
        pair.places.push(place);
    }

    /// Takes a pair out of the count. The pair that is being merged (in a run such as aaa) is not there any more.
    fn subtract(&mut self, left: u32, right: u32, count: u64) {
        if let Some(pair) = self.pairs.get_mut(&pair_key(left, right)) {
            pair.count -= count;
        }
    }
}
