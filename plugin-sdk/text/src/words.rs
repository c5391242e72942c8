//! Splits text into words.

use crate::bounds::{Bounds, is_ascii_space, wide_space};
use crate::chars::{is_han, is_space};
use crate::dictionary;
use crate::lines::offset_in;
use std::iter::FusedIterator;
use std::ops::Range;
use std::str::FromStr;
use unicode_segmentation::{UWordBounds, UnicodeSegmentation};

/// How text is split into words. Every count of words, and so every filter's verdicts, depend on this choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Words {
    /// `whitespace`: text between white space, like Python's `str.split`. Punctuation stays with the words: "the," is
    /// not "the". For languages with spaces; Chinese text is one word up to the next space.
    #[default]
    Whitespace,
    /// `unicode`: words by Unicode's rules (UAX-29), for languages with spaces. Text between white space is split
    /// further: each punctuation mark is a piece of its own, as in spaCy, and so is each character of scripts without
    /// spaces: Chinese, hiragana, Thai, Lao, Khmer, Burmese.
    Unicode,
    /// `dictionary`: as [`Words::Unicode`], but Chinese, Japanese, Thai, Lao, Khmer and Burmese text is split into
    /// words by the dictionaries of ICU4X. Their tables take 3 MB, and are not included in sandboxed plugins.
    Dictionary,
    /// `zh`: each Chinese character is a word, all other text is split as by [`Words::Unicode`]. UAX-29 without a
    /// dictionary already does this, so both split alike; the name says that characters are meant.
    Zh,
}

impl FromStr for Words {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "whitespace" => Ok(Self::Whitespace),
            "unicode" => Ok(Self::Unicode),
            "zh" => Ok(Self::Zh),
            "dictionary" if dictionary::IS_HERE => Ok(Self::Dictionary),
            "dictionary" => {
                let why = "\"dictionary\" is not in this plugin's sandboxed form, its tables would take 3 MB";
                Err(format!("{why}: use the built-in or the native form"))
            }
            _ => Err(format!("expected \"whitespace\", \"unicode\", \"dictionary\" or \"zh\", got {name:?}")),
        }
    }
}

impl Words {
    /// Returns the pieces of `text` in order, without white space. Punctuation is kept, as in datatrove's word
    /// tokenizers: with the words (`Whitespace`) or as separate pieces (the others).
    pub fn split(self, text: &str) -> Split<'_> {
        let by_dictionary = self == Self::Dictionary;
        let bounds = (self == Self::Whitespace).then(|| Bounds::new(text));
        Split { bounds, by_dictionary, text, rest: text, cut: None, words: Vec::new() }
    }

    /// Returns the places of the pieces of [`Words::split`] in `text`.
    pub fn bounds(self, text: &str) -> impl Iterator<Item = Range<usize>> {
        let mut split = self.split(text);
        std::iter::from_fn(move || split.next_bounds())
    }

    /// Counts the pieces of [`Words::split`].
    pub fn count(self, text: &str) -> usize {
        match self {
            Self::Whitespace => Bounds::new(text).count_starts(usize::MAX),
            _ => self.split(text).count(),
        }
    }

    /// Says whether [`Words::split`] has at least `n` pieces.
    pub fn are_at_least(self, n: usize, text: &str) -> bool {
        match self {
            Self::Whitespace => Bounds::new(text).count_starts(n) >= n,
            _ => self.split(text).take(n).count() >= n,
        }
    }

    /// Returns the pieces of [`Words::split`] that contain a letter or a digit.
    pub fn words(self, text: &str) -> impl Iterator<Item = &str> {
        self.split(text).filter(|word| {
            let first = word.as_bytes()[0];
            first.is_ascii_alphanumeric() || word.chars().any(char::is_alphanumeric)
        })
    }
}

/// Iterator of [`Words::split`]. No piece is empty.
pub struct Split<'a> {
    /// The words between white space, if text is split by nothing else.
    bounds: Option<Bounds<'a>>,
    by_dictionary: bool,
    text: &'a str,
    /// Text that is not yet split by something else.
    rest: &'a str,
    /// Text that is being split by the complete UAX-29.
    cut: Option<UWordBounds<'a>>,
    /// Pieces from a dictionary, the last one first.
    words: Vec<&'a str>,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        match &mut self.bounds {
            Some(bounds) => bounds.next().map(|word| &self.text[word]),
            None => self.next_by_unicode(),
        }
    }
}

impl FusedIterator for Split<'_> {}

impl<'a> Split<'a> {
    /// As `next`, the place in the text.
    #[inline]
    fn next_bounds(&mut self) -> Option<Range<usize>> {
        if let Some(bounds) = &mut self.bounds {
            return bounds.next();
        }
        let piece = self.next_by_unicode()?;
        let start = offset_in(self.text, piece);
        Some(start..start + piece.len())
    }

    fn next_by_unicode(&mut self) -> Option<&'a str> {
        loop {
            if let Some(word) = self.words.pop() {
                return Some(word);
            }
            if let Some(cut) = &mut self.cut {
                match cut.next() {
                    Some(piece) => return Some(piece),
                    None => self.cut = None,
                }
            }
            self.rest = &self.rest[space_end(self.rest)..];
            if self.by_dictionary {
                let (run, rest) = self.rest.split_at(dictionary::run_end(self.rest));
                if !run.is_empty() {
                    self.words = dictionary::words(run);
                    self.rest = rest;
                    continue;
                }
            }
            if let Some(end) = simple_end(self.rest) {
                let (piece, rest) = self.rest.split_at(end);
                self.rest = rest;
                return Some(piece);
            }
            if self.rest.is_empty() {
                return None;
            }
            // marks and scripts of which UAX-29 knows more: by its tables, to the next space
            let mut end = space_start(self.rest.as_bytes());
            if self.by_dictionary {
                end = dictionary::next_run(&self.rest[..end]);
            }
            let (chunk, rest) = self.rest.split_at(end);
            self.cut = Some(chunk.split_word_bounds());
            self.rest = rest;
        }
    }
}

/// Returns the end of the first word if it is a Chinese character, or ASCII, and nothing after it can belong to it;
/// none if UAX-29 must decide. UAX-29 splits off the same piece, wherever it is.
#[inline]
fn simple_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let first = *bytes.first()?;
    let end = if !first.is_ascii() {
        let char = text.chars().next().filter(|&char| is_han(char))?;
        char.len_utf8()
    } else if is_wordlike(first) {
        ascii_word_end(bytes)
    } else {
        1
    };
    let is_mark = |byte: &u8| matches!(byte, b':' | b'.' | b'\'' | b',' | b';');
    // a mark may join what is before it to what follows it
    let n_looked_at = if is_wordlike(first) && bytes.get(end).is_some_and(is_mark) { 2 } else { 1 };
    let mut after = text[end..].chars().take(n_looked_at);
    // neither ASCII nor Chinese characters join or change what is before them
    after.all(|char| char.is_ascii() || is_han(char) || is_space(char)).then_some(end)
}

/// Whether a byte is a letter, a digit or `_`.
fn is_wordlike(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Applies UAX-29 in ASCII: a word extends over letters, digits and `_`, over one of `: . '` between letters, and over
/// one of `, ; . '` between digits.
#[inline]
fn ascii_word_end(bytes: &[u8]) -> usize {
    let mut i = 0;
    loop {
        while bytes.get(i).copied().is_some_and(is_wordlike) {
            i += 1;
        }
        let joins = match (bytes.get(i), bytes.get(i + 1)) {
            (Some(b':' | b'.' | b'\''), Some(next)) if bytes[i - 1].is_ascii_alphabetic() => next.is_ascii_alphabetic(),
            (Some(b',' | b';' | b'.' | b'\''), Some(next)) if bytes[i - 1].is_ascii_digit() => next.is_ascii_digit(),
            _ => false,
        };
        if !joins {
            return i;
        }
        i += 1;
    }
}

/// Returns the end of the white space at the start of a text.
#[inline]
fn space_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut i = 0;
    while let Some(&byte) = bytes.get(i) {
        if is_ascii_space(byte) {
            i += 1;
        } else if byte.is_ascii() {
            break;
        } else {
            match text[i..].chars().next() {
                Some(char) if is_space(char) => i += char.len_utf8(),
                _ => break,
            }
        }
    }
    i
}

/// Returns the place of the first white space.
#[inline]
fn space_start(bytes: &[u8]) -> usize {
    let mut i = 0;
    loop {
        i += plain_prefix(&bytes[i..]);
        match bytes.get(i) {
            Some(&byte) if is_ascii_space(byte) || (!byte.is_ascii() && wide_space(&bytes[i..]) > 0) => return i,
            Some(_) => i += 1,
            None => return i,
        }
    }
}

/// Counts how many of the first bytes are ASCII above the space, eight at a time: few words are longer, and guessing
/// the length of each would cost more than finding it.
#[inline]
fn plain_prefix(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut n = 0;
    while let Some(eight) = bytes[n..].first_chunk() {
        let eight = u64::from_le_bytes(*eight);
        // 0x80 in every byte that is above 0x20, or would be without its high bit
        let above = (eight & (0x7f * ONES)) + (0x5f * ONES);
        let others = (!above | eight) & (0x80 * ONES);
        if others != 0 {
            return n + others.trailing_zeros() as usize / 8;
        }
        n += 8;
    }
    n + bytes[n..].iter().take_while(|byte| (0x21..0x80).contains(*byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(words: Words, text: &str) -> Vec<&str> {
        words.split(text).collect()
    }

    #[test]
    fn whitespace() {
        let text = " to\u{3000}be, THE …\n42\u{1c}中文。 e\u{301}\u{a0}-- \u{85}a\u{2028}b\u{1680}c\u{205f}d\u{200b}e";
        let expected = ["to", "be,", "THE", "…", "42", "中文。", "e\u{301}", "--", "a", "b", "c", "d\u{200b}e"];
        assert_eq!(split(Words::Whitespace, text), expected);
        for char in (0..=0x10ffff).filter_map(char::from_u32) {
            let text = format!("a{char}b");
            let expected = if is_space(char) { vec!["a", "b"] } else { vec![text.as_str()] };
            assert_eq!(split(Words::Whitespace, &text), expected, "{char:?}");
        }
    }

    #[test]
    fn unicode() {
        let text = "I'm 3.14, e.g. a_b; 1,000: a:b 'x' e\u{301} naïve 中文字，ok カタカナ 👩‍👩‍👧 한국";
        let expected = [
            "I'm",
            "3.14",
            ",",
            "e.g",
            ".",
            "a_b",
            ";",
            "1,000",
            ":",
            "a:b",
            "'",
            "x",
            "'",
            "e\u{301}",
            "naïve",
            "中",
            "文",
            "字",
            "，",
            "ok",
            "カタカナ",
            "👩‍👩‍👧",
            "한국",
        ];
        assert_eq!(split(Words::Unicode, text), expected);
        assert_eq!(split(Words::Zh, text), expected);
        let n_words = Words::Unicode.words(text).count();
        assert_eq!(n_words, expected.len() - 8);
    }

    /// Compares the fast paths with UAX-29 on 200 000 short texts of the characters that matter.
    #[test]
    fn unicode_is_uax_29() {
        let alphabet: Vec<char> =
            "ab1_':.,;\" \n\r\u{301}\u{200d}é中文カ한ひא。\u{fe00}\u{3000}\u{ad}¼%\0".chars().collect();
        let mut seed = 1u64;
        for _ in 0..200_000 {
            let mut text = String::new();
            for _ in 0..8 {
                seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                text.push(alphabet[(seed >> 33) as usize % alphabet.len()]);
            }
            let expected: Vec<_> = text.split(is_space).flat_map(str::split_word_bounds).collect();
            assert_eq!(split(Words::Unicode, &text), expected, "{text:?}");
        }
    }

    #[test]
    fn counts() {
        let texts = ["", " ", "a", " a", "a ", " a  bc\n\x1cd", "\x1b\x1f\x08 \t\x0e", "é a\u{a0}b", "one two. three"];
        for text in texts {
            for words in [Words::Whitespace, Words::Unicode] {
                let n = split(words, text).len();
                assert_eq!(words.count(text), n, "{text:?}");
                assert!(words.are_at_least(n, text) && !words.are_at_least(n + 1, text), "{text:?}");
            }
        }
    }

    #[test]
    fn blank() {
        for text in ["", " ", "\r\n\u{2028}\u{1f}", "\u{3000}"] {
            for words in [Words::Whitespace, Words::Unicode] {
                assert_eq!(split(words, text), [""; 0]);
            }
        }
    }

    #[test]
    fn names() {
        assert_eq!("zh".parse(), Ok(Words::Zh));
        assert_eq!("dictionary".parse(), Ok(Words::Dictionary));
        let error = "spacy".parse::<Words>().unwrap_err();
        assert_eq!(error, "expected \"whitespace\", \"unicode\", \"dictionary\" or \"zh\", got \"spacy\"");
    }
}
