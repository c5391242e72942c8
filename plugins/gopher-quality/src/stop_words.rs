//! The stop words of a language, found by length and by eight bytes at a time.

/// A list of words that every text in their language contains.
#[derive(Debug)]
pub struct StopWords {
    /// Words of 1 to 8 bytes, as [`pack`] makes them.
    short: Vec<u64>,
    long: Vec<String>,
    /// Bit `n` is set if a word has `n` bytes, bit 63 for longer ones.
    lengths: u64,
}

impl StopWords {
    /// Makes a list of words, each once.
    pub fn new(words: &[String]) -> Self {
        let mut words: Vec<_> = words.iter().filter(|word| !word.is_empty()).collect();
        words.sort();
        words.dedup();
        let lengths = words.iter().fold(0, |lengths, word| lengths | 1 << word.len().min(63));
        let (short, long): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| word.len() <= 8);
        let short = short.into_iter().map(|word| pack(word.as_bytes())).collect();
        Self { short, long: long.into_iter().cloned().collect(), lengths }
    }

    /// Returns the number of words in the list.
    pub fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }

    /// Returns the number of a word, from 0 to [`StopWords::len`], if it is in the list.
    #[inline]
    pub fn find(&self, word: &str) -> Option<usize> {
        if self.lengths >> word.len().min(63) & 1 == 0 {
            return None;
        }
        if word.len() <= 8 {
            let word = pack(word.as_bytes());
            return self.short.iter().position(|&stop| stop == word);
        }
        self.long.iter().position(|stop| stop == word).map(|i| self.short.len() + i)
    }
}

/// Packs at most eight bytes into one number. Different UTF-8 texts of the same length give different numbers, and only
/// the empty text ends in the zeros that would make two lengths equal, except with NUL, which no stop word contains.
#[inline]
fn pack(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |packed, &byte| packed << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_in_the_list() {
        let words = ["und", "der", "die", "nicht", "selbstverständlich", "的", "der", ""].map(String::from);
        let stop_words = StopWords::new(&words);
        assert_eq!(stop_words.len(), 6);
        let mut found: Vec<_> = words[..6].iter().map(|word| stop_words.find(word).unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, [0, 1, 2, 3, 4, 5]);
        for word in ["", "un", "Und", "undu", "selbstverständlicH", "nichts", "是", "\0und"] {
            assert_eq!(stop_words.find(word), None, "{word:?}");
        }
    }
}
