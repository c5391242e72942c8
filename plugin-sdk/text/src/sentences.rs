//! Sentences.

use crate::chars::{is_space, is_terminal};

/// Sentences of a text, by a rule that needs no model. Marks that end sentences ([`is_terminal`] and `…`), with the
/// quotes and brackets that close behind them, end one when white space or the end of the text follows, and when a mark
/// outside ASCII is among them (`…` aside), as in Chinese. Text behind the last end is one more. "Mr. Darcy" are two.
pub fn count_sentences(text: &str) -> usize {
    let (mut n, mut state) = (0, State::Blank);
    for char in text.chars() {
        let is_hard = !char.is_ascii() && is_terminal(char);
        state = match state {
            State::Ended if is_hard || is_mark(char) || is_closing(char) => State::Ended,
            _ if is_hard => {
                n += 1;
                State::Ended
            }
            _ if is_mark(char) => State::Mark,
            State::Mark if is_closing(char) => State::Mark,
            State::Mark if is_space(char) => {
                n += 1;
                State::Blank
            }
            State::Text => State::Text,
            _ if is_space(char) => State::Blank,
            _ => State::Text,
        };
    }
    n + usize::from(matches!(state, State::Text | State::Mark))
}

/// Where the scan stands.
#[derive(Clone, Copy)]
enum State {
    /// Between sentences.
    Blank,
    /// In a sentence.
    Text,
    /// Behind a mark that ends the sentence if white space follows.
    Mark,
    /// Behind a mark that has ended it.
    Ended,
}

fn is_mark(char: char) -> bool {
    matches!(char, '.' | '!' | '?' | '…')
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
