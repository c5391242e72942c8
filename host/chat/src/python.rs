//! Values as Python prints them, and what counts as a space there.

use minijinja::value::ValueKind;
use minijinja::{Error, State, Value};

/// Whether Python's `str.isspace` holds for the character.
pub fn is_space(char: char) -> bool {
    char.is_whitespace() || ('\x1c'..='\x1f').contains(&char)
}

/// Writes a number as Python's `repr(float)` does.
pub fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = number.to_string();
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// A number as Python's `repr` writes it.
pub fn number(value: &Value) -> String {
    match f64::try_from(value.clone()) {
        Ok(number) if !value.is_integer() => float(number),
        _ => value.to_string(),
    }
}

/// Returns the value as Python's `str` does.
///
/// # Errors
/// A value that takes more fuel than is left.
pub fn str(state: &State, value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    match value.as_str() {
        Some(text) => out.push_str(text),
        None => repr(&mut out, state, value)?,
    }
    Ok(out)
}

/// Writes the value as Python's `repr` does. Each item takes fuel before it is written: a list may hold another many
/// times.
///
/// # Errors
/// A value that takes more fuel than is left.
pub fn repr(out: &mut String, state: &State, value: &Value) -> Result<(), Error> {
    state.consume_fuel(1)?;
    match value.kind() {
        ValueKind::String => {
            let text = value.as_str().unwrap_or("");
            state.consume_fuel(text.len() as u64 / 64)?;
            quoted(out, text);
        }
        ValueKind::Number => out.push_str(&number(value)),
        ValueKind::Map => {
            out.push('{');
            for (index, key) in value.try_iter()?.enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                repr(out, state, &key)?;
                out.push_str(": ");
                repr(out, state, &value.get_item(&key)?)?;
            }
            out.push('}');
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let (open, close) = if value.is_tuple() { ("(", ")") } else { ("[", "]") };
            out.push_str(open);
            let mut n_items = 0;
            for item in value.try_iter()? {
                out.push_str(if n_items == 0 { "" } else { ", " });
                repr(out, state, &item)?;
                n_items += 1;
            }
            out.push_str(if value.is_tuple() && n_items == 1 { "," } else { "" });
            out.push_str(close);
        }
        _ => out.push_str(&value.to_string()),
    }
    Ok(())
}

/// Writes a string as Python's `repr` does.
fn quoted(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if char == quote => out.extend(['\\', quote]),
            ' '..='~' => out.push(char),
            _ if is_printable(char) => out.push(char),
            _ => {
                let code = u32::from(char);
                out.push_str(&match code {
                    0..=0xFF => format!("\\x{code:02x}"),
                    0x100..=0xFFFF => format!("\\u{code:04x}"),
                    _ => format!("\\U{code:08x}"),
                });
            }
        }
    }
    out.push(quote);
}

/// Whether Python prints the character as it is: no control character, no space but U+0020, none for private use.
fn is_printable(char: char) -> bool {
    // Rust escapes the same categories, and marks that extend a letter only at the start of a text.
    let mut text = String::from("a");
    text.push(char);
    text.escape_debug().nth(1) != Some('\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_as_in_python() {
        for (text, expected) in [
            ("it's", "\"it's\""),
            ("a\"b", "'a\"b'"),
            ("'\"", "'\\'\"'"),
            ("\x07\u{a0}\u{ad}\u{2028}\u{e000}\u{10fffd}", "'\\x07\\xa0\\xad\\u2028\\ue000\\U0010fffd'"),
            ("é雨🇨🇳e\u{301}\\", "'é雨🇨🇳e\u{301}\\\\'"),
        ] {
            let mut out = String::new();
            quoted(&mut out, text);
            assert_eq!(out, expected);
        }
    }
}
