//! Makes new inputs from known ones: bits, bytes, numbers, pieces copied, cut and joined.

use crate::draw::Draw;

/// Numbers that programs often get wrong.
const NUMBERS: [u64; 10] =
    [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff];

/// Words that mean something in texts.
const WORDS: [&str; 12] =
    ["null", "-1", "1e999", "NaN", "{}", "[]", "\"\"", "[[", "\u{1b}[31m", "\u{0}", "9223372036854775808", "../"];

/// Endless mutations, from a seed.
pub struct Mutator(Draw);

impl Mutator {
    /// The mutations of a seed.
    pub fn new(seed: u64, name: &str) -> Self {
        Self(Draw::new(seed, name))
    }

    /// One of the inputs with a few changes.
    pub fn next(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = inputs[self.0.below(inputs.len())].clone();
        for _ in 0..=self.0.below(4) {
            self.change(&mut bytes, inputs);
        }
        bytes
    }

    fn range(&mut self, n: usize) -> std::ops::Range<usize> {
        let start = self.0.below(n + 1);
        let length = self.0.below((n - start).min(64) + 1);
        start..start + length
    }

    fn change(&mut self, bytes: &mut Vec<u8>, inputs: &[Vec<u8>]) {
        let at = self.0.below(bytes.len() + 1);
        match self.0.below(9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.0.below(8),
            1 if at < bytes.len() => bytes[at] = self.0.below(256) as u8,
            2 => bytes.truncate(at),
            3 => {
                let range = self.range(bytes.len());
                bytes.drain(range);
            }
            4 => {
                let piece = bytes[self.range(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => {
                let other = &inputs[self.0.below(inputs.len())];
                let piece = other[self.range(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            6 => {
                let number = NUMBERS[self.0.below(NUMBERS.len())].to_le_bytes();
                let width = [1, 2, 4, 8][self.0.below(4)];
                let end = (at + width).min(bytes.len());
                bytes[at..end].copy_from_slice(&number[..end - at]);
            }
            7 => {
                let word = WORDS[self.0.below(WORDS.len())].bytes();
                bytes.splice(at..at, word);
            }
            _ => {
                // a run of one thing, as deep nesting is
                let piece = bytes[self.range(bytes.len())].to_vec();
                let n = self.0.below(300);
                bytes.splice(at..at, piece.repeat(n).into_iter().take(1 << 16));
            }
        }
    }
}
