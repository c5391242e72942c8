//! Makes new inputs from known ones: bits, bytes, numbers, pieces copied, cut and joined.

use trainyard::base::random::Stream;

/// Numbers that programs often get wrong.
const NUMBERS: [u64; 10] =
    [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff];

/// Words that mean something in texts.
const WORDS: [&str; 12] =
    ["null", "-1", "1e999", "NaN", "{}", "[]", "\"\"", "[[", "\u{1b}[31m", "\u{0}", "9223372036854775808", "../"];

/// Endless mutations, from a seed.
pub struct Mutator {
    stream: Stream,
    n_drawn: u64,
}

impl Mutator {
    /// The mutations of a seed.
    pub fn new(seed: u64, name: &str) -> Self {
        Self { stream: Stream::new(seed, name), n_drawn: 0 }
    }

    fn below(&mut self, n: usize) -> usize {
        self.n_drawn += 1;
        (self.stream.uniform(self.n_drawn) * n as f64) as usize
    }

    /// One of the inputs with a few changes.
    pub fn next(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = inputs[self.below(inputs.len())].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes, inputs);
        }
        bytes
    }

    fn range(&mut self, n: usize) -> std::ops::Range<usize> {
        let start = self.below(n + 1);
        let length = self.below((n - start).min(64) + 1);
        start..start + length
    }

    fn change(&mut self, bytes: &mut Vec<u8>, inputs: &[Vec<u8>]) {
        let at = self.below(bytes.len() + 1);
        match self.below(9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            1 if at < bytes.len() => bytes[at] = self.below(256) as u8,
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
                let other = &inputs[self.below(inputs.len())];
                let piece = other[self.range(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            6 => {
                let number = NUMBERS[self.below(NUMBERS.len())].to_le_bytes();
                let width = [1, 2, 4, 8][self.below(4)];
                let end = (at + width).min(bytes.len());
                bytes[at..end].copy_from_slice(&number[..end - at]);
            }
            7 => {
                let word = WORDS[self.below(WORDS.len())].bytes();
                bytes.splice(at..at, word);
            }
            _ => {
                // a run of one thing, as deep nesting is
                let piece = bytes[self.range(bytes.len())].to_vec();
                let n = self.below(300);
                bytes.splice(at..at, piece.repeat(n).into_iter().take(1 << 16));
            }
        }
    }
}
