//! What the rules measure, in one pass over the words and one over the lines, without allocating.

use crate::chars::{self, ASCII, Kinds, LETTER, PLAIN, SPACE};

/// Counts over the words of a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Words {
    /// All words.
    pub n: u64,
    /// Words that are more than punctuation.
    pub n_plain: u64,
    /// Characters of those.
    pub n_plain_chars: u64,
    /// Words with a letter.
    pub n_alphabetic: u64,
    /// One bit for each stop word that occurs.
    stop_words: u8,
}

impl Words {
    /// Counts the words of a document.
    pub fn count(text: &str) -> Self {
        let mut words = Self::default();
        let bytes = text.as_bytes();
        let (mut start, mut n_chars, mut kinds) = (0, 0, 0);
        let mut i = 0;
        while let Some(&byte) = bytes.get(i) {
            let (kind, width) = match ASCII.get(usize::from(byte)) {
                Some(&kind) => (kind, 1),
                None => text[i..].chars().next().map_or((0, 1), |char| (kinds_of(char, kinds), char.len_utf8())),
            };
            i += width;
            if kind != SPACE {
                n_chars += 1;
                kinds |= kind;
                continue;
            }
            if n_chars > 0 {
                words.add(&bytes[start..i - width], n_chars, kinds);
            }
            (start, n_chars, kinds) = (i, 0, 0);
        }
        if n_chars > 0 {
            words.add(&bytes[start..], n_chars, kinds);
        }
        words
    }

    fn add(&mut self, word: &[u8], n_chars: u64, kinds: Kinds) {
        self.n += 1;
        if kinds & PLAIN != 0 {
            self.n_plain += 1;
            self.n_plain_chars += n_chars;
        }
        if kinds & LETTER != 0 {
            self.n_alphabetic += 1;
        }
        // letter by letter: comparing texts is a call and a loop in WASM
        self.stop_words |= match word {
            [b't', b'h', b'e'] => 1,
            [b'b', b'e'] => 1 << 1,
            [b't', b'o'] => 1 << 2,
            [b'o', b'f'] => 1 << 3,
            [b'a', b'n', b'd'] => 1 << 4,
            [b't', b'h', b'a', b't'] => 1 << 5,
            [b'h', b'a', b'v', b'e'] => 1 << 6,
            [b'w', b'i', b't', b'h'] => 1 << 7,
            _ => 0,
        };
    }

    /// Distinct stop words that occur.
    pub fn n_stop_words(&self) -> u32 {
        self.stop_words.count_ones()
    }
}

/// Kinds of a character outside ASCII in a word of which `known` was seen before: what is known is not looked up again,
/// which makes Chinese, whose words are long, as fast as English.
fn kinds_of(char: char, known: Kinds) -> Kinds {
    if chars::is_space(char) {
        return SPACE;
    }
    let mut kinds = 0;
    if known & LETTER == 0 && chars::is_letter(char) {
        kinds |= LETTER;
    }
    if known & PLAIN == 0 && !chars::is_punctuation(char) {
        kinds |= PLAIN;
    }
    kinds
}

/// Counts over the lines of a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lines {
    /// All lines, blank ones too.
    pub n: u64,
    /// Lines that start with a bullet, white space aside.
    pub n_bullets: u64,
    /// Lines that end in an ellipsis, white space aside.
    pub n_ellipses: u64,
}

impl Lines {
    /// Counts the lines of a document.
    pub fn count(text: &str) -> Self {
        let mut lines = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let (line, tail) = rest.split_at(line_end(rest));
            lines.n += 1;
            lines.n_bullets += u64::from(line.trim_start_matches(chars::is_space).starts_with(['•', '-']));
            let line = line.trim_end_matches(chars::is_space);
            lines.n_ellipses += u64::from(line.ends_with("...") || line.ends_with('…'));
            let after_char = tail.chars().next().map_or(0, char::len_utf8);
            rest = tail.strip_prefix("\r\n").unwrap_or(&tail[after_char..]);
        }
        lines
    }
}

/// Where the first line ends.
fn line_end(text: &str) -> usize {
    let mut at = 0;
    loop {
        at += find(&text.as_bytes()[at..], |byte| !(b' '..=b'~').contains(&byte));
        match text[at..].chars().next() {
            Some(char) if !chars::is_line_break(char) => at += char.len_utf8(),
            _ => return at,
        }
    }
}

/// Where the first byte is that is looked for; the length when there is none.
///
/// Sixteen bytes are looked at without a branch: several times as fast where they can be looked at together, and in a
/// sandbox, which looks at the time in every round of a loop.
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

/// Hash signs in a document.
pub fn count_hashes(text: &str) -> u64 {
    text.bytes().filter(|&byte| byte == b'#').count() as u64
}

/// Ellipses in a document, of three dots or one character; six dots are two.
pub fn count_ellipses(text: &str) -> u64 {
    let (mut rest, mut n) = (text.as_bytes(), 0);
    loop {
        // 0xe2 begins the one character, among others
        rest = &rest[find(rest, |byte| byte == b'.' || byte == 0xe2)..];
        let ellipsis = [b"...".as_slice(), "…".as_bytes()].into_iter().find_map(|ellipsis| rest.strip_prefix(ellipsis));
        match (ellipsis, rest) {
            (Some(after), _) => (rest, n) = (after, n + 1),
            (None, [_, after @ ..]) => rest = after,
            (None, []) => return n,
        }
    }
}

/// The quotient, not a number when there is nothing to divide by: then no rule is broken.
pub fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let words = Words::count(" to\u{3000}be, THE … 42\u{1c}中文。 e\u{301} Ⅳ ⓐ\u{a0}-- ");
        assert_eq!((words.n, words.n_plain, words.n_alphabetic), (10, 8, 5));
        // to, be,  THE, 42, 中文。, é, Ⅳ, ⓐ
        assert_eq!(words.n_plain_chars, 2 + 3 + 3 + 2 + 3 + 2 + 1 + 1);
        assert_eq!(words.n_stop_words(), 1);
        assert_eq!(Words::count("with with the the\nof").n_stop_words(), 3);
        for blank in ["", " ", "\r\n\u{2028}\u{1f}"] {
            assert_eq!(Words::count(blank), Words::default());
        }
    }

    #[test]
    fn lines() {
        let count = |text| {
            let lines = Lines::count(text);
            (lines.n, lines.n_bullets, lines.n_ellipses)
        };
        assert_eq!(count(""), (0, 0, 0));
        assert_eq!(count("\n"), (1, 0, 0));
        assert_eq!(count("a\r\nb\rc\n\nd"), (5, 0, 0));
        assert_eq!(count("\u{3000}• a...\t\n- b…\u{1c}* c....\u{85}… d"), (4, 2, 3));
        assert_eq!(count("-\u{2029}\u{c}"), (2, 1, 0));
    }

    #[test]
    fn symbols() {
        assert_eq!(count_hashes("# a#b ＃"), 2);
        assert_eq!(count_ellipses("a.... b...... c… .."), 4);
        assert!(ratio(0, 0).is_nan());
    }
}
