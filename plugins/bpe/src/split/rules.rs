//! The scanners of the rules, and their regular expressions.

use super::Split;
use super::ascii::{load, n_letters, n_lower, n_upper};
use super::classes::{LETTER, LOWER, NEWLINE, NUMBER, SPACE, UPPER, class_at, run_end, run_end_without};

impl Split {
    /// Returns the regular expression whose matches are the pieces (flavours: fancy-regex, Oniguruma); none if text is
    /// not split.
    pub fn pattern(self) -> Option<String> {
        const CONTRACTION: &str = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
        const END: &str = r"\s*[\r\n]+|\s+(?!\S)|\s+";
        Some(match self {
            Self::Gpt2 => r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+".to_owned(),
            Self::Gpt4 { digits, whole_end } => {
                let number = if digits == 1 { r"\p{N}".to_owned() } else { format!(r"\p{{N}}{{1,{digits}}}") };
                let end = if whole_end { format!(r"\s+$|{END}") } else { END.to_owned() };
                format!(r"{CONTRACTION}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{number}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{end}")
            }
            Self::O200k => [
                r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
                &format!(r"{CONTRACTION}?|"),
                r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
                &format!(r"{CONTRACTION}?|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{END}"),
            ]
            .concat(),
            Self::None => return None,
        })
    }
}

/// Letters, numbers and white space.
const WORDLIKE: u8 = LETTER | NUMBER | SPACE;

pub fn gpt2(text: &[u8], at: usize) -> usize {
    let first = text[at];
    if first == b'\'' {
        let length = contraction_length(&text[at..]);
        if length > 0 {
            return at + length;
        }
    }
    let body = at + usize::from(first == b' ');
    if let Some(end) = ascii_word(text, body) {
        return end;
    }
    match class_at(text, body) {
        Some((class, length)) if class & LETTER != 0 => run_end(text, body + length, LETTER),
        Some((class, length)) if class & NUMBER != 0 => run_end(text, body + length, NUMBER),
        Some((class, length)) if class & SPACE == 0 => run_end_without(text, body + length, WORDLIKE),
        _ => space_end(text, at),
    }
}

pub fn gpt4(text: &[u8], at: usize, digits: usize, whole_end: bool) -> usize {
    let Some((class, length)) = class_at(text, at) else { return at };
    if class & LETTER != 0 {
        return ascii_word(text, at).unwrap_or_else(|| run_end(text, at + length, LETTER));
    }
    if text[at] == b'\'' {
        let length = any_contraction_length(&text[at..]);
        if length > 0 {
            return at + length;
        }
    }
    let next = at + length;
    if class & (NUMBER | NEWLINE) == 0 {
        if let Some(end) = ascii_word(text, next) {
            return end;
        }
        if let Some((LETTER.., length)) = class_at(text, next).map(|(class, length)| (class & LETTER, length)) {
            return run_end(text, next + length, LETTER);
        }
    }
    if class & NUMBER != 0 {
        return number_end(text, next, digits);
    }
    signs_end(text, at, next, class, is_newline).unwrap_or_else(|| lines_end(text, at, whole_end))
}

pub fn o200k(text: &[u8], at: usize) -> usize {
    let Some((class, length)) = class_at(text, at) else { return at };
    if let Some(end) = ascii_cased_word(text, at, class, length) {
        return end;
    }
    let next = at + length;
    let has_prefix = class & (LETTER | NUMBER | NEWLINE) == 0;
    let prefixed = |word: fn(&[u8], usize) -> Option<usize>| has_prefix.then(|| word(text, next)).flatten();
    let word = prefixed(lower_word)
        .or_else(|| lower_word(text, at))
        .or_else(|| prefixed(upper_word))
        .or_else(|| upper_word(text, at));
    if let Some(end) = word {
        return end + text.get(end).map_or(0, |_| any_contraction_length(&text[end..]));
    }
    if class & NUMBER != 0 {
        return number_end(text, next, 3);
    }
    signs_end(text, at, next, class, |byte| is_newline(byte) || byte == b'/')
        .unwrap_or_else(|| lines_end(text, at, false))
}

/// Returns the end of a word of up to 7 ASCII letters that begins at `at`, if there is one and no letter may follow.
#[inline]
fn ascii_word(text: &[u8], at: usize) -> Option<usize> {
    let n = n_letters(load(text, at)?);
    (0 < n && n < 8 && text[at + n] < 0x80).then_some(at + n)
}

/// Does the same for `o200k`: upper case, then lower case, after an optional sign.
#[inline]
fn ascii_cased_word(text: &[u8], at: usize, class: u8, length: usize) -> Option<usize> {
    let start = match class & (LETTER | NUMBER | NEWLINE) {
        LETTER => at,
        0 => at + length,
        _ => return None,
    };
    // a mark may begin a word of its own
    if class & (LETTER | UPPER) == UPPER {
        return None;
    }
    let word = load(text, start)?;
    let upper = n_upper(word);
    let n = upper + n_lower(word.checked_shr(8 * upper as u32).unwrap_or(0));
    (0 < n && n < 8 && text[start + n] < 0x80 && text[start + n] != b'\'').then_some(start + n)
}

/// `U*L+`, where `L*` takes what it can: the end, if there is such a word at `at`.
fn lower_word(text: &[u8], at: usize) -> Option<usize> {
    let (mut end, mut last_lower) = (at, None);
    while let Some((class, length)) = class_at(text, end).filter(|(class, _)| class & UPPER != 0) {
        end += length;
        if class & LOWER != 0 {
            last_lower = Some(end);
        }
    }
    let lower_end = run_end(text, end, LOWER);
    // without lower case behind it, the first part gives back as much as the second needs
    if lower_end > end { Some(lower_end) } else { last_lower }
}

/// `U+L*`.
fn upper_word(text: &[u8], at: usize) -> Option<usize> {
    let end = run_end(text, at, UPPER);
    (end > at).then(|| run_end(text, end, LOWER))
}

/// Up to `digits` numbers, of which the first ends at `next`.
fn number_end(text: &[u8], next: usize, digits: usize) -> usize {
    let mut end = next;
    for _ in 1..digits {
        match class_at(text, end) {
            Some((class, length)) if class & NUMBER != 0 => end += length,
            _ => break,
        }
    }
    end
}

fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Matches ` ?[^\s\p{L}\p{N}]+` and the bytes of `tail` after it; none if the text does not match. `class` is that of
/// the character at `at`, which ends at `next`.
#[inline]
fn signs_end(text: &[u8], at: usize, next: usize, class: u8, tail: impl Fn(u8) -> bool) -> Option<usize> {
    let mut end = match text[at] {
        b' ' => run_end_without(text, next, WORDLIKE),
        _ if class & WORDLIKE == 0 => run_end_without(text, next, WORDLIKE),
        _ => return None,
    };
    if text[at] == b' ' && end == next {
        return None;
    }
    while text.get(end).is_some_and(|&byte| tail(byte)) {
        end += 1;
    }
    Some(end)
}

/// Returns the length of `'s`, `'ll` and the like; 0 if the text begins differently.
fn contraction_length(text: &[u8]) -> usize {
    match text {
        [b'\'', b's' | b'd' | b'm' | b't', ..] => 2,
        [b'\'', b'l', b'l', ..] | [b'\'', b'v', b'e', ..] | [b'\'', b'r', b'e', ..] => 3,
        _ => 0,
    }
}

/// Does the same in any case. `ſ` is an s in old print, and so a regular expression matches it too.
#[inline]
fn any_contraction_length(text: &[u8]) -> usize {
    if text[0] != b'\'' {
        return 0;
    }
    if text[1..].starts_with("ſ".as_bytes()) {
        return 3;
    }
    let lower = |i: usize| text.get(i).map_or(0, u8::to_ascii_lowercase);
    contraction_length(&[b'\'', lower(1), lower(2)])
}

/// Matches white space, whose last character belongs to a word after it: `\s+(?!\S)` and, for a single one, `\s+`.
fn space_end(text: &[u8], at: usize) -> usize {
    let (mut last, mut end) = (at, at);
    while let Some((_, length)) = class_at(text, end).filter(|(class, _)| class & SPACE != 0) {
        last = end;
        end += length;
    }
    if end == text.len() || last == at { end } else { last }
}

/// Does the same, but white space with newlines ends after the last newline: `\s*[\r\n]+` comes first.
fn lines_end(text: &[u8], at: usize, whole_end: bool) -> usize {
    let (mut last, mut end, mut newline) = (at, at, None);
    while let Some((class, length)) = class_at(text, end).filter(|(class, _)| class & SPACE != 0) {
        last = end;
        end += length;
        if class & NEWLINE != 0 {
            newline = Some(end);
        }
    }
    match newline {
        _ if whole_end && end == text.len() => end,
        Some(newline) => newline,
        None if end == text.len() || last == at => end,
        None => last,
    }
}
