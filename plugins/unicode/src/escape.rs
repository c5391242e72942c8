//! Terminal escape sequences: colours, movements of the cursor, titles (ECMA-48).
//!
//! | introduced by | ends with |
//! |---|---|
//! | `ESC [`, U+009B (CSI) | a byte of `@` to `~`, behind parameters `0` to `?` and marks of a space to `/` |
//! | `ESC ]`, U+009D (OSC), and `ESC P`, `X`, `^`, `_`, U+0090 | BEL or ST (`ESC \`, U+009C) |
//! | `ESC` and marks of `!` to `/` | a byte of `0` to `~` |
//! | `ESC` | any other byte of `0` to `~` |
//! The one-character introducers also result from quotation marks and letters of Windows-1252 that were read as
//! Latin-1. So they are checked more strictly: a CSI must have a number or set a colour, and not every one is
//! considered.

/// Longest text of an OSC, such as a title or a link.
const STRING_BYTES_MAX: usize = 4096;

/// Returns the length in bytes of the sequence that a text begins with; none if it does not begin with a complete one.
pub fn length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    match bytes {
        [0x1b, b'[', rest @ ..] => control(rest).map(|length| 2 + length),
        [0x1b, b']' | b'P' | b'X' | b'^' | b'_', rest @ ..] => string(rest).map(|length| 2 + length),
        [0x1b, b'!'..=b'/', ..] => {
            let marks = bytes[1..].iter().take_while(|byte| matches!(byte, b'!'..=b'/')).count();
            bytes.get(1 + marks).filter(|byte| matches!(byte, b'0'..=b'~')).map(|_| 2 + marks)
        }
        [0x1b, b'0'..=b'~', ..] => Some(2),
        [0xc2, 0x9b, rest @ ..] => {
            let length = control(rest)?;
            let is_colour = rest[..length] == *b"m" && !rest.get(1).is_some_and(u8::is_ascii_alphanumeric);
            (rest[0].is_ascii_digit() || rest[0] == b'?' || is_colour).then_some(2 + length)
        }
        [0xc2, 0x90 | 0x9d, rest @ ..] => string(rest).map(|length| 2 + length),
        _ => None,
    }
}

/// Returns the length of what follows a CSI.
fn control(bytes: &[u8]) -> Option<usize> {
    let parameters = bytes.iter().take_while(|byte| matches!(byte, b'0'..=b'?')).count();
    let marks = bytes[parameters..].iter().take_while(|byte| matches!(byte, b' '..=b'/')).count();
    let end = parameters + marks;
    bytes.get(end).filter(|byte| matches!(byte, b'@'..=b'~')).map(|_| end + 1)
}

/// Returns the length of what follows an OSC, with its end: text without control characters, so that one that never
/// ends removes nothing.
fn string(bytes: &[u8]) -> Option<usize> {
    let bytes = &bytes[..bytes.len().min(STRING_BYTES_MAX)];
    let is_control = |at: &usize| bytes[*at] < b' ' || bytes[*at] == 0x7f || is_c1(&bytes[*at..]);
    let end = (0..bytes.len()).find(is_control)?;
    match bytes[end..] {
        [0x07, ..] => Some(end + 1),
        [0x1b, b'\\', ..] | [0xc2, 0x9c, ..] => Some(end + 2),
        _ => None,
    }
}

/// Whether UTF-8 begins with a control character of U+0080 to U+009F.
fn is_c1(bytes: &[u8]) -> bool {
    matches!(bytes, [0xc2, 0x80..=0x9f, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_whole() {
        for sequence in [
            "\x1b[m",
            "\x1b[32m",
            "\x1b[1;38;5;208m",
            "\x1b[?25l",
            "\x1b[2 q",
            "\x1b[38:2::1:2:3m",
            "\x1b[K",
            "\x1b[200~",
            "\x1b]0;title 中文\x07",
            "\x1b]8;;file:a\x1b\\",
            "\x1b]8;;\u{9c}",
            "\x1bP1$r0m\x1b\\",
            "\x1b_G\x1b\\",
            "\x1b(B",
            "\x1b#8",
            "\x1b%G",
            "\x1b7",
            "\x1b=",
            "\x1bM",
            "\x1bc",
            "\x1b\\",
            "\u{9b}32m",
            "\u{9b}m",
            "\u{9b}?25h",
            "\u{9d}0;title\u{9c}",
            "\u{90}q\x1b\\",
        ] {
            assert_eq!(length(sequence), Some(sequence.len()), "{sequence:?}");
            assert_eq!(length(&format!("{sequence} 1m")), Some(sequence.len()), "{sequence:?}");
        }
        for none in [
            "",
            "[32m",
            "\x1b",
            "\x1b[",
            "\x1b[32",
            "\x1b[32\n",
            "\x1b[中",
            "\x1b中",
            "\x1b]0;no end",
            "\x1b]0;a\nb\x07",
            "\x1b]0;a\x1b[m",
            "\x1b(",
            "\u{9b}More",
            "\u{9b}",
            "\u{9b}mit",
            "\u{9d}quoted\u{94}",
            "\u{98}a\u{9c}",
            "\x1b a",
        ] {
            assert_eq!(length(none), None, "{none:?}");
        }
        let long = format!("\x1b]{}\x07", "a".repeat(5000));
        assert_eq!(length(&long), None);
    }
}
