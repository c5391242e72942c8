//! A sieve for words that begin something which may occur elsewhere.

use crate::word::{Word, load};

/// Bytes that are compared.
const WIDTH: usize = 16;

/// A sieve before n-grams are hashed: the 16 bytes of text after each position, without white space, and which of them
/// were seen twice. It lets some through needlessly, but holds nothing back that occurs twice.
#[derive(Default)]
pub struct Windows {
    /// The bit of each position.
    slots: Vec<u32>,
    /// Bits that were seen once, and bits that were seen again.
    seen: Vec<u64>,
    again: Vec<u64>,
}

impl Windows {
    /// Takes the words of a document; the last one marks its end.
    pub fn read(&mut self, text: &[u8], words: &[Word]) {
        let n_words = words.len() - 1;
        let n_slots = (32 * n_words).next_power_of_two().max(64);
        for bits in [&mut self.seen, &mut self.again] {
            bits.clear();
            bits.resize(n_slots / 64, 0);
        }
        self.slots.clear();
        self.slots.resize(n_words, 0);
        // from right to left: a word, and behind it what stands behind
        let mut window = 0u128;
        for (slot, word) in self.slots.iter_mut().zip(words).rev() {
            let (start, n) = (word.start as usize, (word.end - word.start) as usize);
            window = match n {
                ..8 => window << (8 * n) | u128::from(load(text, start) & !(!0 << (8 * n))),
                8..WIDTH => {
                    let high = if n == 8 { 0 } else { load(text, start + 8) & !(!0 << (8 * (n - 8))) };
                    window << (8 * n) | u128::from(high) << 64 | u128::from(load(text, start))
                }
                _ => u128::from(load(text, start + 8)) << 64 | u128::from(load(text, start)),
            };
            let hash = (window as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (window >> 64) as u64;
            let hash = (hash ^ hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
            *slot = (hash >> 32) as u32 & (n_slots as u32 - 1);
            let (i, bit) = (*slot as usize / 64, 1 << (*slot % 64));
            self.again[i] |= self.seen[i] & bit;
            self.seen[i] |= bit;
        }
    }

    /// Whether an n-gram of at least `n` words at position `i` may occur elsewhere.
    pub fn may_repeat(&self, words: &[Word], i: usize, n: usize) -> bool {
        let end = words[(i + n).min(words.len() - 1)];
        // of a shorter text the window shows what is behind it, too
        let slot = self.slots[i];
        self.again[slot as usize / 64] >> (slot % 64) & 1 == 1 || end.n_bytes < words[i].n_bytes + WIDTH as u32
    }
}
