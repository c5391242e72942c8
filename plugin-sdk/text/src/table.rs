//! Counting by key.

/// A hash table of 64-bit keys and 32-bit values that keeps its memory from one document to the next: open addressing
/// with linear probing, at most half full. The keys are already hashes; equal keys count as equal things.
#[derive(Debug)]
pub struct Table {
    slots: Vec<Slot>,
    /// Slots in use: a power of two, as many as this document needs, so that short documents stay in the cache.
    mask: usize,
    /// Keys of this round.
    n: usize,
    /// The current round. A slot of another round is empty, so that forgetting a document costs nothing.
    round: u32,
}

impl Default for Table {
    fn default() -> Self {
        let mut table = Self { slots: Vec::new(), mask: 0, n: 0, round: 0 };
        table.clear(0);
        table
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    key: u64,
    round: u32,
    value: u32,
}

impl Table {
    /// Forgets everything and makes room for about `n` different keys; it grows when there are more.
    pub fn clear(&mut self, n: usize) {
        self.n = 0;
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            // old rounds come back
            self.slots.fill(Slot::default());
            self.round = 1;
        }
        self.reserve((2 * n).next_power_of_two().max(16));
    }

    fn reserve(&mut self, n_slots: usize) {
        self.mask = n_slots - 1;
        if self.slots.len() < n_slots {
            self.slots.resize(n_slots, Slot::default());
        }
    }

    /// Returns the value of a key, to be changed; 0 if the key is new.
    #[inline]
    pub fn value(&mut self, key: u64) -> &mut u32 {
        let mut i = self.find(key);
        if self.slots[i].round != self.round {
            if 2 * self.n > self.mask {
                self.grow();
                i = self.find(key);
            }
            self.n += 1;
            self.slots[i] = Slot { key, round: self.round, value: 0 };
        }
        &mut self.slots[i].value
    }

    /// Returns the slot of a key, or the empty one where it belongs.
    #[inline]
    fn find(&self, key: u64) -> usize {
        // the high bits of the product depend on all bits of the key
        let mut i = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & self.mask;
        while self.slots[i].round == self.round && self.slots[i].key != key {
            i = (i + 1) & self.mask;
        }
        i
    }

    #[cold]
    fn grow(&mut self) {
        let n_slots = self.mask + 1;
        let known: Vec<Slot> = self.slots[..n_slots].iter().filter(|slot| slot.round == self.round).copied().collect();
        self.slots[..n_slots].fill(Slot::default());
        self.reserve(2 * n_slots);
        for slot in known {
            let i = self.find(slot.key);
            self.slots[i] = slot;
        }
    }

    /// Adds a key; returns whether it is new.
    #[inline]
    pub fn insert(&mut self, key: u64) -> bool {
        std::mem::replace(self.value(key), 1) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn counts_as_a_map_does() {
        let mut table = Table::default();
        for n in [0u64, 1, 5, 1000, 3] {
            table.clear(n as usize / 100);
            let mut map = HashMap::new();
            for i in 0..3 * n {
                let key = ((i * i) % n) << 40;
                *table.value(key) += 1;
                *map.entry(key).or_insert(0) += 1;
            }
            for (key, count) in map {
                assert_eq!(*table.value(key), count);
            }
        }
        table.clear(2);
        assert!(table.insert(7) && !table.insert(7) && table.insert(8));
    }

    #[test]
    fn rounds_wrap() {
        let mut table = Table { round: u32::MAX - 1, ..Table::default() };
        for _ in 0..3 {
            table.clear(4);
            assert!(table.insert(5) && !table.insert(5));
        }
    }
}
