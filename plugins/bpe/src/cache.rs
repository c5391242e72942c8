//! Ids of short pieces that occurred before. This makes encoding faster and changes no result.

/// Pieces up to this length are remembered: with its length a piece fits into 16 bytes, and longer ones rarely return.
pub const PIECE_BYTES_MAX: usize = 15;

/// Slots, in pairs: a piece may be in either slot of a pair. 1 MB, which fits into a core's own cache.
const N_SLOTS: usize = 1 << 15;

/// Most ids of pieces with more than three tokens; beyond, everything is forgotten.
const SPILL_MAX: usize = 1 << 18;

/// A short piece and its length as two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Key {
    low: u64,
    high: u64,
}

impl Key {
    /// The key of `text[start..end]`, which has 1 to [`PIECE_BYTES_MAX`] bytes.
    #[inline]
    pub fn new(text: &[u8], start: usize, end: usize) -> Self {
        let n = end - start;
        let (low, high) = match text.get(start..start + 16).and_then(|bytes| bytes.first_chunk::<16>()) {
            Some(bytes) => halves(bytes),
            None => {
                let mut bytes = [0; 16];
                bytes[..n].copy_from_slice(&text[start..end]);
                halves(&bytes)
            }
        };
        // bytes behind the piece are cut off, the length stands in the last
        let keep = |n_bytes: usize| u64::MAX.checked_shr(64 - 8 * n_bytes as u32).unwrap_or(0);
        let length = (n as u64) << 56;
        Self { low: low & keep(n.min(8)), high: high & keep(n.saturating_sub(8)) | length }
    }

    #[inline]
    fn slot(self) -> usize {
        let mixed = (self.low ^ self.high.rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> (64 - 15)) as usize
    }
}

#[inline]
fn halves(bytes: &[u8; 16]) -> (u64, u64) {
    let number = u128::from_le_bytes(*bytes);
    (number as u64, (number >> 64) as u64)
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// All zero in an empty slot: a piece has a length.
    key: Key,
    n: u32,
    /// The ids; of more than three, the first is their start in `spill`.
    ids: [u32; 3],
}

/// See the module.
pub struct Cache {
    slots: Vec<Slot>,
    spill: Vec<u32>,
}

impl Default for Cache {
    fn default() -> Self {
        Self { slots: vec![Slot::default(); N_SLOTS], spill: Vec::new() }
    }
}

impl Cache {
    /// Appends the ids of a piece that is known; false if it is not.
    #[inline]
    pub fn get(&self, key: Key, out: &mut Vec<u32>) -> bool {
        let at = key.slot();
        let slot = if self.slots[at].key == key { &self.slots[at] } else { &self.slots[at ^ 1] };
        if slot.key != key {
            return false;
        }
        match slot.n {
            1 => out.push(slot.ids[0]),
            2 => out.extend_from_slice(&slot.ids[..2]),
            3 => out.extend_from_slice(&slot.ids),
            n => out.extend_from_slice(&self.spill[slot.ids[0] as usize..][..n as usize]),
        }
        true
    }

    /// Remembers the ids of a piece. The piece that is in its place moves to the other slot of the pair.
    pub fn insert(&mut self, key: Key, ids: &[u32]) {
        let mut slot = Slot { key, n: ids.len() as u32, ids: [0; 3] };
        if ids.len() <= 3 {
            slot.ids[..ids.len()].copy_from_slice(ids);
        } else {
            if self.spill.len() + ids.len() > SPILL_MAX {
                *self = Self::default();
            }
            slot.ids[0] = self.spill.len() as u32;
            self.spill.extend_from_slice(ids);
        }
        let at = key.slot();
        self.slots[at ^ 1] = self.slots[at];
        self.slots[at] = slot;
    }
}
