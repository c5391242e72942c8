//! E-mail addresses, as found by datatrove's regular expression:
//!
//! ```text
//! \b LOCAL+ (\. LOCAL+)* @ ( (LABEL \.)+ LABEL | \[ OCTET\. OCTET\. OCTET\. (OCTET | [A-Za-z0-9-]*[A-Za-z0-9]:) ] )
//! ```
//! where LABEL begins and ends with a letter or digit and may contain hyphens. There is one difference: letters of
//! scripts that are written without spaces (Chinese, Japanese, Thai and others) are not part of the word next to them,
//! so that an address directly after them is found. Python sees one word there, and datatrove no address.

use crate::ip;
use std::ops::Range;

/// Returns the e-mail address around the at sign at `at`, beginning at `from` or later.
pub fn around(text: &str, at: usize, from: usize) -> Option<Range<usize>> {
    let end = domain_end(text.as_bytes(), at + 1)?;
    local_start(text, at, from).map(|start| start..end)
}

/// Returns the start of the local part before `at`: the first of its possible characters at which a word begins or
/// ends, in the sense of Python's `\b` for words with spaces between them.
fn local_start(text: &str, at: usize, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut first = at;
    while first > from {
        let byte = bytes[first - 1];
        // dots stand between characters only
        let is_dot_between = byte == b'.' && first < at && bytes[first] != b'.';
        if !is_local(byte) && !is_dot_between {
            break;
        }
        first -= 1;
    }
    let is_boundary = |i: usize| {
        let before = text[..i].chars().next_back().is_some_and(is_word);
        before != is_word(bytes[i].into())
    };
    (first..at).find(|&i| bytes[i] != b'.' && is_boundary(i))
}

/// Returns the end of the domain that begins at `start`.
fn domain_end(bytes: &[u8], start: usize) -> Option<usize> {
    if bytes.get(start) == Some(&b'[') {
        return literal_end(bytes, start + 1);
    }
    let (mut label, mut n_labels, mut end) = (start, 0, None);
    loop {
        let run = bytes[label..].iter().take_while(|&&byte| is_label(byte)).count();
        let name = &bytes[label..label + run];
        if !name.first().is_some_and(u8::is_ascii_alphanumeric) {
            return end;
        }
        n_labels += 1;
        let length = name.iter().rposition(u8::is_ascii_alphanumeric).map_or(0, |last| last + 1);
        if n_labels > 1 {
            end = Some(label + length);
        }
        if length < run || bytes.get(label + run) != Some(&b'.') {
            return end;
        }
        label += run + 1;
    }
}

/// Returns the end of a domain in brackets: an IP address, or one whose last part is a name and a colon.
fn literal_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    for _ in 0..3 {
        at = ip::octet_and_dot(bytes, at)?;
    }
    let run = bytes[at..].iter().take_while(|&&byte| is_label(byte)).count();
    let last = &bytes[at..at + run];
    let is_named = bytes.get(at + run) == Some(&b':') && last.last().is_some_and(u8::is_ascii_alphanumeric);
    if !is_named && !ip::is_octet(last) {
        return None;
    }
    let end = at + run + usize::from(is_named);
    (bytes.get(end) == Some(&b']')).then_some(end + 1)
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte)
}

fn is_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

/// Whether Python's `\w` matches a character. Rust treats some marks as letters that Python does not, which matters
/// only if an address touches one.
fn is_word(char: char) -> bool {
    char == '_' || (char.is_alphanumeric() && !is_unspaced(char))
}

/// Whether a character is a letter of a script that puts no spaces between words, or none between a word and a foreign
/// one.
fn is_unspaced(char: char) -> bool {
    matches!(char,
        // Thai, Lao, Tibetan; Myanmar; Khmer; New Tai Lue and Tai Tham; more of Myanmar; Tai Viet
        '\u{e00}'..='\u{fff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{1980}'..='\u{1aad}'
        | '\u{a9e0}'..='\u{a9ff}' | '\u{aa60}'..='\u{aadf}'
        // Hangul, its letters too
        | '\u{1100}'..='\u{11ff}' | '\u{3131}'..='\u{318e}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}'
        // radicals, marks of iteration, kana, Bopomofo, Han, Yi, and what is as wide as they are
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3130}' | '\u{3190}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{a4cf}' | '\u{f900}'..='\u{faff}' | '\u{ff10}'..='\u{ff9f}' | '\u{1aff0}'..='\u{1b16f}'
        | '\u{20000}'..='\u{3ffff}')
}
