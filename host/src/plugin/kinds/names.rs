//! What several kinds check: names and counts.

use trainyard_plugin::{PluginError, Result};

/// Reason codes, names of outputs, special tokens and units are shown in tables.
const MAX_NAME_BYTES: usize = 100;
/// Signatures are shown below results.
const MAX_LINE_BYTES: usize = 1000;

/// Holds an answer to the number of its parts.
///
/// # Errors
/// Another number.
pub fn check_count(what: &str, expected: usize, got: usize) -> Result<()> {
    match got == expected {
        true => Ok(()),
        false => Err(PluginError::internal(format!("expected {expected} {what}, got {got}"))),
    }
}

/// Holds a name to what can be shown in a table.
///
/// # Errors
/// A name that is long or has control characters.
pub fn check_name(what: &str, name: &str) -> Result<()> {
    check_text(what, name, MAX_NAME_BYTES)
}

/// Holds a text to what can be shown on a line.
///
/// # Errors
/// A text that is long or has control characters.
pub fn check_line(what: &str, line: &str) -> Result<()> {
    check_text(what, line, MAX_LINE_BYTES)
}

fn check_text(what: &str, text: &str, max_bytes: usize) -> Result<()> {
    if text.len() > max_bytes {
        let start: String = text.chars().take(20).collect();
        return Err(PluginError::internal(format!(
            "{what} {start:?}… has {} bytes, at most {max_bytes} are allowed",
            text.len()
        )));
    }
    match text.chars().find(|char| char.is_control()) {
        Some(char) => Err(PluginError::internal(format!("{what} {text:?} holds the control character {char:?}"))),
        None => Ok(()),
    }
}
