//! What several kinds check: names and counts.

use trainyard_plugin::{PluginError, Result};

/// Reason codes, names of outputs, special tokens and units are shown in tables.
const MAX_NAME_BYTES: usize = 100;

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
    if name.len() > MAX_NAME_BYTES {
        let start: String = name.chars().take(20).collect();
        return Err(PluginError::internal(format!(
            "{what} {start:?}… has {} bytes, at most {MAX_NAME_BYTES} are allowed",
            name.len()
        )));
    }
    match name.chars().find(|char| char.is_control()) {
        Some(char) => Err(PluginError::internal(format!("{what} {name:?} holds the control character {char:?}"))),
        None => Ok(()),
    }
}
