//! sacrebleu's tokenizers: how text becomes the words whose n-grams are counted.

use crate::categories::{NUMBERS, PUNCTUATION, SYMBOLS};
use std::borrow::Cow;
use trainyard_text::chars::is_space;

/// A tokenizer of sacrebleu. It puts spaces between words; what is between white space is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tokenizer {
    /// `13a`: that of mteval-v13a, for languages with spaces.
    V13a,
    /// `intl`: that of mteval-v14 with the option of all languages, which knows Unicode's punctuation and symbols.
    International,
    /// `zh`: every Chinese character is a word, the rest is as in `13a`.
    Chinese,
    /// `char`: every character is a word.
    Characters,
    /// `none`: text that has its spaces already.
    None,
}

impl Tokenizer {
    /// Returns the tokenizer with a name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "13a" => Self::V13a,
            "intl" => Self::International,
            "zh" => Self::Chinese,
            "char" => Self::Characters,
            "none" => Self::None,
            _ => return None,
        })
    }

    /// Returns the name in settings and signatures.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V13a => "13a",
            Self::International => "intl",
            Self::Chinese => "zh",
            Self::Characters => "char",
            Self::None => "none",
        }
    }

    /// Returns the text with white space between words.
    pub fn spaced(self, text: &str) -> Cow<'_, str> {
        let text = text.trim_end_matches(is_space);
        match self {
            Self::V13a => western(&format!(" {} ", without_markup(text))).into(),
            Self::International => international(text).into(),
            Self::Chinese => {
                let text = text.trim_start_matches(is_space);
                western(&apart(text, is_chinese)).into()
            }
            Self::Characters => apart(text, |_| true).into(),
            Self::None => text.into(),
        }
    }
}

/// Text without what mteval-v13a removes: marks of skipped segments, hyphens at the end of lines, entities.
fn without_markup(text: &str) -> String {
    let text = text.replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    match text.contains('&') {
        true => text.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"),
        false => text,
    }
}

/// Separates ASCII punctuation; a period or comma stays between digits, an apostrophe stays in its word, and a hyphen
/// does unless it follows a digit.
fn western(text: &str) -> String {
    let is_mark = |char: char| matches!(char, '{'..='~' | '['..='`' | ' '..='&' | '('..='+' | ':'..='@' | '/');
    let is_point = |char: char| matches!(char, '.' | ',');
    let is_digit = |char: char| char.is_ascii_digit();
    let text = apart(text, is_mark);
    let text = pairs(&text, |char| !is_digit(char), is_point, false);
    let text = pairs(&text, is_point, |char| !is_digit(char), true);
    pairs(&text, is_digit, |char| char == '-', false)
}

/// Separates symbols, and punctuation with a character beside it that is no number.
fn international(text: &str) -> String {
    let is_number = |char: char| is_in(&NUMBERS, char);
    let is_punctuation = |char: char| is_in(&PUNCTUATION, char);
    let text = pairs(text, |char| !is_number(char), is_punctuation, false);
    let text = pairs(&text, is_punctuation, |char| !is_number(char), true);
    apart(&text, |char| is_in(&SYMBOLS, char))
}

/// Puts spaces around each of these characters.
fn apart(text: &str, is_apart: impl Fn(char) -> bool) -> String {
    let mut spaced = String::with_capacity(2 * text.len());
    for char in text.chars() {
        match is_apart(char) {
            true => spaced.extend([' ', char, ' ']),
            false => spaced.push(char),
        }
    }
    spaced
}

/// Puts spaces around one of the two characters of each such pair, the first or the second. Pairs do not overlap.
fn pairs(text: &str, first: impl Fn(char) -> bool, second: impl Fn(char) -> bool, around_first: bool) -> String {
    let mut spaced = String::with_capacity(2 * text.len());
    let mut chars = text.chars().peekable();
    while let Some(left) = chars.next() {
        match chars.next_if(|&right| first(left) && second(right)) {
            Some(right) if around_first => spaced.extend([' ', left, ' ', right]),
            Some(right) => spaced.extend([left, ' ', right, ' ']),
            None => spaced.push(left),
        }
    }
    spaced
}

/// Whether sacrebleu takes a character for Chinese. Its ranges of characters beyond 16 bits are written with four
/// digits and so begin at U+2001: much punctuation and many symbols count as well.
fn is_chinese(char: char) -> bool {
    matches!(char,
        '\u{2001}'..='\u{2a6d}' | '\u{2e80}'..='\u{2fdf}' | '\u{2ff0}'..='\u{303f}' | '\u{3100}'..='\u{312f}'
        | '\u{31a0}'..='\u{31bf}' | '\u{31c0}'..='\u{31ef}' | '\u{3200}'..='\u{33ff}' | '\u{3400}'..='\u{4db5}'
        | '\u{4e00}'..='\u{9fbb}' | '\u{f900}'..='\u{fa2d}' | '\u{fa30}'..='\u{fa6a}' | '\u{fa70}'..='\u{fad9}'
        | '\u{fe10}'..='\u{fe1f}' | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ffef}')
}

fn is_in(runs: &[(u32, u32)], char: char) -> bool {
    let code = u32::from(char);
    let i = runs.partition_point(|&(_, last)| last < code);
    runs.get(i).is_some_and(|&(first, _)| first <= code)
}
