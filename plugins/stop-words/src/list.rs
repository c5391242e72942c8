//! A list of stop words, and where they are in a text.

use trainyard_plugin::{PluginError, Result};
use trainyard_text::chars::is_han;
use trainyard_text::{Words, ngrams, offset_in};

/// A list of stop words.
#[derive(Debug)]
pub struct StopList {
    /// Hashes of the words in lower case with the number of each, at the place of the hash or the next free one.
    slots: Vec<Option<(u64, usize)>>,
    /// Words that begin with a Chinese character, sorted, with their numbers: they are searched for in the text.
    chinese: Vec<(String, usize)>,
    n: usize,
    /// Which words were found, by number; the memory is reused.
    seen: Vec<bool>,
    /// A word in lower case.
    lower: String,
}

/// How many words of a document are stop words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// All words; each Chinese character is one.
    pub n_words: usize,
    /// Words that are, or belong to, stop words.
    pub n_stop_words: usize,
    /// Distinct stop words.
    pub n_distinct: usize,
}

impl StopList {
    /// Makes a list of words. Every word is one of UAX-29, or begins with a Chinese character.
    ///
    /// # Errors
    /// No word, or an entry that is more than one word.
    pub fn new<'a>(words: impl Iterator<Item = &'a str>) -> Result<Self> {
        let words: Vec<_> = words.collect();
        // far more than words: most others meet an empty one
        let slots = vec![None; (16 * words.len()).next_power_of_two()];
        let seen = vec![false; words.len()];
        let mut list = Self { slots, chinese: Vec::new(), n: 0, seen, lower: String::new() };
        for word in words {
            if word.starts_with(is_han) {
                list.chinese.push((word.into(), list.n));
            } else if Words::Unicode.words(word).eq([word]) {
                let hash = ngrams::hash(&word.to_lowercase());
                let slot = list.slot(hash);
                list.slots[slot] = Some((hash, list.n));
            } else {
                return Err(PluginError::config(format!("list: expected single words, got {word:?}")));
            }
            list.n += 1;
        }
        if list.n == 0 {
            return Err(PluginError::config("list: expected one or more words, got none"));
        }
        list.chinese.sort_unstable();
        Ok(list)
    }

    /// Returns the number of words.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Counts the words of a text.
    pub fn count(&mut self, text: &str) -> Found {
        let mut seen = std::mem::take(&mut self.seen);
        seen.fill(false);
        let mut found = Found::default();
        found.n_words = self.find(text, |start, length, number| {
            found.n_stop_words += match text[start..].starts_with(is_han) {
                true => text[start..start + length].chars().count(),
                false => 1,
            };
            found.n_distinct += usize::from(!std::mem::replace(&mut seen[number], true));
        });
        self.seen = seen;
        found
    }

    /// Passes on the first byte, the length in bytes and the number in the list of each stop word; returns the number
    /// of words.
    pub fn find(&mut self, text: &str, mut tell: impl FnMut(usize, usize, usize)) -> usize {
        let (mut n_words, mut from) = (0, 0);
        for word in Words::Unicode.words(text) {
            n_words += 1;
            let start = offset_in(text, word);
            if start < from {
                // a character of the stop word before
                continue;
            }
            if !self.chinese.is_empty() && word.starts_with(is_han) {
                if let Some((length, number)) = self.chinese_at(&text[start..]) {
                    from = start + length;
                    tell(start, length, number);
                }
            } else if let Some(number) = self.number_of(word) {
                tell(start, word.len(), number);
            }
        }
        n_words
    }

    fn number_of(&mut self, word: &str) -> Option<usize> {
        let hash = if word.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
            ngrams::hash(word)
        } else {
            self.lower.clear();
            self.lower.extend(word.chars().flat_map(char::to_lowercase));
            ngrams::hash(&self.lower)
        };
        self.slots[self.slot(hash)].map(|(_, number)| number)
    }

    /// Returns the slot of a hash, or the free one in which it belongs.
    fn slot(&self, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut i = hash as usize & mask;
        while self.slots[i].is_some_and(|(known, _)| known != hash) {
            i = (i + 1) & mask;
        }
        i
    }

    /// Returns the bytes and number of the longest Chinese stop word with which a text begins.
    fn chinese_at(&self, text: &str) -> Option<(usize, usize)> {
        let first = text.chars().next()?;
        let begin = self.chinese.partition_point(|(word, _)| word.chars().next() < Some(first));
        let same = self.chinese[begin..].iter().take_while(|(word, _)| word.starts_with(first));
        same.filter(|(word, _)| text.starts_with(word.as_str())).map(|(word, number)| (word.len(), *number)).max()
    }
}
