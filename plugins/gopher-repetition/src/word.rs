//! Words: their places, hashes that tell them apart, and hashes of texts that can be combined.

use trainyard_text::bytes::{eight_at, identity};

/// Base of the polynomial, modulo 2^64.
const BASE: u64 = 0x9e6c_63d0_876a_3f6b;
const POWERS: [u64; 64] = powers();
/// Sums of the first powers. They are added to a text's hash because digits are the byte + 1, so that a NUL counts.
const SUMS: [u64; 9] = sums();

/// A word and what is before it. The last word is followed by one that begins and ends with the document.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    /// What tells it from others.
    pub hash: u64,
    /// First byte in the document.
    pub start: u32,
    /// Bytes of the words before it.
    pub n_bytes: u32,
}

/// Returns a hash that tells the word at `start..end` of a text from others. `first` is its first eight bytes.
#[inline]
pub fn told_apart(text: &[u8], start: usize, end: usize, first: u64) -> u64 {
    let n = end - start;
    if n > 8 {
        return identity(&text[start..end]);
    }
    // those of one length all have another hash
    (first << (64 - 8 * n)).wrapping_add((n as u64).wrapping_mul(BASE)).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

/// Returns the hash of a text: its bytes + 1 as the digits of a number with the base [`BASE`]. The hash of two texts
/// written as one is that of the first times [`power`] of the second's length, plus that of the second.
#[inline]
pub fn hash(text: &[u8], start: usize, end: usize) -> u64 {
    let (mut hash, mut at) = (0u64, start);
    while at + 8 < end {
        hash = hash.wrapping_mul(POWERS[8]).wrapping_add(value(eight_at(text, at))).wrapping_add(SUMS[8]);
        at += 8;
    }
    let n = end - at;
    // the bytes moved up: digits that are zero lead, and count nothing
    let last = eight_at(text, at) << (64 - 8 * n);
    hash.wrapping_mul(POWERS[n]).wrapping_add(value(last)).wrapping_add(SUMS[n])
}

/// Returns the number of eight digits. It is written out so that the products do not wait for each other, as they would
/// in Horner's scheme.
#[inline]
fn value(digits: u64) -> u64 {
    let digit = |i: u32| (digits >> (8 * i)) & 0xff;
    let even = digit(0).wrapping_mul(POWERS[7]).wrapping_add(digit(2).wrapping_mul(POWERS[5]));
    let even = even.wrapping_add(digit(4).wrapping_mul(POWERS[3])).wrapping_add(digit(6).wrapping_mul(POWERS[1]));
    let odd = digit(1).wrapping_mul(POWERS[6]).wrapping_add(digit(3).wrapping_mul(POWERS[4]));
    let odd = odd.wrapping_add(digit(5).wrapping_mul(POWERS[2])).wrapping_add(digit(7));
    even.wrapping_add(odd)
}

/// Returns BASE to a power.
#[inline]
pub fn power(exponent: usize) -> u64 {
    match POWERS.get(exponent) {
        Some(&power) => power,
        None => BASE.wrapping_pow(exponent as u32),
    }
}

/// Returns a number whose every bit depends on all bits of `hash`; different for different hashes.
#[inline]
pub fn mix(hash: u64) -> u64 {
    let hash = (hash ^ hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ hash >> 32
}

const fn powers() -> [u64; 64] {
    let mut powers = [1u64; 64];
    let mut i = 1;
    while i < 64 {
        powers[i] = powers[i - 1].wrapping_mul(BASE);
        i += 1;
    }
    powers
}

const fn sums() -> [u64; 9] {
    let mut sums = [0u64; 9];
    let mut i = 1;
    while i < 9 {
        sums[i] = sums[i - 1].wrapping_add(POWERS[i - 1]);
        i += 1;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_put_together() {
        let text = "a considerable intercommunicational é\0".as_bytes();
        for middle in 1..text.len() {
            for end in middle + 1..=text.len() {
                let joined =
                    hash(text, 0, middle).wrapping_mul(power(end - middle)).wrapping_add(hash(text, middle, end));
                assert_eq!(joined, hash(text, 0, end), "{middle} {end}");
            }
        }
        assert_eq!(power(70), BASE.wrapping_pow(70));
        assert_ne!(hash(b"ab", 0, 2), hash(b"ba", 0, 2));
        assert_ne!(hash(b"\0a", 0, 2), hash(b"a", 0, 1));
    }

    #[test]
    fn words_are_told_apart() {
        let text = b"aaaaaaaaaaaaaaaabaaaaaaaac\0\0d";
        let of = |word: &[u8], behind: u8| {
            let bytes = [word, &[behind; 8]].concat();
            told_apart(&bytes, 0, word.len(), eight_at(&bytes, 0))
        };
        let mut seen = std::collections::HashMap::new();
        for start in 0..text.len() {
            for end in start + 1..=text.len() {
                let word = &text[start..end];
                assert_eq!(of(word, 0), of(word, 7), "what is behind it counts");
                assert_eq!(*seen.entry(of(word, 0)).or_insert(word), word);
            }
        }
    }
}
