//! Splits text into lines and paragraphs.

use crate::bytes::count_bytes;
use crate::chars::{is_line_break, is_space};

/// Returns the lines of a text without their ends, like Python's `str.splitlines`: `\r\n` is one end, an empty last
/// line is left out.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, tail) = rest.split_at(line_end(rest));
        let width = tail.chars().next().map_or(0, char::len_utf8);
        rest = tail.strip_prefix("\r\n").unwrap_or(&tail[width..]);
        Some(line)
    })
}

/// Returns the end of the first line.
#[inline]
fn line_end(text: &str) -> usize {
    let mut at = 0;
    loop {
        at += find(&text.as_bytes()[at..], |byte| !(b' '..=b'~').contains(&byte));
        match text[at..].chars().next() {
            Some(char) if !is_line_break(char) => at += char.len_utf8(),
            _ => return at,
        }
    }
}

/// Returns the place of the first byte that is searched for; the length if there is none.
///
/// Sixteen bytes are checked without a branch: several times as fast if they can be checked together, and in a sandbox,
/// which checks the time in every round of a loop.
#[inline]
fn find(bytes: &[u8], is_it: impl Fn(u8) -> bool) -> usize {
    let mut at = 0;
    for chunk in bytes.chunks_exact(16) {
        if chunk.iter().fold(false, |found, &byte| found | is_it(byte)) {
            break;
        }
        at += 16;
    }
    at + bytes[at..].iter().position(|&byte| is_it(byte)).unwrap_or(bytes.len() - at)
}

/// Returns the paragraphs of a text, which are separated by two or more `\n` in a row, without white space at both ends
/// of the text. A blank text is one empty paragraph.
pub fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(strip(text));
    std::iter::from_fn(move || {
        let text = rest?;
        let (paragraph, tail) = match memchr::memmem::find(text.as_bytes(), b"\n\n") {
            Some(end) => (&text[..end], Some(text[end..].trim_start_matches('\n'))),
            None => (text, None),
        };
        rest = tail;
        Some(paragraph)
    })
}

/// Returns the parts of a text between `\n`, one more than there are of them.
#[inline]
pub fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (part, behind) = match memchr::memchr(b'\n', text.as_bytes()) {
            Some(end) => (&text[..end], Some(&text[end + 1..])),
            None => (text, None),
        };
        rest = behind;
        Some(part)
    })
}

/// Returns a text without the white space at its ends, like Python's `str.strip`.
#[inline]
pub fn strip(text: &str) -> &str {
    let is_mark = |byte: &u8| (0x21..0x7f).contains(byte);
    match text.as_bytes() {
        [first, .., last] if is_mark(first) && is_mark(last) => text,
        _ => text.trim_matches(is_space),
    }
}

/// Counts the characters (Unicode scalar values) of a text.
pub fn count_chars(text: &str) -> usize {
    // every character has one byte that does not continue another
    count_bytes(text.as_bytes(), |byte| byte & 0xc0 != 0x80)
}

/// Returns the byte at which `part`, a slice of `text`, begins in it.
pub fn offset_in(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_python_ends_them() {
        let split = |text| lines(text).collect::<Vec<_>>();
        assert_eq!(split(""), [""; 0]);
        assert_eq!(split("\n"), [""]);
        assert_eq!(split("a\r\nb\rc\n\nd"), ["a", "b", "c", "", "d"]);
        assert_eq!(split("é…\u{85}b\u{2028}\u{b}c\u{1c}\u{1f}d"), ["é…", "b", "", "c", "\u{1f}d"]);
        assert_eq!(split(&"長い行".repeat(20)), ["長い行".repeat(20)]);
    }

    #[test]
    fn paragraphs_are_parted_by_blank_lines() {
        let split = |text| paragraphs(text).collect::<Vec<_>>();
        assert_eq!(split(" \n\na\nb\n\n\nc\n \nd\n\n"), ["a\nb", "c\n \nd"]);
        assert_eq!(split(" \u{3000}\n"), [""]);
        assert_eq!(split("a"), ["a"]);
    }

    #[test]
    fn parts_and_their_ends() {
        for text in ["", "\n", "a", "a\n", "\n\na\r\nb\n"] {
            assert!(parts(text).eq(text.split('\n')), "{text:?}");
        }
        for text in ["", " ", "a", " a", "a\u{3000}", "\u{1c}a b\n", "é", "'a'"] {
            assert_eq!(strip(text), text.trim_matches(is_space), "{text:?}");
        }
        assert_eq!(count_chars(&"é中a".repeat(50)), 150);
    }

    #[test]
    fn offsets() {
        let text = "one\ntwo\n\n three ";
        assert_eq!(lines(text).map(|line| offset_in(text, line)).collect::<Vec<_>>(), [0, 4, 8, 9]);
        assert_eq!((offset_in(text, strip(&text[9..])), count_chars("é👩‍👩")), (10, 4));
    }
}
