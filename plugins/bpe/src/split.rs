//! The split rule of GPT-2 (Radford et al. 2019), as a scanner instead of a regular expression:
//!
//! ```text
//! '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//! ```

use crate::tables::{LETTERS, NUMBERS};

/// The pieces of a text, in order; together they are the text. No token crosses from one into the next.
pub fn pieces(text: &str) -> Pieces<'_> {
    Pieces { rest: text }
}

/// See [`pieces`].
#[derive(Debug, Clone)]
pub struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let first = *self.rest.as_bytes().first()?;
        let (piece, rest) = self.rest.split_at(piece_length(self.rest, first));
        self.rest = rest;
        Some(piece)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Number,
    Space,
    Other,
}

/// Bytes of the piece that `text` begins with; `first` is its first byte.
fn piece_length(text: &str, first: u8) -> usize {
    if first == b'\'' {
        let length = contraction_length(text.as_bytes());
        if length > 0 {
            return length;
        }
    }
    let body = usize::from(first == b' ');
    match class_at(text, body) {
        None | Some((Class::Space, _)) => space_length(text),
        Some((class, length)) => run_end(text, body + length, class),
    }
}

/// Length of `'s`, `'ll` and the like; 0 when the text begins otherwise.
fn contraction_length(bytes: &[u8]) -> usize {
    match bytes {
        [_, b's' | b'd' | b'm' | b't', ..] => 2,
        [_, b'l', b'l', ..] | [_, b'v', b'e', ..] | [_, b'r', b'e', ..] => 3,
        _ => 0,
    }
}

/// Where the characters of `class` that begin at `start` end.
fn run_end(text: &str, start: usize, class: Class) -> usize {
    let mut end = start;
    while let Some((next, length)) = class_at(text, end) {
        if next != class {
            break;
        }
        end += length;
    }
    end
}

/// White space before a word leaves its last character to that word: `\s+(?!\S)` and, when there is only one, `\s+`.
fn space_length(text: &str) -> usize {
    let (mut last, mut end) = (0, 0);
    while let Some((Class::Space, length)) = class_at(text, end) {
        last = end;
        end += length;
    }
    if end == text.len() || last == 0 { end } else { last }
}

/// Class and length in bytes of the character at `at`; none at the end of the text.
#[inline]
fn class_at(text: &str, at: usize) -> Option<(Class, usize)> {
    let byte = *text.as_bytes().get(at)?;
    if byte.is_ascii() {
        return Some((ASCII[byte as usize], 1));
    }
    let char = text[at..].chars().next()?;
    Some((class_of(char), char.len_utf8()))
}

/// The tables are our own, not the standard library's: its version of Unicode changes with the compiler, and then the
/// same text would become other tokens. White space has not changed since Unicode 6.3.
fn class_of(char: char) -> Class {
    let code = u32::from(char);
    if contains(LETTERS, code) {
        Class::Letter
    } else if contains(NUMBERS, code) {
        Class::Number
    } else if char.is_whitespace() {
        Class::Space
    } else {
        Class::Other
    }
}

fn contains(ranges: &[(u32, u32)], code: u32) -> bool {
    let after = ranges.partition_point(|&(first, _)| first <= code);
    after > 0 && code <= ranges[after - 1].1
}

const ASCII: [Class; 128] = {
    let mut classes = [Class::Other; 128];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            b'0'..=b'9' => Class::Number,
            b' ' | 9..=13 => Class::Space,
            _ => Class::Other,
        };
        byte += 1;
    }
    classes
};

#[cfg(test)]
mod tests {
    use super::pieces;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(pieces(text).collect::<Vec<_>>(), expected, "{text:?}");
    }

    #[test]
    fn words_numbers_and_signs() {
        check("", &[]);
        check("Hello, world!  It's 1812.", &["Hello", ",", " world", "!", " ", " It", "'s", " 1812", "."]);
        check("they'll've 'Ll '", &["they", "'ll", "'ve", " '", "Ll", " '"]);
        check("don't--'tis", &["don", "'t", "--'", "tis"]);
        check("a1b2", &["a", "1", "b", "2"]);
    }

    #[test]
    fn white_space() {
        check("a  b", &["a", " ", " b"]);
        check("a \n\n b \n", &["a", " \n\n", " b", " \n"]);
        check("\ta\n b", &["\t", "a", "\n", " b"]);
        check("   ", &["   "]);
        check(" ", &[" "]);
        check("a\u{3000}\u{a0}b\u{2028}", &["a", "\u{3000}", "\u{a0}", "b", "\u{2028}"]);
    }

    #[test]
    fn beyond_ascii() {
        // a combining mark is no letter, a Roman numeral sign is a number, a zero-width joiner is neither
        check("e\u{301}té Ⅷ½ 中文字，四", &["e", "\u{301}", "té", " Ⅷ½", " 中文字", "，", "四"]);
        check("👩\u{200d}👧 ’s", &["👩\u{200d}👧", " ’", "s"]);
        check("\u{0}\u{10ffff}x", &["\u{0}\u{10ffff}", "x"]);
    }
}
