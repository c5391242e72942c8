//! Makes text from a file or a plugin safe for a terminal: invisible characters are spelled out, long lines are cut.
//!
//! A terminal obeys escape sequences, control characters move the text before them, and bidirectional controls show a
//! line in a different order: with any of these, a file could fake a message. The JSON of `--json` is never changed.

use std::borrow::Cow;
use std::fmt::Write;

/// Characters of one line on a terminal.
const LINE_CHARS_MAX: usize = 2000;
/// How many of these show the end of a line that is cut, because errors end with what to do.
const END_CHARS: usize = 400;

/// Returns the text as part of one line: control characters, including line breaks, and characters without a shape of
/// their own are spelled out, as `\n` or `\u{202e}`.
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, is_unseen)
}

/// Returns a text of several lines. It is treated like a [`line`], except that line breaks and tabs are kept, and so
/// are the two joiners that Persian, Hindi and many emoji need.
pub fn text(text: &str) -> Cow<'_, str> {
    escape(text, |char| !matches!(char, '\n' | '\t' | '\u{200c}' | '\u{200d}') && is_unseen(char))
}

/// Returns a message of one or more lines. It is treated like a [`text`], and the middle of a line that is too long is
/// left out.
pub fn message(message: &str) -> Cow<'_, str> {
    if message.split('\n').all(|line| line.len() <= LINE_CHARS_MAX) {
        return text(message);
    }
    let cut = |line| cut_middle(&text(line)).into_owned();
    message.split('\n').map(cut).collect::<Vec<_>>().join("\n").into()
}

/// Returns a name or a description as part of one line, with at most `chars_max` characters.
pub fn clip(text: &str, chars_max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars_max) {
        None => line(text),
        Some((end, _)) => format!("{}… ({})", line(&text[..end]), size(text.len())).into(),
    }
}

/// Leaves out the middle of a line that is too long.
fn cut_middle(line: &str) -> Cow<'_, str> {
    let n_chars = line.chars().count();
    if n_chars <= LINE_CHARS_MAX {
        return line.into();
    }
    let start: String = line.chars().take(LINE_CHARS_MAX - END_CHARS).collect();
    let end: String = line.chars().skip(n_chars - END_CHARS).collect();
    format!("{start}… ({}) …{end}", size(line.len())).into()
}

fn size(n_bytes: usize) -> String {
    match n_bytes {
        0..10_000 => format!("{n_bytes} bytes"),
        10_000..10_000_000 => format!("{} KB", n_bytes / 1000),
        _ => format!("{} MB", n_bytes / 1_000_000),
    }
}

fn escape(text: &str, is_unfit: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_unfit) {
        return text.into();
    }
    let mut clean = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match char {
            char if !is_unfit(char) => clean.push(char),
            '\n' | '\r' | '\t' => clean.extend(char.escape_default()),
            // writing to a text does not fail
            char => drop(write!(clean, "\\u{{{:x}}}", u32::from(char))),
        }
    }
    clean.into()
}

/// Whether a character controls the terminal, the direction of the text or its shaping, or is invisible: the categories
/// Cc, Zl and Zp, and all of Cf and of the characters drawn as nothing, except variation selectors of emoji.
fn is_unseen(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            // zero width, marks of direction; lines and paragraphs; embeddings and overrides
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            // word joiner, invisible operators, isolates
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            // musical controls, tags and the second block of variation selectors, which can hide a whole text
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_spelled_out() {
        let cases = [
            ("naïve 中文 हिन्दी 👍🏽", "naïve 中文 हिन्दी 👍🏽"),
            ("a\u{1b}[31mred\u{9b}0m\u{7}", "a\\u{1b}[31mred\\u{9b}0m\\u{7}"),
            ("one\r\ntwo\tthree", "one\\r\\ntwo\\tthree"),
            ("user\u{202e}txt.exe\u{2066}\u{200f}", "user\\u{202e}txt.exe\\u{2066}\\u{200f}"),
            ("p\u{200b}a\u{200d}y\u{feff}\u{e0041}", "p\\u{200b}a\\u{200d}y\\u{feff}\\u{e0041}"),
            ("❤\u{fe0f}", "❤\u{fe0f}"),
        ];
        for (text, expected) in cases {
            assert_eq!(line(text), expected);
            assert_eq!(line(expected), expected, "once is enough");
        }
        assert_eq!(text("a\u{7}\nb\r"), "a\\u{7}\nb\\r");
        assert_eq!(text("می\u{200c}خواهم\u{202e}"), "می\u{200c}خواهم\\u{202e}");
    }

    #[test]
    fn what_is_long_is_cut() {
        assert_eq!(clip("four", 4), "four");
        assert_eq!(clip("f\u{7}ür\u{1b}", 4), "f\\u{7}ür… (6 bytes)");
        assert_eq!(clip(&"x".repeat(50_000_000), 3), "xxx… (50 MB)");
        let long = format!("first\n{}; delete it\nlast", "é".repeat(60_000));
        let shown = message(&long);
        assert!(shown.starts_with("first\néé") && shown.ends_with("é; delete it\nlast"), "{shown}");
        assert!(shown.contains("é… (120 KB) …é") && shown.chars().count() < 2050, "{}", shown.chars().count());
    }
}
