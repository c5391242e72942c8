//! A fast hash for keys that are short and trusted: the multiply-rotate hash of Firefox and rustc, with a fixed start.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map whose order is never used, so that nothing depends on the hash.
pub type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<FastHasher>>;

/// State of the hash.
#[derive(Debug, Default, Clone, Copy)]
pub struct FastHasher(u64);

const MULTIPLIER: u64 = 0x517c_c1b7_2722_0a95;

impl Hasher for FastHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((chunk, behind)) = rest.split_first_chunk::<8>() {
            self.write_u64(u64::from_le_bytes(*chunk));
            rest = behind;
        }
        // the last chunk may overlap: the length is hashed as well
        if let Some(last) = bytes.last_chunk::<8>() {
            self.write_u64(u64::from_le_bytes(*last));
        } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            self.write_u64(u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last)));
        } else {
            self.write_u64(rest.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(MULTIPLIER);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        // the low bits of a product are its weakest, and on wasm32 a map looks only at those
        self.0 ^ (self.0 >> 32)
    }
}
