//! The words, and where they are in a text.

use std::collections::HashMap;
use trainyard_plugin::{PluginError, Result};

/// Words in lower case, found by their first two bytes.
#[derive(Debug)]
pub struct BadWords {
    /// Whether a word may be part of another.
    is_anywhere: bool,
    /// Whether all words are ASCII.
    pub is_ascii: bool,
    /// A bit for each two bytes with which a word begins; a word of one byte has all bits with that byte.
    begins: Vec<u64>,
    /// Words by their first byte, the longest first.
    words: HashMap<u8, Vec<BadWord>>,
}

#[derive(Debug)]
struct BadWord {
    text: String,
    /// Longer texts in which it is harmless, with the byte at which it begins there.
    harmless: Vec<(String, usize)>,
}

impl BadWords {
    /// Makes a list of words, and of texts in which they are harmless.
    ///
    /// # Errors
    /// An empty list, or an empty word or text.
    pub fn new(list: &[String], allow: &[String], is_anywhere: bool) -> Result<Self> {
        if let Some(word) = list.iter().chain(allow).find(|word| word.trim().is_empty()) {
            return Err(PluginError::config(format!("list, allow: expected words, got {word:?}")));
        }
        if list.is_empty() {
            return Err(PluginError::config("list: expected one or more words, got none"));
        }
        let allow: Vec<_> = allow.iter().map(|text| text.trim().to_lowercase()).collect();
        let is_ascii = list.iter().all(|word| word.is_ascii());
        let mut words = Self { is_anywhere, is_ascii, begins: vec![0; (1 << 16) / 64], words: HashMap::new() };
        for word in list {
            let text = word.trim().to_lowercase();
            if allow.contains(&text) {
                continue;
            }
            let within = |longer: &String| {
                let places: Vec<_> = longer.match_indices(&text).map(|(at, _)| (longer.clone(), at)).collect();
                places
            };
            let harmless = allow.iter().flat_map(within).collect();
            words.add(BadWord { text, harmless });
        }
        for words in words.words.values_mut() {
            words.sort_by(|a, b| b.text.len().cmp(&a.text.len()).then_with(|| a.text.cmp(&b.text)));
        }
        Ok(words)
    }

    fn add(&mut self, word: BadWord) {
        let bytes = word.text.as_bytes();
        let first = bytes[0];
        for second in 0..=u8::MAX {
            if bytes.get(1).is_none_or(|&known| known == second) {
                let bit = two(first, second);
                self.begins[bit / 64] |= 1 << (bit % 64);
            }
        }
        self.words.entry(first).or_default().push(word);
    }

    /// Tells the first byte and the end of each word in a text in lower case, from left to right and not overlapping.
    pub fn find(&self, text: &str, mut tell: impl FnMut(usize, usize)) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let bit = two(bytes[at], bytes.get(at + 1).copied().unwrap_or(0));
            let may_begin = self.begins[bit / 64] & (1 << (bit % 64)) != 0 && text.is_char_boundary(at);
            match if may_begin { self.word_at(text, at) } else { None } {
                Some(end) => {
                    tell(at, end);
                    at = end;
                }
                None => at += 1,
            }
        }
    }

    /// Returns the end of the longest word that begins here.
    fn word_at(&self, text: &str, at: usize) -> Option<usize> {
        if !self.is_anywhere && text[..at].chars().next_back().is_some_and(is_word) {
            return None;
        }
        let words = self.words.get(&text.as_bytes()[at])?;
        let found = words.iter().find(|word| {
            let Some(behind) = text[at..].strip_prefix(word.text.as_str()) else { return false };
            let is_whole = self.is_anywhere || !behind.chars().next().is_some_and(is_word);
            is_whole && !word.harmless.iter().any(|(longer, offset)| begins(text, at, *offset, longer))
        });
        found.map(|word| at + word.text.len())
    }
}

/// Whether `longer` is in a text `offset` bytes before `at`.
fn begins(text: &str, at: usize, offset: usize, longer: &str) -> bool {
    at.checked_sub(offset).is_some_and(|start| text.as_bytes()[start..].starts_with(longer.as_bytes()))
}

fn two(first: u8, second: u8) -> usize {
    usize::from(first) << 8 | usize::from(second)
}

/// Whether Python's `\w` matches a character.
fn is_word(char: char) -> bool {
    char == '_' || char.is_alphanumeric()
}
