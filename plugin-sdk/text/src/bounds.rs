//! The places of words between white space, found in blocks of sixty-four bytes: a bit for each byte says which are
//! white space, so that a word costs no loop over its bytes. In a sandbox, every round of a loop checks the time.

use crate::bytes::is_ascii;
use std::iter::FusedIterator;
use std::ops::Range;

/// Bytes of a block: one bit of a number for each.
const BLOCK: usize = 64;

/// Iterator over the places of the words of a text, which are separated by white space. None is empty.
#[derive(Debug, Clone)]
pub struct Bounds<'a> {
    bytes: &'a [u8],
    /// Start of the block that the bits are of.
    block: usize,
    /// Bytes of the block that are white space; those behind the end of the text are, too.
    spaces: u64,
    /// Bytes of the block that are not passed yet.
    open: u64,
}

impl<'a> Bounds<'a> {
    /// The words of a text.
    #[inline]
    pub fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), block: 0usize.wrapping_sub(BLOCK), spaces: !0, open: 0 }
    }

    /// Counts the words of a text of which none was returned yet; it may end when there are `enough`.
    pub fn count_starts(mut self, enough: usize) -> usize {
        let (mut n, mut is_in_word) = (0, 0);
        while n < enough && self.advance() {
            let words = !self.spaces;
            n += (words & !(words << 1 | is_in_word)).count_ones() as usize;
            is_in_word = words >> (BLOCK - 1);
        }
        n
    }

    /// Goes to the next block; false if there is none.
    #[inline]
    fn advance(&mut self) -> bool {
        let block = self.block.wrapping_add(BLOCK);
        if block >= self.bytes.len() {
            self.open = 0;
            return false;
        }
        (self.block, self.spaces, self.open) = (block, spaces(self.bytes, block), !0);
        true
    }
}

impl Iterator for Bounds<'_> {
    type Item = Range<usize>;

    #[inline]
    fn next(&mut self) -> Option<Range<usize>> {
        while !self.spaces & self.open == 0 {
            if !self.advance() {
                return None;
            }
        }
        let first = (!self.spaces & self.open).trailing_zeros();
        let start = self.block + first as usize;
        self.open = !0 << first;
        while self.spaces & self.open == 0 {
            if !self.advance() {
                return Some(start..self.bytes.len());
            }
        }
        let end = (self.spaces & self.open).trailing_zeros();
        self.open = !0 << end;
        Some(start..self.block + end as usize)
    }
}

impl FusedIterator for Bounds<'_> {}

/// A bit for each byte of the block at `at` that is white space, or behind the end of the text.
#[inline]
fn spaces(bytes: &[u8], at: usize) -> u64 {
    let rest = &bytes[at..];
    let (mask, is_ascii) = match rest.first_chunk() {
        Some(block) => (bits(block, is_ascii_space), is_ascii(block)),
        None => {
            let mut block = [b' '; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            (bits(&block, is_ascii_space), is_ascii(&block))
        }
    };
    if is_ascii { mask } else { mask | wide_spaces(bytes, at) }
}

/// The same of white space outside ASCII, which may begin in the block before.
#[cold]
fn wide_spaces(bytes: &[u8], at: usize) -> u64 {
    let first = at.saturating_sub(2);
    let may_begin = |byte: u8| byte == 0xc2 || byte.wrapping_sub(0xe1) < 3;
    let mut mask = 0u64;
    for start in (first..bytes.len().min(at + BLOCK)).filter(|&start| may_begin(bytes[start])) {
        for byte in start..start + wide_space(&bytes[start..]) {
            if let Some(bit) = byte.checked_sub(at).filter(|&bit| bit < BLOCK) {
                mask |= 1 << bit;
            }
        }
    }
    mask
}

/// A bit for each byte of a block that is searched for. Written so that the compiler makes vectors of it: first a byte
/// for each, then eight of them make eight bits by one product.
#[inline]
fn bits(block: &[u8; BLOCK], is_it: impl Fn(u8) -> bool) -> u64 {
    let mut found = [0u8; BLOCK];
    for (found, &byte) in found.iter_mut().zip(block) {
        *found = u8::from(is_it(byte));
    }
    let mut mask = 0;
    for (eight, i) in found.as_chunks::<8>().0.iter().zip(0..) {
        mask |= (u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
    }
    mask
}

/// Whether a byte is white space of ASCII.
#[inline]
pub fn is_ascii_space(byte: u8) -> bool {
    byte.wrapping_sub(b'\t') < 5 || byte.wrapping_sub(0x1c) < 5
}

/// Bytes of the white space outside ASCII that UTF-8 begins with; 0 if it begins with something else.
#[inline]
pub fn wide_space(bytes: &[u8]) -> usize {
    match bytes {
        [0xc2, 0x85 | 0xa0, ..] => 2,
        [0xe1, 0x9a, 0x80, ..] | [0xe2, 0x81, 0x9f, ..] | [0xe3, 0x80, 0x80, ..] => 3,
        [0xe2, 0x80, 0x80..=0x8a | 0xa8 | 0xa9 | 0xaf, ..] => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chars::is_space;

    #[test]
    fn every_place_in_a_block() {
        let parts =
            ["a", "word", " ", "\u{3000}", "é", "\u{85}", "  ", "\u{2028}", "中文", "\t\n", "considerable", "’"];
        let mut seed = 1u64;
        for n in 0..400 {
            let mut text = String::new();
            for _ in 0..n {
                seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                text += parts[(seed >> 33) as usize % parts.len()];
            }
            let words: Vec<&str> = Bounds::new(&text).map(|word| &text[word]).collect();
            let expected: Vec<&str> = text.split(is_space).filter(|word| !word.is_empty()).collect();
            assert_eq!(words, expected, "{text:?}");
            assert_eq!(Bounds::new(&text).count_starts(usize::MAX), expected.len(), "{text:?}");
        }
    }

    #[test]
    fn bits_are_in_order() {
        for i in 0..BLOCK {
            let mut block = [b'x'; BLOCK];
            block[i] = b' ';
            assert_eq!(bits(&block, is_ascii_space), 1 << i);
        }
    }
}
