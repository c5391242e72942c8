//! Finds text that may have to change; fast if none has to.

use std::ops::Range;

/// Returns the place of the next byte from `at` on that is neither visible ASCII nor a space, tab or line feed; the
/// length if there is none.
///
/// Sixteen bytes are checked without a branch, which the compiler turns into a few instructions.
pub fn next_unusual(bytes: &[u8], mut at: usize) -> usize {
    let is_usual = |byte: u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    // text that is not ASCII is full of these: it does not pay to look at sixteen
    if bytes.get(at).is_some_and(|&byte| !is_usual(byte)) {
        return at;
    }
    for chunk in bytes[at..].chunks_exact(16) {
        if chunk.iter().fold(false, |found, &byte| found | !is_usual(byte)) {
            break;
        }
        at += 16;
    }
    at + bytes[at..].iter().position(|&byte| !is_usual(byte)).unwrap_or(bytes.len() - at)
}

/// Returns the next piece from `at` on with a character that is not plain: from the plain character before it to the
/// next plain one after it.
pub fn next_piece(text: &str, mut at: usize, is_plain: impl Fn(char) -> bool) -> Option<Range<usize>> {
    let begin = at;
    loop {
        at = next_unusual(text.as_bytes(), at);
        let char = text[at..].chars().next()?;
        if !is_plain(char) {
            break;
        }
        at += char.len_utf8();
    }
    let before = text[begin..at].chars().next_back().map_or(0, char::len_utf8);
    let behind = text[at..].find(&is_plain).unwrap_or(text.len() - at);
    Some(at - before..at + behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusual_bytes_are_found_wherever_they_are() {
        for n in 0..40 {
            for unusual in ["\0", "\r", "\u{7f}", "é"] {
                let text = format!("{}{unusual}{}", "a\t\n ~".repeat(n), "b".repeat(n));
                assert_eq!(next_unusual(text.as_bytes(), 0), 5 * n);
            }
        }
        assert_eq!(next_unusual(b"", 0), 0);
        assert_eq!(next_unusual(b"abc", 3), 3);
    }

    #[test]
    fn pieces_begin_and_end_at_plain_characters() {
        let piece = |text, at| next_piece(text, at, |char| char.is_ascii());
        assert_eq!(piece("abéèc", 0), Some(1..6));
        assert_eq!(piece("abéèc", 6), None);
        assert_eq!(piece("éb", 0), Some(0..2));
        assert_eq!(piece("", 0), None);
    }
}
