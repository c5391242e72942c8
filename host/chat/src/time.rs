//! Dates and times as Python's `strftime` writes them, in English.

use chrono::{Datelike, NaiveDateTime, Timelike};
use std::fmt::Write;

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Writes a time as `format` asks for it. A time has no zone, as that of Python's `datetime.now()`; what is no
/// directive stays as it is.
pub fn formatted(time: NaiveDateTime, format: &str) -> String {
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(char) = chars.next() {
        if char != '%' {
            out.push(char);
            continue;
        }
        let before = chars.as_str();
        let mut directive = chars.next();
        // how a number is filled up, as the C library has it
        let fill = directive.filter(|char| matches!(char, '-' | '_' | '0'));
        if fill.is_some() {
            directive = chars.next();
        }
        if !directive.is_some_and(|directive| written(&mut out, time, directive, fill)) {
            out.push('%');
            out.push_str(&before[..before.len() - chars.as_str().len()]);
        }
    }
    out
}

/// Writes one directive; returns false where it is none.
fn written(out: &mut String, time: NaiveDateTime, directive: char, fill: Option<char>) -> bool {
    if let Some((number, width, usual)) = number(time, directive) {
        let written = match fill.unwrap_or(usual) {
            '-' => write!(out, "{number}"),
            '_' => write!(out, "{number:width$}"),
            _ => write!(out, "{number:0width$}"),
        };
        return written.is_ok();
    }
    let day = DAYS[time.weekday().num_days_from_monday() as usize % 7];
    let month = MONTHS[time.month0() as usize % 12];
    let half = if time.hour() < 12 { "AM" } else { "PM" };
    let combined = match directive {
        'c' => "%a %b %e %H:%M:%S %Y",
        'D' | 'x' => "%m/%d/%y",
        'F' => "%Y-%m-%d",
        'R' => "%H:%M",
        'r' => "%I:%M:%S %p",
        'T' | 'X' => "%H:%M:%S",
        _ => "",
    };
    match directive {
        'A' => out.push_str(day),
        'a' => out.push_str(&day[..3]),
        'B' => out.push_str(month),
        'b' | 'h' => out.push_str(&month[..3]),
        'p' => out.push_str(half),
        'P' => out.push_str(&half.to_lowercase()),
        'n' => out.push('\n'),
        't' => out.push('\t'),
        '%' => out.push('%'),
        'Z' | 'z' => {}
        _ if !combined.is_empty() => out.push_str(&formatted(time, combined)),
        _ => return false,
    }
    true
}

/// The number that a directive stands for, with its width and how it is filled up to it.
fn number(time: NaiveDateTime, directive: char) -> Option<(i64, usize, char)> {
    let (hour, day) = (i64::from(time.hour()), i64::from(time.ordinal0()));
    let (hour_of_12, week) = ((hour + 11) % 12 + 1, time.iso_week());
    let since = |first: i64| (day + 7 - (i64::from(time.weekday().num_days_from_sunday()) + 7 - first) % 7) / 7;
    Some(match directive {
        'C' => (i64::from(time.year()) / 100, 2, '0'),
        'd' => (i64::from(time.day()), 2, '0'),
        'e' => (i64::from(time.day()), 2, '_'),
        'f' => (i64::from(time.nanosecond()) / 1000 % 1_000_000, 6, '0'),
        'G' => (i64::from(week.year()), 1, '0'),
        'g' => (i64::from(week.year().rem_euclid(100)), 2, '0'),
        'H' => (hour, 2, '0'),
        'I' => (hour_of_12, 2, '0'),
        'j' => (day + 1, 3, '0'),
        'k' => (hour, 2, '_'),
        'l' => (hour_of_12, 2, '_'),
        'M' => (i64::from(time.minute()), 2, '0'),
        'm' => (i64::from(time.month()), 2, '0'),
        'S' => (i64::from(time.second()), 2, '0'),
        'U' => (since(0), 2, '0'),
        'u' => (i64::from(time.weekday().number_from_monday()), 1, '0'),
        'V' => (i64::from(week.week()), 2, '0'),
        'W' => (since(1), 2, '0'),
        'w' => (i64::from(time.weekday().num_days_from_sunday()), 1, '0'),
        'Y' => (i64::from(time.year()), 1, '0'),
        'y' => (i64::from(time.year().rem_euclid(100)), 2, '0'),
        _ => return None,
    })
}
