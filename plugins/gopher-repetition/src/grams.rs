//! The n-grams of a document: which occurs most often, and which are repeated.
//!
//! Every word is hashed once. An n-gram whose words are compared one by one is identified by the numbers of the shorter
//! n-grams it consists of; only n-grams of repeated (n-1)-grams are examined. An n-gram whose words are compared as one
//! text is identified by a polynomial hash of that text, combined from those of its words (Karp & Rabin 1987); only
//! positions whose next 16 bytes may occur elsewhere are examined.

use crate::window::Windows;
use crate::word::{Word, hash, mix, power};
use trainyard_plugin::Span;
use trainyard_text::{Table, Words, offset_in};

/// Least and greatest number of words of the n-grams that are searched for repeats.
const MIN_REPEATED: usize = 5;
const MAX_REPEATED: usize = 10;

/// The words of a document, prepared for comparing n-grams. The memory is reused for the next document.
#[derive(Default)]
pub struct Grams {
    hashes: Vec<u64>,
    words: Vec<Word>,
    windows: Windows,
    table: Table,
    /// Positions + 1 of pairs of words, by hash; 0 if there is none.
    pairs: Vec<u32>,
    /// Positions of n-grams, of the last length, that occur more than once, in order.
    repeated: Vec<u32>,
    /// The first occurrence of the same n-gram, by such a position.
    first: Vec<u32>,
    /// How often an n-gram occurs, by the position of its first occurrence.
    count: Vec<u32>,
    /// The first occurrence of the most frequent of them.
    top: usize,
    /// N-grams that occurred before: number of words and position.
    repeats: Vec<(usize, usize)>,
}

impl Grams {
    /// Takes the words of a document.
    pub fn read(&mut self, text: &str, words: Words) {
        self.hashes.clear();
        self.words.clear();
        let (bytes, is_ascii) = (text.as_bytes(), text.is_ascii());
        let (mut n_chars, mut n_bytes) = (0, 0);
        for piece in words.split(text) {
            let start = offset_in(text, piece);
            let end = start + piece.len();
            self.hashes.push(hash(bytes, start, end));
            self.words.push(Word { start: start as u32, end: end as u32, n_chars, n_bytes });
            n_chars += if is_ascii { piece.len() } else { piece.chars().count() } as u32;
            n_bytes += piece.len() as u32;
        }
        self.words.push(Word { start: bytes.len() as u32, end: bytes.len() as u32, n_chars, n_bytes });
    }

    /// Returns the characters of `n` words from `start` on.
    pub fn chars(&self, start: usize, n: usize) -> usize {
        (self.words[start + n].n_chars - self.words[start].n_chars) as usize
    }

    /// Returns the place of `n` words from `start` on in the document.
    pub fn span(&self, start: usize, n: usize) -> Span {
        Span { start: self.words[start].start, end: self.words[start + n - 1].end }
    }

    /// Returns position and count of the most frequent n-gram, the first one if there are several; none if there are
    /// fewer than `n` words. It must be called for `n` = 2, 3, 4, ... in this order.
    pub fn top(&mut self, n: usize) -> Option<(usize, u32)> {
        if self.hashes.len() < n {
            return None;
        }
        if n == 2 {
            self.group_pairs();
        } else {
            self.group_longer();
        }
        self.repeated.retain(|&i| self.count[self.first[i as usize] as usize] > 1);
        let mut top = (0, 1);
        for i in self.repeated.iter().map(|&i| i as usize) {
            if self.first[i] as usize == i && self.count[i] > top.1 {
                top = (i, self.count[i]);
            }
        }
        self.top = top.0;
        Some(top)
    }

    /// Returns the places of the n-gram that [`Grams::top`] found last.
    pub fn occurrences(&self) -> impl Iterator<Item = usize> {
        let others = self.repeated.iter().map(|&i| i as usize);
        std::iter::once(self.top).chain(others.filter(|&i| i > self.top && self.first[i] as usize == self.top))
    }

    fn group_pairs(&mut self) {
        let n_grams = self.hashes.len() - 1;
        let n_slots = (2 * n_grams).next_power_of_two();
        self.pairs.clear();
        self.pairs.resize(n_slots, 0);
        self.first.clear();
        self.count.clear();
        self.count.resize(n_grams, 1);
        for (i, pair) in self.hashes.windows(2).enumerate() {
            // turned, or a pair would be its own reverse
            let mut slot = (mix(pair[0] ^ pair[1].rotate_left(32)) >> 32) as usize & (n_slots - 1);
            let first = loop {
                match self.pairs[slot] as usize {
                    0 => break i,
                    known if self.hashes[known - 1..].starts_with(pair) => break known - 1,
                    _ => slot = (slot + 1) & (n_slots - 1),
                }
            };
            self.pairs[slot] = first as u32 + 1;
            self.first.push(first as u32);
            self.count[first] += u32::from(first < i);
        }
        self.repeated.clear();
        self.repeated.extend(0..n_grams as u32);
    }

    /// Makes n-grams from repeated (n-1)-grams: two that follow each other make one, identified by their numbers.
    fn group_longer(&mut self) {
        let mut n_pairs = 0;
        for at in 1..self.repeated.len() {
            let i = self.repeated[at - 1];
            if self.repeated[at] == i + 1 {
                self.repeated[n_pairs] = i;
                n_pairs += 1;
            }
        }
        self.repeated.truncate(n_pairs);
        self.table.clear(n_pairs);
        for i in self.repeated.iter().map(|&i| i as usize) {
            let value = self.table.value(u64::from(self.first[i]) << 32 | u64::from(self.first[i + 1]));
            if *value == 0 {
                *value = i as u32 + 1;
                self.count[i] = 0;
            }
            let first = *value - 1;
            self.first[i] = first;
            self.count[first as usize] += 1;
        }
    }

    /// Finds n-grams of 5 to 10 words that occurred before, from left to right. For each length, the search continues
    /// after a repeated n-gram, whose words begin no other. Two n-grams are the same if their words written without
    /// spaces are. `text` is the document that was read.
    pub fn find_repeats(&mut self, text: &str) {
        let n_words = self.hashes.len();
        self.windows.read(text.as_bytes(), &self.words);
        self.repeats.clear();
        let mut next = [0; MAX_REPEATED + 1];
        let candidates: Vec<usize> =
            (0..n_words).filter(|&i| self.windows.may_repeat(&self.words, i, MIN_REPEATED)).collect();
        self.table.clear((MAX_REPEATED + 1 - MIN_REPEATED) * candidates.len());
        for i in candidates {
            let (mut joined, end) = (0u64, (i + MAX_REPEATED).min(n_words));
            for (n, (word, &hash)) in (1..).zip(self.words[i..end].iter().zip(&self.hashes[i..end])) {
                joined = joined.wrapping_mul(power((word.end - word.start) as usize)).wrapping_add(hash);
                if n < MIN_REPEATED || i < next[n] {
                    continue;
                }
                // the lengths have one table
                if !self.table.insert(mix(joined.wrapping_add((n as u64) << 32))) {
                    self.repeats.push((n, i));
                    next[n] = i + n;
                }
            }
        }
    }

    /// Returns the positions of the n-grams that [`Grams::find_repeats`] found.
    pub fn repeats(&self, n: usize) -> impl Iterator<Item = usize> {
        self.repeats.iter().filter(move |repeat| repeat.0 == n).map(|repeat| repeat.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grams(text: &str) -> Grams {
        let mut grams = Grams::default();
        grams.read("other words of a document before this one and one more", Words::Whitespace);
        grams.read(text, Words::Whitespace);
        grams
    }

    fn repeats_of(grams: &mut Grams, text: &str, n: usize) -> Vec<usize> {
        grams.find_repeats(text);
        grams.repeats(n).collect()
    }

    #[test]
    fn top_is_the_first_of_the_most_frequent() {
        let mut text = grams("a b a b c d c d e");
        assert_eq!(text.top(2), Some((0, 2)));
        assert_eq!(text.occurrences().collect::<Vec<_>>(), [0, 2]);
        assert_eq!(text.top(3), Some((0, 1)));
        assert_eq!(text.top(4), Some((0, 1)));
        let mut text = grams("x y a b c d a b c d b a");
        assert_eq!((text.top(2), text.top(3), text.top(4)), (Some((2, 2)), Some((2, 2)), Some((2, 2))));
        assert_eq!(text.occurrences().collect::<Vec<_>>(), [2, 6]);
        let mut text = grams("ab c a bc é");
        assert_eq!((text.top(2), text.chars(0, 5), text.span(1, 3)), (Some((0, 1)), 7, Span { start: 3, end: 9 }));
        assert_eq!(grams("a b").top(3), None);
        assert_eq!(grams("").top(2), None);
    }

    #[test]
    fn repeats_do_not_overlap() {
        let repeats = |text: &str, n| repeats_of(&mut grams(text), text, n);
        assert_eq!(repeats(&"a ".repeat(18), 5), [1, 6, 11]);
        assert_eq!(repeats(&"one two three four five six ".repeat(3)[..70], 6), [6]);
        assert_eq!(repeats(&"one two three four five six ".repeat(3)[..70], 5), [6]);
        // as one text, without spaces
        assert_eq!(repeats("a bc d e fgh ab c d efg h", 5), [5]);
        assert_eq!(repeats("a b c d", 5), [0; 0]);
        assert_eq!(repeats("", 5), [0; 0]);
    }

    #[test]
    fn as_maps_would_find_them() {
        let mut seed = 7u64;
        for round in 0..300 {
            let mut text = String::new();
            for _ in 0..round {
                seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let words = ["a", "aa", "ab", "b", "中文", "considerable", "\0", "aaa", "circumstances"];
                text += words[(seed >> 33) as usize % words.len()];
                text.push(' ');
            }
            let words: Vec<&str> = text.split_whitespace().collect();
            let mut grams = grams(&text);
            for n in 2..5 {
                let mut counts: Vec<(&[&str], u32)> = Vec::new();
                for gram in words.windows(n) {
                    match counts.iter_mut().find(|(known, _)| *known == gram) {
                        Some((_, count)) => *count += 1,
                        None => counts.push((gram, 1)),
                    }
                }
                let most = counts.iter().map(|&(_, count)| count).max();
                let expected = counts.into_iter().find(|&(_, count)| Some(count) == most);
                let top = grams.top(n).map(|(position, count)| (&words[position..position + n], count));
                assert_eq!(top, expected, "{text:?}");
            }
            for n in 5..11 {
                let (mut known, mut expected, mut i) = (Vec::new(), Vec::new(), 0);
                while i + n <= words.len() {
                    let gram = words[i..i + n].concat();
                    if known.contains(&gram) {
                        expected.push(i);
                        i += n;
                    } else {
                        known.push(gram);
                        i += 1;
                    }
                }
                assert_eq!(repeats_of(&mut grams, &text, n), expected, "{n} {text:?}");
            }
        }
    }
}
