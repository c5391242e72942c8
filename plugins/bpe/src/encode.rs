//! Encoding: merges inside one piece, lowest rank first, leftmost first.

use crate::added::Part;
use crate::cache::{Cache, Key, PIECE_BYTES_MAX};
use crate::hash::FastMap;
use crate::model::Model;
use crate::pairs::Merge;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Number of symbols up to which scanning all pairs is faster than a queue.
const SCAN_MAX: usize = 64;

/// Working memory of an encoder.
#[derive(Default)]
pub struct Scratch {
    cache: Cache,
    ids: Vec<u32>,
    merges: Vec<Merge>,
}

impl Model {
    /// Appends the ids of a text.
    pub fn encode(&self, text: &str, scratch: &mut Scratch, out: &mut Vec<u32>) {
        for part in self.added.raw.parts(text) {
            match part {
                Part::Token(id) => out.push(id),
                Part::Text(text) => {
                    let text = self.normalized(text);
                    for part in self.added.normalized.parts(&text) {
                        match part {
                            Part::Token(id) => out.push(id),
                            Part::Text(text) => self.encode_part(text.as_bytes(), scratch, out),
                        }
                    }
                }
            }
        }
    }

    fn normalized<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let as_it_is = !self.nfc || text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes;
        if as_it_is { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
    }

    fn encode_part(&self, text: &[u8], scratch: &mut Scratch, out: &mut Vec<u32>) {
        let mut start = 0;
        while start < text.len() {
            let end = self.split.piece_end(text, start);
            if end - start > PIECE_BYTES_MAX {
                self.encode_piece(&text[start..end], scratch);
                out.extend_from_slice(&scratch.ids);
            } else {
                let key = Key::new(text, start, end);
                if !scratch.cache.get(key, out) {
                    self.encode_piece(&text[start..end], scratch);
                    out.extend_from_slice(&scratch.ids);
                    scratch.cache.insert(key, &scratch.ids);
                }
            }
            start = end;
        }
    }

    /// Leaves the ids of a piece in `scratch.ids`.
    fn encode_piece(&self, piece: &[u8], scratch: &mut Scratch) {
        scratch.ids.clear();
        if let Some(&id) = self.whole.as_ref().and_then(|whole| whole.get(piece)) {
            scratch.ids.push(id);
        } else {
            scratch.ids.extend(piece.iter().map(|&byte| self.byte_ids[usize::from(byte)]));
            if piece.len() <= SCAN_MAX {
                self.merge_short(&mut scratch.ids, &mut scratch.merges);
            } else {
                self.merge_long(&mut scratch.ids);
            }
        }
        if scratch.ids.iter().any(|id| self.spelled_out.contains_key(id)) {
            let spell = |id| self.spelled_out.get(&id).cloned().unwrap_or_else(|| vec![id]);
            scratch.ids = scratch.ids.drain(..).flat_map(spell).collect();
        }
    }

    /// Merges in quadratic time. `merges[i]` is what `ids[i]` and `ids[i + 1]` merge into.
    fn merge_short(&self, ids: &mut Vec<u32>, merges: &mut Vec<Merge>) {
        merges.clear();
        merges.extend(ids.windows(2).map(|pair| self.pairs.get(pair[0], pair[1])));
        while let Some((at, &Merge { rank, id })) = merges.iter().enumerate().min_by_key(|(_, merge)| merge.rank) {
            if rank == Merge::NONE.rank {
                break;
            }
            ids[at] = id;
            ids.remove(at + 1);
            merges.remove(at);
            if at > 0 {
                merges[at - 1] = self.pairs.get(ids[at - 1], id);
            }
            if at < merges.len() {
                merges[at] = self.pairs.get(id, ids[at + 1]);
            }
        }
    }

    /// Visits a place once for each merge that is tried there, whatever the length: a piece may be a file of one
    /// repeated letter.
    fn merge_long(&self, ids: &mut Vec<u32>) {
        const GONE: u32 = u32::MAX;
        let n = ids.len() as u32;
        let mut previous: Vec<u32> = (0..n).map(|place| place.wrapping_sub(1)).collect();
        let mut next: Vec<u32> = (1..=n).collect(); // `n` is the end
        let mut queue = Queue::default();
        for (place, pair) in (0..).zip(ids.windows(2)) {
            queue.push(self.pairs.get(pair[0], pair[1]).rank, place);
        }
        while let Some((rank, mut places)) = queue.pop() {
            while let Some(place) = places.pop() {
                let second = next[place as usize];
                if ids[place as usize] == GONE || second == n {
                    continue;
                }
                let merge = self.pairs.get(ids[place as usize], ids[second as usize]);
                if merge.rank != rank {
                    continue; // an earlier merge took one of both
                }
                let after = next[second as usize];
                ids[place as usize] = merge.id;
                ids[second as usize] = GONE;
                next[place as usize] = after;
                let mut lowest = rank;
                if after < n {
                    previous[after as usize] = place;
                    lowest = lowest.min(queue.push(self.pairs.get(merge.id, ids[after as usize]).rank, place));
                }
                if place > 0 {
                    let before = previous[place as usize];
                    lowest = lowest.min(queue.push(self.pairs.get(ids[before as usize], merge.id).rank, before));
                }
                if lowest < rank {
                    queue.interrupted.push((rank, places));
                    break;
                }
            }
        }
        ids.retain(|&id| id != GONE);
    }
}

/// Places where merges may happen, by rank. The places of one rank are visited together: few ranks occur in a long
/// piece, so this costs less than a heap of places.
///
/// A visit may be interrupted by a lower rank. Everything that is then merged contains the token that caused it, so no
/// new place of the interrupted rank appears meanwhile, and its places stay in order.
#[derive(Default)]
struct Queue {
    places: FastMap<u32, Vec<u32>>,
    /// Keys of `places`.
    ranks: BinaryHeap<Reverse<u32>>,
    /// The interrupted ranks and their remaining places, the last place first; the lowest rank is last.
    interrupted: Vec<(u32, Vec<u32>)>,
}

impl Queue {
    /// Adds a place and returns its rank.
    fn push(&mut self, rank: u32, place: u32) -> u32 {
        if rank != Merge::NONE.rank {
            let places = self.places.entry(rank).or_default();
            if places.is_empty() {
                self.ranks.push(Reverse(rank));
            }
            places.push(place);
        }
        rank
    }

    /// Returns the lowest rank and its places, the last first.
    fn pop(&mut self) -> Option<(u32, Vec<u32>)> {
        let new = self.ranks.peek().map_or(Merge::NONE.rank, |Reverse(rank)| *rank);
        if self.interrupted.last().is_some_and(|(rank, _)| *rank < new) {
            return self.interrupted.pop();
        }
        self.ranks.pop()?;
        let mut places = self.places.remove(&new)?;
        places.sort(); // runs that rise, which a stable sort joins fast
        places.reverse();
        Some((new, places))
    }
}
