//! Added tokens: those that a tokenizer finds in a text before it cuts the rest into pieces.

use aho_corasick::{AhoCorasick, MatchKind};
use regex::Regex;
use serde::Deserialize;
use std::ops::Range;
use std::path::Path;
use trainyard_base::{Error, Result, files};

/// What a `tokenizer.json` has at most.
const MAX_BYTES: u64 = 1 << 30;

/// A part of a text: an added token, or text between such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The token's id; none for text.
    pub id: Option<u32>,
    /// The bytes of the text, with the spaces that a token takes; none for a token that the one before has taken.
    pub range: Range<usize>,
}

/// The added tokens of a tokenizer, ready to be found in texts as the `tokenizers` library finds them: the longest of
/// those that begin first. Tokens that are not normalized are found first, the others in the text between them. The
/// library looks for the latter in normalized text; here the text is taken as it is.
#[derive(Debug)]
pub struct AddedTokens {
    tokens: Vec<Token>,
    passes: Vec<Pass>,
    word_start: Regex,
    word_end: Regex,
}

/// A token of the file's `added_tokens`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
struct Token {
    id: u32,
    content: String,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
    special: bool,
}

impl Default for Token {
    fn default() -> Self {
        let content = String::new();
        Self { id: 0, content, single_word: false, lstrip: false, rstrip: false, normalized: true, special: false }
    }
}

/// Tokens that are found together, and their numbers.
#[derive(Debug)]
struct Pass {
    finder: AhoCorasick,
    tokens: Vec<usize>,
}

fn wrong(error: &dyn std::fmt::Display) -> Error {
    Error::run(format!("expected a tokenizer with \"added_tokens\": {error}"))
}

impl AddedTokens {
    /// Reads the added tokens of a `tokenizer.json`.
    ///
    /// # Errors
    /// A file that cannot be read, or whose `added_tokens` are no list of tokens.
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = files::read_text(path, MAX_BYTES).map_err(|error| Error::io(path, "read", &error))?;
        Self::from_json(&text).map_err(|error| error.context(path.display()))
    }

    /// Reads the added tokens from the text of a `tokenizer.json`. Tokens without text are left out.
    ///
    /// # Errors
    /// Text that is no JSON, or whose `added_tokens` are no list of tokens.
    pub fn from_json(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Tokenizer {
            #[serde(default)]
            added_tokens: Vec<Token>,
        }
        let parsed: serde_json::Result<Tokenizer> = serde_json::from_str(text);
        Self::of(parsed.map_err(|error| wrong(&error))?.added_tokens)
    }

    /// Special tokens with these texts and ids, found wherever their texts are.
    ///
    /// # Errors
    /// More tokens than can be looked for.
    pub fn named<'a>(tokens: impl Iterator<Item = (&'a str, u32)>) -> Result<Self> {
        let token = |(content, id): (&str, u32)| Token {
            id,
            content: content.to_owned(),
            normalized: false,
            special: true,
            ..Token::default()
        };
        Self::of(tokens.map(token).collect())
    }

    fn of(mut tokens: Vec<Token>) -> Result<Self> {
        tokens.retain(|token| !token.content.is_empty());
        let mut passes = Vec::new();
        for normalized in [false, true] {
            // of two tokens with the same text, the library finds the special one
            let mut numbers: Vec<usize> = (0..tokens.len()).filter(|i| tokens[*i].normalized == normalized).collect();
            numbers.sort_by_key(|index| !tokens[*index].special);
            if numbers.is_empty() {
                continue;
            }
            let texts = numbers.iter().map(|index| &tokens[*index].content);
            let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(texts);
            passes.push(Pass { finder: finder.map_err(|error| wrong(&error))?, tokens: numbers });
        }
        let regex = |pattern: &str| Regex::new(pattern).map_err(|error| wrong(&error));
        Ok(Self { tokens, passes, word_start: regex(r"^\w")?, word_end: regex(r"\w$")? })
    }

    /// Returns the id of the token with this text.
    pub fn id(&self, content: &str) -> Option<u32> {
        self.tokens.iter().find(|token| token.content == content).map(|token| token.id)
    }

    /// Tells if a special token has this id.
    pub fn is_special(&self, id: u32) -> bool {
        self.tokens.iter().any(|token| token.id == id && token.special)
    }

    /// Cuts a text into added tokens and the text between them, which together are the whole text.
    pub fn split(&self, text: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if !text.is_empty() {
            pieces.push(Piece { id: None, range: 0..text.len() });
        }
        for pass in &self.passes {
            let mut next = Vec::with_capacity(pieces.len());
            for piece in pieces {
                match piece.id {
                    Some(_) => next.push(piece),
                    None => self.split_piece(pass, &text[piece.range.clone()], piece.range.start, &mut next),
                }
            }
            pieces = next;
        }
        pieces
    }

    /// Cuts a text that begins at `offset` of the whole.
    fn split_piece(&self, pass: &Pass, text: &str, offset: usize, pieces: &mut Vec<Piece>) {
        let mut done = 0;
        let mut push = |id: Option<u32>, range: Range<usize>| {
            pieces.push(Piece { id, range: range.start + offset..range.end + offset });
        };
        for found in pass.finder.find_iter(text) {
            let index = pass.tokens.get(found.pattern().as_usize());
            let Some(token) = index.and_then(|index| self.tokens.get(*index)) else { continue };
            let (before, after) = (&text[..found.start()], &text[found.end()..]);
            if token.single_word && (self.word_end.is_match(before) || self.word_start.is_match(after)) {
                continue;
            }
            let mut range = found.range();
            if token.lstrip {
                range.start = before.trim_end().len();
            }
            if token.rstrip {
                range.end += after.len() - after.trim_start().len();
            }
            // The token before may have taken spaces that this one begins with, or all of it. The library keeps the id
            // of the latter, but not where it takes spaces to the left itself.
            if range.end <= done && token.lstrip {
                continue;
            }
            range.start = range.start.max(done);
            range.end = range.end.max(done);
            if done < range.start {
                push(None, done..range.start);
            }
            done = range.end;
            push(Some(token.id), range);
        }
        if done < text.len() {
            push(None, done..text.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces of a text, tokens as `id:text`.
    fn split(tokens: &[(&str, &str)], text: &str) -> Vec<String> {
        let token = |(index, (content, flags)): (usize, &(&str, &str))| {
            let flags: String = flags.split_whitespace().map(|flag| format!(",{flag:?}:true")).collect();
            let normal = if flags.contains("normalized") { "" } else { ",\"normalized\":false" };
            format!("{{\"id\":{index},\"content\":{content:?}{flags}{normal}}}")
        };
        let tokens: Vec<String> = tokens.iter().enumerate().map(token).collect();
        let tokens = AddedTokens::from_json(&format!("{{\"added_tokens\":[{}]}}", tokens.join(","))).expect("tokens");
        let pieces = tokens.split(text);
        let joined: String = pieces.iter().map(|piece| &text[piece.range.clone()]).collect();
        assert_eq!(joined, text);
        let shown = |piece: &Piece| {
            let id = piece.id.map(|id| format!("{id}:")).unwrap_or_default();
            format!("{id}{}", &text[piece.range.clone()])
        };
        pieces.iter().map(shown).collect()
    }

    /// The expected pieces are those of `tokenizers` 0.23, but where tokens overlap: there its pieces do too.
    #[test]
    fn tokens_are_found_as_the_library_finds_them() {
        assert_eq!(split(&[("<a>", ""), ("<a>b", "")], "x<a>b<a>é"), ["x", "1:<a>b", "0:<a>", "é"]);
        assert_eq!(split(&[("ab", ""), ("bcd", "")], "abcd"), ["0:ab", "cd"]);
        assert_eq!(
            split(&[("<m>", "lstrip"), ("<n>", "rstrip")], "a  <m> <n>\n b<m>"),
            ["a", "0:  <m>", " ", "1:<n>\n ", "b", "0:<m>"]
        );
        assert_eq!(split(&[("<n>", "rstrip"), ("<m>", "lstrip")], "<n> \u{3000}<m>"), ["0:<n> \u{3000}", "1:<m>"]);
        assert_eq!(split(&[("<n>", "rstrip"), (" b", "")], "<n> bc"), ["0:<n> ", "1:b", "c"]);
        assert_eq!(split(&[(" ", "rstrip")], "a  b"), ["a", "0:  ", "0:", "b"]);
        assert_eq!(split(&[("no", "single_word")], "no nose é_no, no"), ["0:no", " nose é_no, ", "0:no"]);
        assert_eq!(split(&[("b", ""), ("abc", "normalized")], "abc abc"), ["a", "0:b", "c a", "0:b", "c"]);
        assert_eq!(split(&[("yes", "normalized"), ("<s>", "special")], "<s>yes"), ["1:<s>", "0:yes"]);
        assert_eq!(split(&[("a", "")], ""), [""; 0]);
        assert_eq!(split(&[("", "")], "abc"), ["abc"]);
        assert_eq!(split(&[], "abc"), ["abc"]);
    }

    #[test]
    fn tokens_are_found_by_text_and_id() {
        let json = r#"{"added_tokens":[{"id":7,"content":"<s>","special":true},{"id":8,"content":"x"}],"model":{}}"#;
        let tokens = AddedTokens::from_json(json).expect("tokens");
        assert_eq!((tokens.id("<s>"), tokens.id("y")), (Some(7), None));
        assert!(tokens.is_special(7) && !tokens.is_special(8));
        let error = AddedTokens::from_json("{\"added_tokens\":3}").expect_err("no list").to_string();
        assert!(error.starts_with("expected a tokenizer with \"added_tokens\": invalid type"), "{error}");
    }
}
