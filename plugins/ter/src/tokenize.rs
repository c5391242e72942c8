//! Tercom's tokenizer, as sacrebleu has it.

use trainyard_text::chars::is_space;

/// How text becomes words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokenizer {
    /// Normalises line ends, XML's entities and punctuation.
    pub normalized: bool,
    /// Leaves punctuation out.
    pub no_punct: bool,
    /// Does both for Chinese and Japanese too.
    pub asian_support: bool,
    /// Leaves upper case as it is.
    pub case_sensitive: bool,
}

impl Tokenizer {
    /// Returns the text with white space between words.
    pub fn spaced(self, text: &str) -> String {
        let text = text.trim_end_matches(is_space);
        let mut text = if self.case_sensitive { text.to_owned() } else { text.to_lowercase() };
        if self.normalized {
            text = normalized(&text);
            if self.asian_support {
                // sacrebleu also means to separate runs of kana, but looks for them at the start of the text only,
                // where the normalised text has a space
                text = apart(&text, |char| is_ideograph(char) || is_asian_mark(char));
            }
        }
        if self.no_punct {
            let is_mark = |char: char| matches!(char, '.' | ',' | '?' | ':' | ';' | '!' | '"' | '(' | ')');
            text.retain(|char| !(is_mark(char) || self.asian_support && is_asian_mark(char)));
        }
        text
    }

    /// Returns a reference with white space between words. sacrebleu's TER tokenizes references twice, which splits
    /// some further: `dog's.` becomes `dog's .` and then `dog 's .`.
    pub fn of_reference(self, text: &str) -> String {
        let text = self.spaced(text);
        match self.normalized {
            true => self.spaced(&words(&text).collect::<Vec<_>>().join(" ")),
            // nothing is left to do
            false => text,
        }
    }
}

/// What is between white space.
pub fn words(spaced: &str) -> impl Iterator<Item = &str> {
    spaced.split(is_space).filter(|word| !word.is_empty())
}

/// Joins lines, writes entities as characters and separates ASCII's punctuation: a period or comma stays between
/// digits, an apostrophe stays in its word unless that ends with 's, and a hyphen stays unless it follows a digit.
fn normalized(text: &str) -> String {
    let text = text.replace("\n-", "").replace('\n', " ");
    let text = text.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
    let is_mark = |char: char| matches!(char, '{'..='~' | '['..='`' | ' '..='&' | '('..='+' | ':'..='@' | '/');
    let is_point = |char: char| matches!(char, '.' | ',');
    let is_digit = |char: char| char.is_ascii_digit();
    let text = apart(&format!(" {text} "), is_mark).replace("'s ", " 's ");
    let text = pairs(&text, |char| !is_digit(char), is_point, false);
    let text = pairs(&text, is_point, |char| !is_digit(char), true);
    pairs(&text, is_digit, |char| char == '-', false)
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

/// Whether a character is a word of its own: ideographs, their strokes, radicals and compatible forms.
fn is_ideograph(char: char) -> bool {
    matches!(char,
        '\u{2e80}'..='\u{2eff}' | '\u{31c0}'..='\u{31ef}' | '\u{3200}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}')
}

/// Whether a character is punctuation of Chinese or Japanese, or a wide form of ASCII's.
fn is_asian_mark(char: char) -> bool {
    matches!(char,
        '\u{3001}' | '\u{3002}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '\u{30fb}'
        | '\u{ff61}'..='\u{ff65}' | '．' | '，' | '？' | '：' | '；' | '！' | '＂' | '（' | '）')
}
