//! N-grams of characters and of words, and those that two texts share.

use crate::Settings;
use std::collections::HashMap;
use std::hash::Hash;
use trainyard_text::chars::is_space;

/// The n-grams of one length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// N-grams of texts whose reference has some of that length.
    pub hypothesis: u64,
    /// N-grams of references.
    pub reference: u64,
    /// N-grams of both.
    pub matches: u64,
}

impl Counts {
    /// Returns the sum of both; counts that do not fit stay at the largest number.
    pub fn plus(self, other: Self) -> Self {
        Self {
            hypothesis: self.hypothesis.saturating_add(other.hypothesis),
            reference: self.reference.saturating_add(other.reference),
            matches: self.matches.saturating_add(other.matches),
        }
    }
}

/// Counts the n-grams of a text and its reference, by length: those of characters, then those of words.
pub fn count(hypothesis: &str, reference: &str, settings: &Settings) -> Vec<Counts> {
    let case = |text: &str| if settings.lowercase { text.to_lowercase() } else { text.to_owned() };
    let texts = [case(hypothesis), case(reference)];
    let characters = texts
        .each_ref()
        .map(|text| -> Vec<char> { text.chars().filter(|char| settings.whitespace || !is_space(*char)).collect() });
    let words = texts.each_ref().map(|text| words(text));
    let of_characters = (1..=settings.char_order).map(|n| shared(&characters[0], &characters[1], n as usize));
    let of_words = (1..=settings.word_order).map(|n| shared(&words[0], &words[1], n as usize));
    of_characters.chain(of_words).collect()
}

/// The n-grams of one length of a text and its reference.
fn shared<T: Eq + Hash>(hypothesis: &[T], reference: &[T], n: usize) -> Counts {
    let mut left: HashMap<&[T], u64> = HashMap::new();
    reference.windows(n).for_each(|gram| *left.entry(gram).or_default() += 1);
    let mut matches = 0;
    for gram in hypothesis.windows(n) {
        if let Some(left) = left.get_mut(gram).filter(|left| **left > 0) {
            *left -= 1;
            matches += 1;
        }
    }
    let length = |items: &[T]| (items.len() + 1).saturating_sub(n) as u64;
    let of_reference = length(reference);
    Counts { hypothesis: if of_reference > 0 { length(hypothesis) } else { 0 }, reference: of_reference, matches }
}

/// Words without the ASCII punctuation at their end, or else at their beginning, which is a word of its own: one
/// character of it, as in chrF++.py.
fn words(text: &str) -> Vec<&str> {
    let is_mark = |char: &char| char.is_ascii_punctuation();
    let mut words = Vec::new();
    for word in text.split(is_space).filter(|word| !word.is_empty()) {
        let (first, last) = (word.chars().next(), word.chars().next_back());
        let at = match (first.filter(is_mark), last.filter(is_mark)) {
            _ if word.chars().nth(1).is_none() => word.len(),
            // one byte, as they are ASCII
            (_, Some(_)) => word.len() - 1,
            (Some(_), None) => 1,
            (None, None) => word.len(),
        };
        let (left, right) = word.split_at(at);
        words.extend([left, right].into_iter().filter(|part| !part.is_empty()));
    }
    words
}
