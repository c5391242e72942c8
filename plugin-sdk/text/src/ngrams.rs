//! Hashes of words and of n-grams.

use xxhash_rust::xxh3::xxh3_64;

/// Returns the hash of a text (XXH3, 64 bits, seed 0).
#[inline]
pub fn hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

/// Returns the hash of an n-gram from the hashes of its words, in order: n-grams are equal if their words are.
#[inline]
pub fn combine(hashes: &[u64]) -> u64 {
    hashes.iter().fold(0, |hash, word| (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_boundaries_matter() {
        let gram = |words: &[&str]| combine(&words.iter().map(|word| hash(word)).collect::<Vec<_>>());
        assert_eq!(gram(&["a", "b"]), gram(&["a", "b"]));
        let others = [gram(&["a", "b"]), gram(&["b", "a"]), gram(&["ab"]), gram(&["a", "b", ""]), gram(&["a", "a"])];
        assert!((0..5).all(|i| others[..i].iter().all(|other| *other != others[i])));
    }
}
