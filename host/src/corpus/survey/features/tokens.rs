//! Text to terms.

use super::Tokens;
use murmur3::murmur3_32;
use std::ops::RangeInclusive;
use trainyard_text::chars::is_letter;
use trainyard_text::{Words, ngrams};

/// Cuts texts into terms: words, or n-grams of words with a space between them.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    tokens: Tokens,
    lowercase: bool,
    ngrams: RangeInclusive<usize>,
    lowered: String,
    hashes: Vec<u64>,
}

impl Terms {
    pub fn new(tokens: Tokens, lowercase: bool, ngrams: RangeInclusive<usize>) -> Self {
        Self { tokens, lowercase, ngrams, lowered: String::new(), hashes: Vec::new() }
    }

    /// Puts a text's terms into `terms`: for each its hash and the bytes of the text, in `text`, that it spans. All
    /// n-grams of a length, then those of the next.
    pub fn cut(&mut self, text: &str, terms: &mut Vec<Term>) -> Cut<'_> {
        self.lowered.clear();
        if !self.lowercase {
            self.lowered.push_str(text);
        } else if text.is_ascii() {
            self.lowered.push_str(text);
            self.lowered.make_ascii_lowercase();
        } else {
            self.lowered = text.to_lowercase();
        }
        let text = self.lowered.as_str();
        let mut words: Vec<&str> = Vec::with_capacity(text.len() / 5);
        match self.tokens {
            Tokens::Pattern => words.extend(Pattern(text)),
            Tokens::Words(splitter) => words.extend(splitter.words(text)),
        }
        self.hashes.clear();
        self.hashes.extend(words.iter().map(|word| ngrams::hash(word)));
        terms.clear();
        for n in self.ngrams.clone() {
            let grams = self.hashes.windows(n).enumerate();
            terms.extend(grams.map(|(first, hashes)| Term {
                hash: ngrams::combine(hashes),
                first: first as u32,
                n: n as u32,
            }));
        }
        Cut(words)
    }
}

/// A term's hash and place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term {
    pub hash: u64,
    first: u32,
    n: u32,
}

/// The words of a text.
pub(super) struct Cut<'a>(Vec<&'a str>);

impl Cut<'_> {
    /// Appends the text of a term.
    pub fn write(&self, term: Term, out: &mut String) {
        let words = &self.0[term.first as usize..][..term.n as usize];
        for (i, word) in words.iter().enumerate() {
            if i > 0 {
                out.push(' ');
            }
            out.push_str(word);
        }
    }
}

/// scikit-learn's default, `(?u)\b\w\w+\b`: two or more letters, digits or `_` in a row, as Python has them.
struct Pattern<'a>(&'a str);

impl<'a> Iterator for Pattern<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        loop {
            let start = self.0.find(is_word_char)?;
            let rest = &self.0[start..];
            let end = word_end(rest);
            self.0 = &rest[end..];
            let word = &rest[..end];
            if word.chars().nth(1).is_some() {
                return Some(word);
            }
        }
    }
}

fn is_word_char(char: char) -> bool {
    if char.is_ascii() { char.is_ascii_alphanumeric() || char == '_' } else { is_letter(char) || char.is_numeric() }
}

/// Where the characters of a word end.
#[inline]
fn word_end(text: &str) -> usize {
    let is_ascii_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let n_ascii = text.as_bytes().iter().take_while(|byte| is_ascii_word(byte)).count();
    match text.as_bytes().get(n_ascii) {
        Some(byte) if !byte.is_ascii() => {
            text[n_ascii..].find(|char| !is_word_char(char)).map_or(text.len(), |end| n_ascii + end)
        }
        _ => n_ascii,
    }
}

/// The column and sign of a term in a hashed matrix of `n` columns: murmur3, 32 bits, seed 0, read as a signed number
/// whose size gives the column (Weinberger et al. 2009, arXiv 0902.2206), as scikit-learn's `FeatureHasher`.
pub(super) fn column(term: &str, n: u32) -> (u32, i32) {
    // a slice in memory can always be read
    let hash = murmur3_32(&mut term.as_bytes(), 0).unwrap_or_default() as i32;
    // |−2³¹| − n·k, as scikit-learn computes it without overflow, is the same modulo n
    (hash.unsigned_abs() % n, if hash < 0 { -1 } else { 1 })
}

impl std::str::FromStr for Tokens {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "pattern" => Ok(Self::Pattern),
            _ => name.parse::<Words>().map(Self::Words).map_err(|error| format!("{error}, or \"pattern\"")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_of_scikit_learn() {
        let text = "I'm a_b x 42, e\u{301}té naïve 中文字 ①② z9 ⓐⓑ _ __";
        let words: Vec<_> = Pattern(text).collect();
        assert_eq!(words, ["a_b", "42", "té", "naïve", "中文字", "①②", "z9", "__"]);
        assert_eq!(Pattern("").count() + Pattern("… \0").count(), 0);
    }

    #[test]
    fn ngrams_have_spaces() {
        let mut terms = Terms::new(Tokens::Pattern, true, 1..=2);
        let mut found = Vec::new();
        let cut = terms.cut("The CAT the cat", &mut found);
        let text = |term: &Term| {
            let mut text = String::new();
            cut.write(*term, &mut text);
            text
        };
        let texts: Vec<_> = found.iter().map(text).collect();
        assert_eq!(texts, ["the", "cat", "the", "cat", "the cat", "cat the", "the cat"]);
        assert_eq!((found[0].hash == found[2].hash, found[4].hash == found[6].hash), (true, true));
        assert_ne!(found[4].hash, found[5].hash);
    }
}
