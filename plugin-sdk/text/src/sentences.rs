//! Sentences.

use crate::chars::{is_space, is_terminal};
use crate::strip;

/// Sentences of a text, by a rule that needs no model. Marks that end sentences ([`is_terminal`] and `…`), with the
/// quotes and brackets that close behind them, end one when white space or the end of the text follows, and when a mark
/// outside ASCII is among them (`…` aside), as in Chinese. Text behind the last end is one more. "Mr. Darcy" are two.
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

/// Where the first mark is that can end a sentence.
fn mark_start(text: &str) -> Option<usize> {
    let ascii = memchr::memchr3(b'.', b'!', b'?', text.as_bytes());
    let before = &text[..ascii.unwrap_or(text.len())];
    if before.is_ascii() { ascii } else { before.find(is_mark).or(ascii) }
}

fn is_mark(char: char) -> bool {
    is_terminal(char) || char == '…'
}

/// What closes behind the end of a sentence.
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
