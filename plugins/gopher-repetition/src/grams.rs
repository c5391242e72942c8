//! The n-grams of a document: which occurs most often, and which come again.
//!
//! Every word is hashed once. An n-gram of words that must be the same one by one is known by the numbers of the shorter
//! n-grams it is made of, and so without any collision; only n-grams of repeated (n-1)-grams are looked at. An n-gram
//! whose words count as one text is known by a polynomial hash of that text, a difference of two prefix hashes (Karp &
//! Rabin 1987); only positions whose next 16 bytes occur elsewhere are looked at.

use crate::window::{MIN_WORDS, Windows};
use trainyard_plugin::Span;
use trainyard_text::{Table, Words, offset_in};

/// Base of the polynomial, modulo 2^64: odd, so that it can be divided by.
const BASE: u64 = 0x9e6c_63d0_876a_3f6b;
const POWERS: [u64; 64] = powers(BASE);
const INVERSE_POWERS: [u64; 64] = powers(inverse(BASE));

/// The words of a document and what is needed to compare n-grams of them. Its memory is used again for the next one.
#[derive(Default)]
pub struct Grams {
    words: Vec<Word>,
    windows: Windows,
    table: Table,
    /// For the n-grams looked at last, by position: where the same n-gram occurs first.
    first: Vec<u32>,
    /// By position of a first occurrence: how often the n-gram occurs.
    count: Vec<u32>,
    /// The first occurrence of the most frequent of them.
    top: usize,
}

/// A word and what is before it; the last entry is the end of the text.
#[derive(Clone, Copy)]
struct Word {
    /// Hash of the word.
    hash: u64,
    /// Sum over the words before this one of their hash / BASE^(bytes up to their end), white space left out.
    sum: u64,
    /// BASE^(bytes before this word).
    power: u64,
    /// Bytes of the text before this word, and at its end.
    span: Span,
    /// Characters of the words before this one.
    n_chars: u32,
}

impl Grams {
    /// Takes the words of a document.
    pub fn read(&mut self, text: &str, words: Words) {
        self.words.clear();
        self.windows.clear();
        let mut at = Word { hash: 0, sum: 0, power: 1, span: Span { start: 0, end: 0 }, n_chars: 0 };
        let mut inverse = 1u64;
        for word in words.split(text) {
            let bytes = word.as_bytes();
            let (mut hash, mut n_continued) = (0u64, 0);
            for &byte in bytes {
                // a NUL must count
                hash = hash.wrapping_mul(BASE).wrapping_add(u64::from(byte) + 1);
                n_continued += u32::from(byte & 0xc0 == 0x80);
            }
            let start = offset_in(text, word);
            let span = Span { start: start as u32, end: (start + bytes.len()) as u32 };
            self.windows.push(bytes);
            self.words.push(Word { hash, span, ..at });
            inverse = inverse.wrapping_mul(power(&INVERSE_POWERS, bytes.len()));
            at.power = at.power.wrapping_mul(power(&POWERS, bytes.len()));
            at.sum = at.sum.wrapping_add(hash.wrapping_mul(inverse));
            at.n_chars += bytes.len() as u32 - n_continued;
        }
        self.words.push(at);
    }

    /// Words of the document.
    pub fn n_words(&self) -> usize {
        self.words.len() - 1
    }

    /// Characters of the words from `start` to `end`.
    pub fn chars(&self, start: usize, end: usize) -> usize {
        (self.words[end].n_chars - self.words[start].n_chars) as usize
    }

    /// Bytes of the document from the word `start` to the end of the word before `end`.
    pub fn span(&self, start: usize, end: usize) -> Span {
        Span { start: self.words[start].span.start, end: self.words[end - 1].span.end }
    }

    /// Position and number of the n-gram that occurs most often, the first of them if several do; none when there are
    /// less than `n` words. To be asked for `n` = 2, 3, 4, ... in this order.
    pub fn top(&mut self, n: usize) -> Option<(usize, u32)> {
        if self.n_words() < n {
            return None;
        }
        if n == 2 {
            self.group_pairs()
        } else {
            self.group_longer(n)
        }
        let mut top = (0, 1);
        for (position, &count) in self.count.iter().enumerate() {
            if count > top.1 {
                top = (position, count);
            }
        }
        self.top = top.0;
        Some(top)
    }

    /// Where the n-gram that [`Grams::top`] found last occurs.
    pub fn occurrences(&self) -> impl Iterator<Item = usize> {
        (0..self.first.len()).filter(|&i| self.first[i] as usize == self.top)
    }

    fn group_pairs(&mut self) {
        let n_grams = self.n_words() - 1;
        self.table.clear(n_grams);
        self.first.clear();
        self.count.clear();
        self.count.resize(n_grams, 1);
        for i in 0..n_grams {
            // multiplied unequally, or a pair would be its own reverse
            let key = self.words[i].hash.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ self.words[i + 1].hash.rotate_left(32);
            let first = known(&mut self.table, key, i);
            self.first.push(first);
            self.count[first as usize] += u32::from((first as usize) < i);
        }
    }

    /// From groups of (n-1)-grams to groups of n-grams.
    fn group_longer(&mut self, n: usize) {
        let n_grams = self.n_words() + 1 - n;
        let is_repeated = |i: usize| self.count[self.first[i] as usize] > 1;
        let repeated: Vec<usize> = (0..n_grams).filter(|&i| is_repeated(i) && is_repeated(i + 1)).collect();
        let keys: Vec<u64> =
            repeated.iter().map(|&i| u64::from(self.first[i]) << 32 | u64::from(self.first[i + 1])).collect();
        self.table.clear(repeated.len());
        self.first.clear();
        self.first.extend(0..n_grams as u32);
        self.count.clear();
        self.count.resize(n_grams, 1);
        for (i, key) in repeated.into_iter().zip(keys) {
            let first = known(&mut self.table, key, i);
            self.first[i] = first;
            self.count[first as usize] += u32::from((first as usize) < i);
        }
    }

    /// Positions and characters of the n-grams that occurred before, from left to right; the search goes on behind a repeated n-gram,
    /// whose words begin no other. Two n-grams are the same when their words written without spaces are. For `n` of 5
    /// and more.
    pub fn repeats(&mut self, n: usize) -> impl Iterator<Item = (usize, usize)> {
        debug_assert!(n >= MIN_WORDS, "the sieve drops shorter n-grams");
        let Self { words, windows, table, .. } = self;
        let repeated = windows.repeated();
        table.clear(repeated.len());
        let n_words = words.len() - 1;
        let mut next = 0;
        let positions = repeated.iter().map(|&position| position as usize);
        positions.take_while(move |&i| i + n <= n_words).filter_map(move |i| {
            if i < next {
                return None;
            }
            let end = words[i + n];
            let hash = end.sum.wrapping_sub(words[i].sum).wrapping_mul(end.power);
            let is_new = table.insert(hash);
            next = if is_new { i + 1 } else { i + n };
            (!is_new).then(|| (i, (end.n_chars - words[i].n_chars) as usize))
        })
    }
}

/// The position at which a key was first seen; `position` when it is new.
#[inline]
fn known(table: &mut Table, key: u64, position: usize) -> u32 {
    let value = table.value(key);
    if *value == 0 {
        *value = position as u32 + 1;
    }
    *value - 1
}

const fn powers(base: u64) -> [u64; 64] {
    let mut powers = [1u64; 64];
    let mut i = 1;
    while i < 64 {
        powers[i] = powers[i - 1].wrapping_mul(base);
        i += 1;
    }
    powers
}

/// The inverse of an odd number modulo 2^64, by Newton's method.
const fn inverse(odd: u64) -> u64 {
    let mut inverse = odd;
    let mut i = 0;
    while i < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        i += 1;
    }
    inverse
}

#[inline]
fn power(powers: &[u64; 64], exponent: usize) -> u64 {
    match powers.get(exponent) {
        Some(&power) => power,
        None => powers[1].wrapping_pow(exponent as u32),
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
        assert_eq!((text.top(2), text.chars(0, 5), text.span(1, 4)), (Some((0, 1)), 7, Span { start: 3, end: 9 }));
        assert_eq!(grams("a b").top(3), None);
        assert_eq!(grams("").top(2), None);
    }

    #[test]
    fn repeats_do_not_overlap() {
        let repeats = |text: &str, n| grams(text).repeats(n).map(|(i, _)| i).collect::<Vec<_>>();
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
                assert_eq!(grams.repeats(n).map(|(i, _)| i).collect::<Vec<_>>(), expected, "{n} {text:?}");
            }
        }
    }
}
