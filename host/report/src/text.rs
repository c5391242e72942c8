//! Numbers and paragraphs for people.

use std::path::Path;

/// Characters that are shown of a plugin's name.
pub const NAME_CHARS: usize = 60;

/// `950`, `12.3k`, `4.56M`: three significant digits.
pub fn count(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        size if size >= 999.5e6 => (value / 1e9, "G"),
        size if size >= 999.5e3 => (value / 1e6, "M"),
        size if size >= 999.5 => (value / 1e3, "k"),
        _ => return format!("{value:.0}"),
    };
    let n_decimals = if scaled.abs() >= 99.95 { 0 } else { 1 + usize::from(scaled.abs() < 9.995) };
    format!("{scaled:.n_decimals$}{unit}")
}

/// `950 B`, `12.3 KiB`, `1.20 GiB`: three significant digits.
pub fn bytes(value: f64) -> String {
    let (scaled, unit) = match value {
        size if size >= 1023.5 * 1024.0 * 1024.0 => (value / (1024.0 * 1024.0 * 1024.0), "GiB"),
        size if size >= 1023.5 * 1024.0 => (value / (1024.0 * 1024.0), "MiB"),
        size if size >= 1023.5 => (value / 1024.0, "KiB"),
        _ => return format!("{value:.0} B"),
    };
    let n_decimals = if scaled >= 99.95 { 0 } else { 1 + usize::from(scaled < 9.995) };
    format!("{scaled:.n_decimals$} {unit}")
}

/// `42s`, `3m 05s`, `2h 07m`.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64; // NaN becomes 0
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Breaks lines between words so that none is wider than `width` characters, unless a word is. Lines that are there
/// stay. Control characters, which could change the terminal, are replaced.
pub fn wrap(text: &str, width: usize) -> String {
    let mut wrapped = String::with_capacity(text.len() + text.len() / width.max(1));
    for line in text.trim().lines() {
        let mut column = 0;
        for word in line.split_whitespace() {
            let n_chars = word.chars().count();
            if column > 0 && column + 1 + n_chars > width {
                wrapped.push('\n');
                column = 0;
            } else if column > 0 {
                wrapped.push(' ');
                column += 1;
            }
            wrapped.extend(word.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }));
            column += n_chars;
        }
        wrapped.push('\n');
    }
    wrapped
}

/// The path as one would type it in the current folder.
pub fn short(path: &Path) -> String {
    let current = std::env::current_dir().and_then(|dir| dir.canonicalize()).unwrap_or_default();
    path.strip_prefix(&current).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_three_digits() {
        let cases = [(0.0, "0"), (999.4, "999"), (999.6, "1.00k"), (12_345.0, "12.3k"), (123_456.0, "123k")];
        for (value, expected) in cases.into_iter().chain([(4_560_000.0, "4.56M"), (2e9, "2.00G")]) {
            assert_eq!(count(value), expected);
        }
    }

    #[test]
    fn sizes_have_three_digits() {
        let cases = [(0.0, "0 B"), (1023.0, "1023 B"), (1536.0, "1.50 KiB"), (2e7, "19.1 MiB"), (1.5e11, "140 GiB")];
        for (value, expected) in cases {
            assert_eq!(bytes(value), expected);
        }
    }

    #[test]
    fn durations_have_two_units() {
        let cases = [(0.4, "0s"), (59.6, "1m 00s"), (185.0, "3m 05s"), (7620.0, "2h 07m"), (f64::NAN, "0s")];
        for (seconds, expected) in cases {
            assert_eq!(duration(seconds), expected);
        }
    }

    #[test]
    fn text_is_wrapped_between_words() {
        assert_eq!(wrap("one two three\nfour  five\n\nsix", 9), "one two\nthree\nfour five\n\nsix\n");
        assert_eq!(wrap("a longword b", 4), "a\nlongword\nb\n");
        assert_eq!(wrap("bell\u{7} \u{1b}[31mred", 80), "bell\u{fffd} \u{fffd}[31mred\n");
    }
}
