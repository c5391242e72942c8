//! A sieve for words that begin something which may occur elsewhere.

use crate::sieve::Sieve;
use crate::word::Word;

/// Bytes that are compared.
pub const WIDTH: usize = 16;

/// A sieve before n-grams are hashed: the 16 bytes of text after each position, without white space, and which of them
/// were seen twice. N-grams that are shorter are looked at by themselves. It lets some through needlessly, but holds
/// nothing back that occurs twice.
#[derive(Default)]
pub struct Windows {
    /// The hash of the window of each position.
    hashes: Vec<u64>,
    /// Positions of n-grams that are shorter than a window, in order, with their hashes.
    short: Vec<(u32, u64)>,
    sieve: Sieve,
    /// Positions of n-grams that may occur elsewhere, in order.
    candidates: Vec<u32>,
}

impl Windows {
    /// Takes the words of a document, one behind the other with [`WIDTH`] zeros after them; the last one marks their
    /// end. Returns the positions, in order, at which an n-gram of at least `least` words may begin that occurs
    /// elsewhere.
    pub fn candidates(&mut self, joined: &[u8], words: &[Word], least: usize) -> &[u32] {
        let n_words = words.len() - 1;
        self.sieve.clear(n_words);
        self.hashes.clear();
        self.hashes.extend(words[..n_words].iter().map(|word| {
            let hash = hash_of(window(joined, *word), 0);
            self.sieve.mark(hash);
            hash
        }));
        self.short.clear();
        for (i, (word, end)) in words.iter().zip(words.get(least..).unwrap_or_default()).enumerate() {
            if end.n_bytes - word.n_bytes < WIDTH as u32 {
                self.add_short(joined, words, i, least);
            }
        }
        self.candidates.clear();
        let again = (0..).zip(&self.hashes).filter(|(_, hash)| self.sieve.is_again(**hash));
        self.candidates.extend(again.map(|(i, _)| i));
        let again = self.short.iter().filter(|(_, hash)| self.sieve.is_again(*hash));
        self.candidates.extend(again.map(|(i, _)| i));
        self.candidates.sort_unstable();
        self.candidates.dedup();
        &self.candidates
    }

    /// Takes the n-grams at position `i` that are shorter than a window.
    fn add_short(&mut self, joined: &[u8], words: &[Word], i: usize, least: usize) {
        let window = window(joined, words[i]);
        for (n, end) in (least as u32..).zip(&words[i + least..]) {
            let n_bytes = end.n_bytes - words[i].n_bytes;
            if n_bytes >= WIDTH as u32 {
                break;
            }
            let hash = hash_of(cut(window, n_bytes), n);
            self.sieve.mark(hash);
            self.short.push((i as u32, hash));
        }
    }
}

/// The text at a word.
#[inline]
fn window(joined: &[u8], word: Word) -> [u64; 2] {
    let bytes = joined[word.n_bytes as usize..].first_chunk().unwrap_or(&[0; WIDTH]);
    let bytes = u128::from_le_bytes(*bytes);
    [bytes as u64, (bytes >> 64) as u64]
}

/// The first bytes of a window, fewer than all.
#[inline]
fn cut([low, high]: [u64; 2], n_bytes: u32) -> [u64; 2] {
    let keep = |n_bytes: u32| !(!0 << (8 * n_bytes));
    if n_bytes < 8 { [low & keep(n_bytes), 0] } else { [low, high & keep(n_bytes - 8)] }
}

#[inline]
fn hash_of([low, high]: [u64; 2], n: u32) -> u64 {
    let hash = low.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ high.wrapping_add(n.into());
    (hash ^ hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93)
}
