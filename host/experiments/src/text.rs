//! Figures for people.

use std::time::Duration;

/// What stands for a value that is missing.
pub const NONE: &str = "–";

/// `2.6120`: four digits behind the point, more for what is small.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if !size.is_finite() => value.to_string(),
        size if size >= 1e5 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.2}"),
        size if size >= 1e-3 || size == 0.0 => format!("{value:.4}"),
        _ => format!("{value:.2e}"),
    }
}

/// `0.0025`, `0.00050`: four digits behind the point, or as many as show two significant ones.
pub fn deviation(value: f64) -> String {
    let decimals = if value > 0.0 { (1.0 - value.log10().floor()).clamp(4.0, 12.0) } else { 4.0 };
    format!("{value:.0$}", if value >= 100.0 { 2 } else { decimals as usize })
}

/// Returns a text, or what stands for none.
pub fn or_none(text: Option<String>) -> String {
    text.unwrap_or_else(|| NONE.to_owned())
}

/// `42s`, `17m`, `5h`, `12d`: how long ago something was.
pub fn age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m", seconds / 60),
        seconds @ 3600..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// A mark of footnote `number`: `¹`, or `(10)`.
pub fn footnote_mark(number: usize) -> String {
    const MARKS: [&str; 9] = ["¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"];
    match number.checked_sub(1).and_then(|index| MARKS.get(index)) {
        Some(mark) => (*mark).to_owned(),
        None => format!("({number})"),
    }
}

/// `1 seed`, `3 seeds`.
pub fn plural(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
