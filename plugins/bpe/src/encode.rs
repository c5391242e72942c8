//! Encoding: merges inside one piece, lowest id first, leftmost first.

use crate::hash::FastMap;
use crate::model::{BYTE_IDS, Model, pair_key};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Pieces up to this length are remembered: with its length a piece fits into 16 bytes, and longer ones rarely return.
const CACHED_BYTES_MAX: usize = 15;

/// Pieces in the cache; then it starts afresh. About 4 MB.
const CACHED_PIECES_MAX: usize = 1 << 16;

/// Symbols up to which looking at all pairs is faster than a queue.
const SCAN_MAX: usize = 64;

/// No merge.
const NONE: u32 = u32::MAX;

/// Working memory of an encoder. It makes encoding faster and changes no result.
#[derive(Default)]
pub struct Scratch {
    /// Start and end in `cached_ids` of each remembered piece.
    cache: FastMap<u128, (u32, u32)>,
    cached_ids: Vec<u32>,
    ids: Vec<u32>,
    merges: Vec<u32>,
}

impl Model {
    /// Appends the ids of one piece of text.
    pub fn encode_piece(&self, piece: &[u8], scratch: &mut Scratch, out: &mut Vec<u32>) {
        if let [byte] = piece {
            out.push(BYTE_IDS[*byte as usize]);
        } else if piece.len() > CACHED_BYTES_MAX {
            self.merge_piece(piece, scratch);
            out.extend_from_slice(&scratch.ids);
        } else {
            let key = cache_key(piece);
            if let Some(&(start, end)) = scratch.cache.get(&key) {
                out.extend_from_slice(&scratch.cached_ids[start as usize..end as usize]);
                return;
            }
            self.merge_piece(piece, scratch);
            out.extend_from_slice(&scratch.ids);
            if scratch.cache.len() == CACHED_PIECES_MAX {
                scratch.cache.clear();
                scratch.cached_ids.clear();
            }
            let start = scratch.cached_ids.len() as u32;
            scratch.cached_ids.extend_from_slice(&scratch.ids);
            scratch.cache.insert(key, (start, scratch.cached_ids.len() as u32));
        }
    }

    /// Leaves the ids of a piece in `scratch.ids`.
    fn merge_piece(&self, piece: &[u8], scratch: &mut Scratch) {
        scratch.ids.clear();
        scratch.ids.extend(piece.iter().map(|&byte| BYTE_IDS[byte as usize]));
        if piece.len() <= SCAN_MAX {
            self.merge_short(&mut scratch.ids, &mut scratch.merges);
        } else {
            self.merge_long(&mut scratch.ids);
        }
    }

    /// The id that replaces two neighbours, `NONE` when they stay apart.
    fn merged(&self, left: u32, right: u32) -> u32 {
        self.merges.get(&pair_key(left, right)).copied().unwrap_or(NONE)
    }

    /// Quadratic in the length. `merges[i]` is what `ids[i]` and `ids[i + 1]` merge into.
    fn merge_short(&self, ids: &mut Vec<u32>, merges: &mut Vec<u32>) {
        merges.clear();
        merges.extend(ids.windows(2).map(|pair| self.merged(pair[0], pair[1])));
        while let Some((at, &id)) = merges.iter().enumerate().min_by_key(|&(_, &id)| id) {
            if id == NONE {
                break;
            }
            ids[at] = id;
            ids.remove(at + 1);
            merges.remove(at);
            if at > 0 {
                merges[at - 1] = self.merged(ids[at - 1], id);
            }
            if at < merges.len() {
                merges[at] = self.merged(id, ids[at + 1]);
            }
        }
    }

    /// n log n in the length: a piece may be a file of one repeated letter.
    fn merge_long(&self, ids: &mut Vec<u32>) {
        const GONE: u32 = u32::MAX;
        let n = ids.len() as u32;
        let mut previous: Vec<u32> = (0..n).map(|place| place.wrapping_sub(1)).collect();
        let mut next: Vec<u32> = (1..=n).collect(); // `n` is the end
        let candidate = |ids: &[u32], left: u32, right: u32| {
            let id = self.merged(ids[left as usize], ids[right as usize]);
            (id != NONE).then_some(Reverse((id, left)))
        };
        let mut queue: BinaryHeap<_> = (1..n).filter_map(|right| candidate(ids, right - 1, right)).collect();
        while let Some(Reverse((id, place))) = queue.pop() {
            let second = next[place as usize];
            // an earlier merge may have taken one of both
            let is_stale = ids[place as usize] == GONE
                || second == n
                || self.merged(ids[place as usize], ids[second as usize]) != id;
            if is_stale {
                continue;
            }
            let after = next[second as usize];
            ids[place as usize] = id;
            ids[second as usize] = GONE;
            next[place as usize] = after;
            if after < n {
                previous[after as usize] = place;
                queue.extend(candidate(ids, place, after));
            }
            if place > 0 {
                queue.extend(candidate(ids, previous[place as usize], place));
            }
        }
        ids.retain(|&id| id != GONE);
    }
}

/// A short piece and its length as one number.
fn cache_key(piece: &[u8]) -> u128 {
    let mut key = [0; 16];
    key[..piece.len()].copy_from_slice(piece);
    key[15] = piece.len() as u8;
    u128::from_le_bytes(key)
}
