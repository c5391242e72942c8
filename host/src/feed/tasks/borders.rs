//! Which tokens begin and end words, so that those of a word can share their fate.

use super::words::is_unspaced;
use crate::Result;
use trainyard_plugin::{TokenBatch, Tokenizer, Vocabulary};

/// Whether each token begins a word, and ends one, whatever its neighbours are; nothing where nobody asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Borders {
    begins: Vec<bool>,
    ends: Vec<bool>,
    /// Whether the tokenizer writes spaces that are in no token.
    adds_spaces: bool,
}

impl Borders {
    /// The borders of the tokens of `vocabulary`. A token begins a word if the tokenizer writes a space before it, as
    /// WordPiece does before all but its `##` pieces, or by its first character: white space, a sign, or one of a
    /// writing without spaces. It ends one if white space is its last character, or if it stands for no bytes at all,
    /// as an end of text or an unknown word.
    ///
    /// # Errors
    /// Whatever the tokenizer reports.
    pub fn new(tokenizer: &mut dyn Tokenizer, vocabulary: &Vocabulary) -> Result<Self> {
        let tokens = &vocabulary.tokens;
        let ends = tokens.iter().map(|token| token.last().is_none_or(u8::is_ascii_whitespace)).collect();
        let mut begins: Vec<_> = tokens.iter().map(|token| !may_continue(token)).collect();
        let is_plain = |token: &Vec<u8>| !token.is_empty() && token.iter().all(u8::is_ascii_alphanumeric);
        let Some(before) = tokens.iter().position(is_plain) else {
            return Ok(Self { begins, ends, adds_spaces: false });
        };
        let mut adds_spaces = false;
        let mut pairs = TokenBatch::default();
        for id in 0..tokens.len() as u32 {
            pairs.ids.extend([before as u32, id]);
            pairs.end_sequence()?;
        }
        for (begins, pair) in begins.iter_mut().zip(tokenizer.decode(&pairs)?) {
            let is_apart = pair.get(tokens[before].len()) == Some(&b' ');
            adds_spaces |= is_apart && !*begins;
            *begins |= is_apart;
        }
        Ok(Self { begins, ends, adds_spaces })
    }

    /// Whether the tokenizer writes a space before other tokens, but joins this one to the token before it.
    pub fn is_joined(&self, id: u32) -> bool {
        self.adds_spaces && self.begins.get(id as usize) == Some(&false)
    }

    /// Whether the token `id` continues the word that `before` is of.
    pub fn continues(&self, before: u32, id: u32) -> bool {
        let of = |list: &[bool], id: u32| list.get(id as usize).copied().unwrap_or(true);
        !of(&self.ends, before) && !of(&self.begins, id)
    }
}

/// Whether a token can stand inside a word, by its first character. A token may begin with some bytes of one.
fn may_continue(token: &[u8]) -> bool {
    let text = match std::str::from_utf8(token) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&token[..error.valid_up_to()]).unwrap_or_default(),
    };
    match (text.chars().next(), token.first()) {
        (Some(char), _) => char.is_alphanumeric() && !is_unspaced(char),
        // the rest of a character, or the first half of one of two bytes: all of these writings have spaces
        (None, Some(byte)) => matches!(byte, 0x80..=0xdf),
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_continue_with_letters() {
        let cases: [(&[u8], bool); 10] = [
            (b"ing", true),
            (" ing".as_bytes(), false),
            (b".", false),
            (b"", false),
            ("\u{e9}t\u{e9}".as_bytes(), true),
            ("\u{432}\u{435}\u{442}".as_bytes(), true),
            ("\u{4e2d}".as_bytes(), false),
            (&[0xa9], true),
            (&[0xd0], true),
            (&[0xe4], false),
        ];
        for (token, expected) in cases {
            assert_eq!(may_continue(token), expected, "{token:?}");
        }
    }
}
