//! Private marks around what the assistant generated: they are printed with it, and taken out of the text afterwards.

use minijinja::Value;
use minijinja::value::ValueKind;
use std::ops::Range;
use trainyard_base::{Error, Result};

/// The first of the characters that marks are chosen from, in the last plane for private use.
const FIRST: u32 = 0x10_FF80;
/// How many there are; the two after them are no characters.
const COUNT: u32 = 126;

/// The characters that a text has of those that marks are chosen from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used(u128);

impl Used {
    /// Adds the characters of a text.
    pub fn text(&mut self, text: &str) {
        // the first byte of every character of the two last planes
        if text.as_bytes().contains(&0xF4) {
            let offsets = text.chars().filter_map(|char| u32::from(char).checked_sub(FIRST));
            offsets.filter(|offset| *offset < COUNT).for_each(|offset| self.0 |= 1 << offset);
        }
    }

    /// Adds the characters of all texts in a value.
    pub fn value(&mut self, value: &Value) {
        if let Some(text) = value.as_str() {
            self.text(text);
        } else if let Ok(items) = value.try_iter() {
            let is_map = value.kind() == ValueKind::Map;
            for item in items {
                if is_map && let Ok(inner) = value.get_item(&item) {
                    self.value(&inner);
                }
                self.value(&item);
            }
        }
    }
}

/// Two characters that nothing else in a text is: they stand before and behind what was generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    pub open: char,
    pub close: char,
}

impl Marks {
    /// Chooses marks that are not used.
    ///
    /// # Errors
    /// All are used but one.
    pub fn unlike(used: Used) -> Result<Self> {
        let mut free = (0..COUNT).filter(|offset| used.0 >> offset & 1 == 0).filter_map(|n| char::from_u32(FIRST + n));
        match (free.next(), free.next()) {
            (Some(open), Some(close)) => Ok(Self { open, close }),
            _ => Err(Error::run(
                "conversation: expected a text with few characters for private use, got all of U+10FF80 to U+10FFFD; \
                 remove some",
            )),
        }
    }

    /// Takes the marks out of a text; returns it with the ranges between them, in the order of their starts.
    ///
    /// # Errors
    /// The template printed a mark itself, which only one that computes characters can do.
    pub fn taken_out(self, text: &str) -> Result<(String, Vec<Range<usize>>)> {
        let mut plain = String::with_capacity(text.len());
        let (mut ranges, mut open): (Vec<Range<usize>>, Vec<usize>) = (Vec::new(), Vec::new());
        let wrong = || Error::run("chat template: a {% generation %} block is cut in two, so its text cannot be told");
        let mut rest = text;
        while let Some(at) = rest.find([self.open, self.close]) {
            let mark = rest[at..].chars().next().unwrap_or(self.open);
            plain.push_str(&rest[..at]);
            rest = &rest[at + mark.len_utf8()..];
            if mark == self.open {
                open.push(ranges.len());
                ranges.push(plain.len()..plain.len());
            } else {
                let index = open.pop().ok_or_else(wrong)?;
                ranges[index].end = plain.len();
            }
        }
        plain.push_str(rest);
        if open.is_empty() { Ok((plain, ranges)) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_characters_that_the_text_has_not() {
        let mut used = Used::default();
        used.text("a\u{10FF80}\u{10FF82}\u{F4000}ü");
        used.value(&Value::from_pairs([("\u{10FF81}", Value::from(vec!["\u{10FF84}"]))]));
        let marks = Marks::unlike(used).expect("marks");
        assert_eq!(marks, Marks { open: '\u{10FF83}', close: '\u{10FF85}' });
        (0..125).for_each(|n| used.text(&char::from_u32(FIRST + n).expect("a character").to_string()));
        assert!(Marks::unlike(used).is_err());
    }

    #[test]
    fn ranges_are_between_marks() {
        let marks = Marks { open: '(', close: ')' };
        assert_eq!(
            marks.taken_out("ü(bc)d()e(f(g)h)").expect("pairs"),
            ("übcdefgh".to_owned(), vec![2..4, 5..5, 6..9, 7..8])
        );
        assert_eq!(marks.taken_out("abc").expect("nothing"), ("abc".to_owned(), Vec::new()));
        for wrong in [")", "(", ")(", "())"] {
            assert!(marks.taken_out(wrong).is_err(), "{wrong}");
        }
    }
}
