//! The stop words of a language, found by eight bytes at a time.

use trainyard_text::bytes::eight_at;

/// A list of words that every text in their language contains.
#[derive(Debug)]
pub struct StopWords {
    /// Words of 1 to 8 bytes, as [`key`] makes them, with their numbers + 1: a hash table with linear probing.
    slots: Vec<(u64, usize)>,
    /// How far a key's hash is moved down to be a slot.
    shift: u32,
    /// Longer words, numbered after the short ones.
    long: Vec<String>,
    n_short: usize,
}

impl StopWords {
    /// Makes a list of words, each once.
    pub fn new(words: &[String]) -> Self {
        let mut words: Vec<_> = words.iter().filter(|word| !word.is_empty()).collect();
        words.sort();
        words.dedup();
        let (short, long): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| word.len() <= 8);
        // sparse: most words of a text are none of them, and find an empty slot at once
        let n_slots = (8 * short.len()).next_power_of_two().max(2);
        let shift = 64 - n_slots.ilog2();
        let mut slots = vec![(0, 0); n_slots];
        for (word, number) in short.iter().zip(1..) {
            let key = key(word.as_bytes(), 0, word.len());
            let mut slot = first(key, shift);
            while slots[slot].1 > 0 {
                slot = (slot + 1) % n_slots;
            }
            slots[slot] = (key, number);
        }
        Self { slots, shift, n_short: short.len(), long: long.into_iter().cloned().collect() }
    }

    /// Returns the number of words in the list.
    pub fn len(&self) -> usize {
        self.n_short + self.long.len()
    }

    /// Returns the number of the word at `start..end` of a text, from 0 to [`StopWords::len`], if it is in the list.
    #[inline]
    pub fn find(&self, text: &[u8], start: usize, end: usize) -> Option<usize> {
        if end - start > 8 {
            let i = self.long.iter().position(|stop| *stop.as_bytes() == text[start..end])?;
            return Some(self.n_short + i);
        }
        let key = key(text, start, end);
        let mut slot = first(key, self.shift);
        loop {
            match self.slots[slot] {
                (_, 0) => return None,
                (known, number) if known == key && text[start] != 0 => return Some(number - 1),
                _ => slot = (slot + 1) % self.slots.len(),
            }
        }
    }
}

/// Packs 1 to 8 bytes of a text into one number, the last byte highest. Different texts give different numbers, unless
/// one begins with NUL, as no stop word does.
#[inline]
fn key(text: &[u8], start: usize, end: usize) -> u64 {
    eight_at(text, start) << (64 - 8 * (end - start))
}

/// The slot at which a key is searched for first.
#[inline]
fn first(key: u64, shift: u32) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> shift) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_in_the_list() {
        let words = ["und", "der", "die", "nicht", "selbstverständlich", "的", "der", ""].map(String::from);
        let stop_words = StopWords::new(&words);
        let find = |word: &str| stop_words.find(format!("a{word}bcdefghi").as_bytes(), 1, 1 + word.len());
        assert_eq!(stop_words.len(), 6);
        let mut found: Vec<_> = words[..6].iter().map(|word| find(word).unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, [0, 1, 2, 3, 4, 5]);
        for word in ["un", "Und", "undu", "selbstverständlicH", "nichts", "是", "\0und", "nd"] {
            assert_eq!(find(word), None, "{word:?}");
        }
        assert_eq!(StopWords::new(&[]).find(b"und", 0, 3), None);
    }
}
