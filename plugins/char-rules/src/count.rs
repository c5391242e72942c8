//! Counts of kinds of characters, lines with an end mark, web addresses and paragraphs of boilerplate.

use memchr::memmem;
use std::ops::Range;
use trainyard_text::chars::{is_digit, is_han};
use trainyard_text::{Ends, offset_in, parts, strip};

/// Counts over the characters of a document.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All characters.
    pub n_chars: usize,
    /// Letters, digits, `\n`, `?`, `!`, `,` and `.`.
    pub n_alphanumeric: usize,
    /// Digits of all scripts.
    pub n_digits: usize,
    /// Space, tab, `\n`, `\r` and backspace.
    pub n_spaces: usize,
    /// `( ) [ ] { } ⟨ ⟩`.
    pub n_parentheses: usize,
    /// Alphabetic characters of all scripts.
    pub n_letters: usize,
    /// Colons: without one there is no web address.
    pub n_colons: usize,
    /// `<`: without one there is no markup.
    pub n_angles: usize,
}

impl Counts {
    /// Counts a document; `is_unicode` says whether letters and digits outside ASCII are alphanumeric.
    pub fn of(text: &str, is_unicode: bool) -> Self {
        let [n_inner, n_letters, n_digits, n_marks, n_spaces, n_parentheses, n_colons, n_angles] =
            count_bytes(text.as_bytes());
        let mut counts = Self {
            n_chars: text.len() - n_inner,
            n_alphanumeric: n_letters + n_digits + n_marks,
            n_digits,
            n_spaces,
            n_parentheses,
            n_letters,
            n_colons,
            n_angles,
        };
        if counts.n_chars < text.len() {
            counts.add_others(text, is_unicode);
        }
        counts
    }

    /// Adds the characters outside ASCII.
    fn add_others(&mut self, text: &str, is_unicode: bool) {
        for char in text.chars().filter(|char| !char.is_ascii()) {
            let is_letter = is_han(char) || char.is_alphabetic();
            let is_digit = !is_letter && is_digit(char);
            self.n_letters += usize::from(is_letter);
            self.n_digits += usize::from(is_digit);
            self.n_alphanumeric += usize::from(is_unicode && (is_letter || is_digit));
            self.n_parentheses += usize::from(matches!(char, '⟨' | '⟩'));
        }
    }
}

/// Kinds of bytes: those that continue a character, letters, digits, `\n ? ! , .`, white space, parentheses, `:`, `<`.
fn kinds(byte: u8) -> [bool; 8] {
    let is_within = |first: u8, n: u8| byte.wrapping_sub(first) < n;
    [
        is_within(0x80, 0x40),
        (byte | 0x20).wrapping_sub(b'a') < 26,
        is_within(b'0', 10),
        byte == b'\n' || byte == b'?' || byte == b'!' || byte == b',' || byte == b'.',
        byte == b' ' || is_within(8, 3) || byte == b'\r',
        // `( )`, and `[ ]` beside `{ }`
        byte & !1 == b'(' || byte | 0x20 == b'{' || byte | 0x20 == b'}',
        byte == b':',
        byte == b'<',
    ]
}

/// Bytes that are looked at together: a vector.
const LANES: usize = 16;

/// Counts the bytes of each kind. Written so that the compiler makes vectors of it: no branches, and sums as wide as
/// the bytes, which are added up before they overflow.
fn count_bytes(bytes: &[u8]) -> [usize; 8] {
    let mut counts = [0; 8];
    for block in bytes.chunks(LANES * usize::from(u8::MAX)) {
        let mut sums = [[0u8; LANES]; 8];
        let vectors = block.chunks_exact(LANES);
        for &byte in vectors.remainder() {
            counts.iter_mut().zip(kinds(byte)).for_each(|(count, is_kind)| *count += usize::from(is_kind));
        }
        for vector in vectors {
            for (lane, &byte) in vector.iter().enumerate() {
                sums.iter_mut().zip(kinds(byte)).for_each(|(sums, is_kind)| sums[lane] += u8::from(is_kind));
            }
        }
        for (count, sums) in counts.iter_mut().zip(sums) {
            *count += sums.iter().map(|&sum| usize::from(sum)).sum::<usize>();
        }
    }
    counts
}

/// Counts the lines that are not blank, and those of them that end in one of `ends`.
pub fn lines(text: &str, ends: &Ends) -> (usize, usize) {
    let lines = parts(text).map(strip).filter(|line| !line.is_empty());
    lines.fold((0, 0), |(n, n_ended), line| (n + 1, n_ended + usize::from(ends.end(line))))
}

/// Returns the places of web addresses: `http://` or `https://` and at least one of the characters that NeMo Curator
/// allows in them.
pub fn urls(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + memmem::find(&bytes[at..], b"http")?;
            at = start + 4;
            let rest = &bytes[at..];
            let rest = rest.strip_prefix(b"s").unwrap_or(rest);
            let Some(rest) = rest.strip_prefix(b"://") else { continue };
            let n = rest.iter().take_while(|byte| matches!(byte, b'$'..=b'_' | b'a'..=b'z' | b'!')).count();
            if n > 0 {
                at = bytes.len() - rest.len() + n;
                return Some(start..at);
            }
        }
    })
}

/// Returns the places of paragraphs, separated by `\n\n`, that contain one of the phrases in any case.
pub fn boilerplate(text: &str, phrases: &[&str]) -> impl Iterator<Item = Range<usize>> {
    text.split("\n\n").filter_map(move |paragraph| {
        let lower = paragraph.to_lowercase();
        let start = offset_in(text, paragraph);
        phrases.iter().any(|phrase| lower.contains(phrase)).then(|| start..start + paragraph.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters() {
        let counts = Counts::of("Ab1?\n\t (x) ⟨é٣中\u{301}", false);
        let expected = Counts {
            n_chars: 16,
            n_alphanumeric: 6,
            n_digits: 2,
            n_spaces: 4,
            n_parentheses: 3,
            n_letters: 5,
            n_colons: 0,
            n_angles: 0,
        };
        assert_eq!(counts, expected);
        assert_eq!(Counts::of("é٣中a", true).n_alphanumeric, 4);
        assert_eq!(Counts::of("", false), Counts::default());
    }

    #[test]
    fn long_texts() {
        let text: String = (0..20_000u32).filter_map(|i| char::from_u32(i * 7919 % 0x300)).collect();
        let counts = Counts::of(&text, false);
        let count = |is_kind: &dyn Fn(char) -> bool| text.chars().filter(|&char| is_kind(char)).count();
        assert_eq!(counts.n_chars, text.chars().count());
        assert_eq!(counts.n_spaces, count(&|char| " \t\n\r\u{8}".contains(char)));
        assert_eq!(counts.n_parentheses, count(&|char| "()[]{}".contains(char)));
        assert_eq!(counts.n_alphanumeric, count(&|char| char.is_ascii_alphanumeric() || "\n?!,.".contains(char)));
        assert_eq!((counts.n_colons, counts.n_angles), (count(&|char| char == ':'), count(&|char| char == '<')));
        assert_eq!((counts.n_letters, counts.n_digits), (count(&char::is_alphabetic), count(&is_digit)));
    }

    #[test]
    fn addresses() {
        let found = |text| urls(text).map(|url| &text[url]).collect::<Vec<_>>();
        assert_eq!(
            found(concat!("see https", "://a.b/c?d=e#f, http", "://x http:// https:/y hhttp", "://é")),
            [concat!("https", "://a.b/c?d=e"), concat!("http", "://x")]
        );
        assert_eq!(found(concat!("httphttps", "://a!b~")), [concat!("https", "://a!b")]);
    }

    #[test]
    fn ended_lines() {
        assert_eq!(lines("One. \ntwo\n\n three'\n\u{3000}\n", &Ends::new(".'")), (3, 2));
        assert_eq!(lines("", &Ends::new(".")), (0, 0));
    }

    #[test]
    fn paragraphs_of_boilerplate() {
        let text = "Our Privacy POLICY.\n\nText.\n\n\nno cookies";
        let found = boilerplate(text, &["privacy policy", "cookie"]).map(|range| &text[range]).collect::<Vec<_>>();
        assert_eq!(found, ["Our Privacy POLICY.", "\nno cookies"]);
    }
}
