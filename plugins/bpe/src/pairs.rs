//! Which two tokens merge, into what, and in what order: a table for look-ups of a few nanoseconds.

/// What a pair merges into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    /// The priority: lower is merged first, [`Merge::NONE`] never.
    pub rank: u32,
    /// The token that replaces both.
    pub id: u32,
}

impl Merge {
    /// A pair that does not merge.
    pub const NONE: Self = Self { rank: u32::MAX, id: u32::MAX };
}

/// Open addressing with linear probing, at most half full.
#[derive(Debug, Default)]
pub struct Pairs {
    slots: Vec<(u64, Merge)>,
    shift: u32,
    len: usize,
}

/// No pair: both ids at their maximum.
const EMPTY: u64 = u64::MAX;

/// Returns two ids as one key. Keys sort like pairs.
#[inline]
pub fn pair_key(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

/// Returns both ids of a key.
pub fn key_pair(key: u64) -> (u32, u32) {
    ((key >> 32) as u32, key as u32)
}

impl Pairs {
    /// Makes an empty table for about `n` pairs.
    pub fn with_capacity(n: usize) -> Self {
        let n_slots = (2 * n).next_power_of_two().max(16);
        Self { slots: vec![(EMPTY, Merge::NONE); n_slots], shift: 64 - n_slots.trailing_zeros(), len: 0 }
    }

    /// Returns what two neighbours merge into.
    #[inline]
    pub fn get(&self, left: u32, right: u32) -> Merge {
        let key = pair_key(left, right);
        let mut at = self.home(key);
        while let Some(&(found, merge)) = self.slots.get(at) {
            if found == key {
                return merge;
            }
            if found == EMPTY {
                break;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        Merge::NONE
    }

    /// Adds a pair; returns false and changes nothing if it is already in the table.
    pub fn insert(&mut self, left: u32, right: u32, merge: Merge) -> bool {
        if 2 * (self.len + 1) > self.slots.len() {
            self.grow();
        }
        let key = pair_key(left, right);
        let mut at = self.home(key);
        while self.slots[at].0 != EMPTY {
            if self.slots[at].0 == key {
                return false;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = (key, merge);
        self.len += 1;
        true
    }

    /// All pairs, in any order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32, Merge)> {
        let pairs = self.slots.iter().filter(|(key, _)| *key != EMPTY);
        pairs.map(|&(key, merge)| (key_pair(key).0, key_pair(key).1, merge))
    }

    #[inline]
    fn home(&self, key: u64) -> usize {
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    fn grow(&mut self) {
        let mut larger = Self::with_capacity(self.slots.len());
        for &(key, merge) in self.slots.iter().filter(|(key, _)| *key != EMPTY) {
            let (left, right) = key_pair(key);
            larger.insert(left, right, merge);
        }
        *self = larger;
    }
}
