//! Sentences.

use crate::chars::{is_space, is_terminal};
use crate::strip;

/// Counts the sentences of a text, by a rule that needs no model. Sentence-ending marks ([`is_terminal`] and `…`), with
/// the closing quotes and brackets after them, end a sentence if white space or the end of the text follows, or if one
/// of the marks is outside ASCII (other than `…`), as in Chinese. Text after the last end is one more. "Mr. Darcy" is
/// two.
pub fn count_sentences(text: &str) -> usize {
    let (mut n, mut rest, mut behind) = (0, text, text);
    while let Some(start) = mark_start(rest) {
        let after = rest[start..].trim_start_matches(|char| is_mark(char) || is_closing(char));
        let marks = &rest[start..rest.len() - after.len()];
        let is_hard = |char: char| !char.is_ascii() && is_terminal(char);
        if after.is_empty() || after.starts_with(is_space) || marks.contains(is_hard) {
            n += 1;
            behind = after;
        }
        rest = after;
    }
    n + usize::from(!strip(behind).is_empty())
}

/// Returns the place of the first mark that can end a sentence.
fn mark_start(text: &str) -> Option<usize> {
    let ascii = memchr::memchr3(b'.', b'!', b'?', text.as_bytes());
    let before = &text[..ascii.unwrap_or(text.len())];
    if before.is_ascii() { ascii } else { before.find(is_mark).or(ascii) }
}

fn is_mark(char: char) -> bool {
    is_terminal(char) || char == '…'
}

/// Whether a character is a closing mark that may follow the end of a sentence.
fn is_closing(char: char) -> bool {
    matches!(char, '"' | '\'' | ')' | ']' | '’' | '”' | '»' | '」' | '』' | '）')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let cases = [
            ("", 0),
            (" \n", 0),
            ("One", 1),
            ("One. Two", 2),
            ("One... two! “Three?” (Four.) five.5", 5),
            ("a.b.c", 1),
            ("Mr. Darcy.", 2),
            ("“这。”是测试！？吗", 3),
            (".。.a 。", 2),
            (". . .", 3),
            ("\") a", 1),
            ("a.\"b c", 1),
            ("a…b… c", 2),
        ];
        for (text, n) in cases {
            assert_eq!(count_sentences(text), n, "{text:?}");
        }
    }
}
