//! The n-grams of a document: which occurs most often, and which are repeated.
//!
//! Every word is hashed once. An n-gram whose words are compared one by one is identified by the numbers of the shorter
//! n-grams it consists of; only n-grams of repeated (n-1)-grams are examined. An n-gram whose words are compared as one
//! text is identified by a polynomial hash of that text, combined from those of its words (Karp & Rabin 1987); only
//! positions whose next 16 bytes may occur elsewhere are examined.

use crate::sieve::Sieve;
use crate::window::{WIDTH, Windows};
use crate::word::{Word, hash, mix, power, told_apart};
use std::ops::Range;
use trainyard_plugin::Span;
use trainyard_text::bytes::{count_bytes, eight_at};
use trainyard_text::{Table, Words};

/// Least and greatest number of words of the n-grams that are searched for repeats.
const MIN_REPEATED: usize = 5;
const MAX_REPEATED: usize = 10;

/// An odd number whose product with a hash spreads it over the high bits.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// The words of a document, prepared for comparing n-grams. The memory is reused for the next document.
#[derive(Default)]
pub struct Grams {
    /// The words, one behind the other, and [`WIDTH`] zeros.
    joined: Vec<u8>,
    is_ascii: bool,
    words: Vec<Word>,
    windows: Windows,
    table: Table,
    /// What tells pairs of words apart.
    keys: Vec<u64>,
    sieve: Sieve,
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
        let bytes = text.as_bytes();
        if self.joined.len() < bytes.len() + WIDTH {
            self.joined.resize(bytes.len() + WIDTH, 0);
        }
        self.words.clear();
        let mut n_bytes = 0;
        for Range { start, end } in words.bounds(text) {
            let n = end - start;
            // eight bytes; those behind the word are overwritten by the next one
            let first = eight_at(bytes, start);
            self.joined[n_bytes..][..8].copy_from_slice(&first.to_le_bytes());
            if n > 8 {
                self.joined[n_bytes + 8..][..n - 8].copy_from_slice(&bytes[start + 8..end]);
            }
            let hash = told_apart(bytes, start, end, first);
            self.words.push(Word { hash, start: start as u32, n_bytes: n_bytes as u32 });
            n_bytes += n;
        }
        self.joined[n_bytes..][..WIDTH].fill(0);
        self.words.push(Word { hash: 0, start: bytes.len() as u32, n_bytes: n_bytes as u32 });
        self.is_ascii = text.is_ascii();
    }

    fn n_words(&self) -> usize {
        self.words.len() - 1
    }

    /// Returns the characters of `n` words from `start` on.
    pub fn chars(&self, start: usize, n: usize) -> usize {
        let [start, end] = [start, start + n].map(|word| self.words[word].n_bytes as usize);
        let inner = |bytes: &[u8]| count_bytes(bytes, |byte| byte & 0xc0 == 0x80);
        end - start - if self.is_ascii { 0 } else { inner(&self.joined[start..end]) }
    }

    /// Returns the place of `n` words from `start` on in the document.
    pub fn span(&self, start: usize, n: usize) -> Span {
        let last = start + n - 1;
        let n_bytes = self.words[last + 1].n_bytes - self.words[last].n_bytes;
        Span { start: self.words[start].start, end: self.words[last].start + n_bytes }
    }

    /// Returns position and count of the most frequent n-gram, the first one if there are several; none if there are
    /// fewer than `n` words. It must be called for `n` = 2, 3, 4, ... in this order.
    pub fn top(&mut self, n: usize) -> Option<(usize, u32)> {
        if self.n_words() < n {
            return None;
        }
        if n == 2 {
            self.group_pairs();
        } else {
            self.group_longer();
        }
        let mut top = (0, 1);
        let (first, count) = (&self.first, &self.count);
        self.repeated.retain(|&i| {
            let n = count[first[i as usize] as usize];
            // the first of them stands for all
            if n > top.1 && first[i as usize] == i {
                top = (i as usize, n);
            }
            n > 1
        });
        self.top = top.0;
        Some(top)
    }

    /// Returns the places of the n-gram that [`Grams::top`] found last.
    pub fn occurrences(&self) -> impl Iterator<Item = usize> {
        let others = self.repeated.iter().map(|&i| i as usize);
        std::iter::once(self.top).chain(others.filter(|&i| i > self.top && self.first[i] as usize == self.top))
    }

    /// Groups pairs of words that may occur more than once.
    fn group_pairs(&mut self) {
        let n_grams = self.n_words() - 1;
        // turned, or a pair would be its own reverse
        let key = |[first, second]: [&Word; 2]| mix(first.hash ^ second.hash.rotate_left(32)).wrapping_mul(FACTOR);
        self.sieve.clear(n_grams);
        self.keys.clear();
        self.keys.extend(self.words[..=n_grams].windows(2).map(|pair| {
            let key = key([&pair[0], &pair[1]]);
            self.sieve.mark(key);
            key
        }));
        self.repeated.clear();
        self.repeated.extend((0u32..).zip(&self.keys).filter(|(_, key)| self.sieve.is_again(**key)).map(|(i, _)| i));
        // only places of repeated n-grams are read, and they are written before
        for places in [&mut self.first, &mut self.count] {
            places.resize(places.len().max(n_grams), 0);
        }
        self.table.clear(self.repeated.len());
        for &i in &self.repeated {
            let value = self.table.value(self.keys[i as usize]);
            group(value, i, &mut self.first, &mut self.count);
        }
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
        for &i in &self.repeated {
            let [first, second] = [self.first[i as usize], self.first[i as usize + 1]];
            let value = self.table.value(u64::from(first) << 32 | u64::from(second));
            group(value, i, &mut self.first, &mut self.count);
        }
    }

    /// Finds n-grams of 5 to 10 words that occurred before, from left to right. For each length, the search continues
    /// after a repeated n-gram, whose words begin no other. Two n-grams are the same if their words written without
    /// spaces are.
    pub fn find_repeats(&mut self) {
        let n_words = self.n_words();
        let candidates = self.windows.candidates(&self.joined, &self.words, MIN_REPEATED);
        self.repeats.clear();
        let mut next = [0; MAX_REPEATED + 1];
        self.table.clear((MAX_REPEATED + 1 - MIN_REPEATED) * candidates.len());
        for i in candidates.iter().map(|&i| i as usize) {
            let (mut joined, end) = (0u64, (i + MAX_REPEATED).min(n_words));
            for (n, ends) in (1..).zip(self.words[i..=end].windows(2)) {
                let [start, end] = [ends[0].n_bytes as usize, ends[1].n_bytes as usize];
                joined = joined.wrapping_mul(power(end - start)).wrapping_add(hash(&self.joined, start, end));
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

/// Counts the n-gram at position `i` with those that are the same; `value` is the position + 1 of the first of them, 0
/// before there is one.
#[inline]
fn group(value: &mut u32, i: u32, first: &mut [u32], count: &mut [u32]) {
    if *value == 0 {
        *value = i + 1;
        count[i as usize] = 0;
    }
    first[i as usize] = *value - 1;
    count[*value as usize - 1] += 1;
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

    fn repeats_of(grams: &mut Grams, n: usize) -> Vec<usize> {
        grams.find_repeats();
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
        let repeats = |text: &str, n| repeats_of(&mut grams(text), n);
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
                assert_eq!(repeats_of(&mut grams, n), expected, "{n} {text:?}");
            }
        }
    }
}
