//! SentencePiece's compiled table of replacements, `precompiled_charsmap`. The crate follows it without bounds checks,
//! so that a damaged table would make it panic in the middle of some text.
//!
//! ```text
//! n                  u32, bytes of the trie
//! trie               n / 4 units of u32: a double array over bytes (darts-clone)
//! replacements       UTF-8, each ended by a zero; a leaf of the trie is an offset in them
//! ```
//!
//! All numbers are little-endian.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use trainyard_plugin::{PluginError, Result};

/// Checks the tables of all steps of a `normalizer`.
///
/// # Errors
/// A damaged table.
pub fn check_all(normalizer: &Value) -> Result<()> {
    for step in normalizer["normalizers"].as_array().into_iter().flatten() {
        check_all(step)?;
    }
    if normalizer["type"] != "Precompiled" {
        return Ok(());
    }
    let table = normalizer["precompiled_charsmap"].as_str().unwrap_or_default();
    let table = BASE64_STANDARD.decode(table).map_err(|error| damaged(format!("expected base64: {error}")))?;
    check(&table)
}

/// A table that was checked.
pub struct Charsmap {
    units: Vec<u32>,
    replacements: String,
}

impl Charsmap {
    /// Reads a table; returns none if [`check`] would refuse it.
    pub fn new(table: &[u8]) -> Option<Self> {
        let (length, rest) = table.split_first_chunk::<4>()?;
        let units = units(rest.get(..u32::from_le_bytes(*length) as usize)?);
        let replacements = str::from_utf8(rest.get(4 * units.len()..)?).ok()?.to_owned();
        Some(Self { units, replacements })
    }

    /// Returns the replacement of the longest beginning of a text that is in the table, and how many bytes it replaces.
    pub fn longest(&self, text: &str) -> Option<(&str, usize)> {
        let mut node = offset(*self.units.first()?);
        let mut found = None;
        for (&byte, length) in text.as_bytes().iter().zip(1..) {
            let at = node ^ usize::from(byte);
            let Some(&unit) = self.units.get(at).filter(|unit| **unit & LABEL == u32::from(byte)) else { break };
            node = at ^ offset(unit);
            if unit >> 8 & 1 == 1 {
                found = self.units.get(node).map(|leaf| ((leaf & (u32::MAX >> 1)) as usize, length));
            }
        }
        let (start, length) = found?;
        let rest = self.replacements.get(start..)?;
        Some((&rest[..rest.find('\0').unwrap_or(rest.len())], length))
    }
}

/// The bits of a unit that hold the byte that leads to it.
const LABEL: u32 = 1 << 31 | 0xff;

fn units(trie: &[u8]) -> Vec<u32> {
    trie.chunks_exact(4).map(|unit| u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]])).collect()
}

/// Checks that no text can lead the crate out of the table.
///
/// # Errors
/// A table that is cut short, or has an entry that leads out of it.
pub fn check(table: &[u8]) -> Result<()> {
    let (length, rest) = table.split_first_chunk::<4>().ok_or_else(|| damaged("it is empty"))?;
    let length = u32::from_le_bytes(*length) as usize;
    let trie = rest
        .get(..length)
        .ok_or_else(|| damaged(format!("the trie takes {length} bytes, but {} are left", rest.len())))?;
    let units = units(trie);
    // a unit's fourth part of a number is not read, and is the beginning of the replacements to the crate
    let replacements = rest.get(4 * units.len()..).unwrap_or_default();
    let replacements = str::from_utf8(replacements).map_err(|_| damaged("the replacements are no UTF-8"))?;
    let root = *units.first().ok_or_else(|| damaged("the trie is empty"))?;

    let mut is_seen = vec![false; units.len()];
    let mut open = vec![offset(root)];
    while let Some(node) = open.pop() {
        for byte in 1..=u8::MAX {
            let at = node ^ usize::from(byte);
            let unit = *units.get(at).ok_or_else(|| damaged(format!("unit {at} of {} is missing", units.len())))?;
            if unit & LABEL != u32::from(byte) || std::mem::replace(&mut is_seen[at], true) {
                continue;
            }
            let next = at ^ offset(unit);
            if unit >> 8 & 1 == 1 {
                let leaf =
                    units.get(next).ok_or_else(|| damaged(format!("leaf {next} of {} is missing", units.len())))?;
                let start = (leaf & (u32::MAX >> 1)) as usize;
                if !replacements.is_char_boundary(start) {
                    let n_bytes = replacements.len();
                    return Err(damaged(format!(
                        "replacement {start} is outside the {n_bytes} bytes, or in a character"
                    )));
                }
            }
            open.push(next);
        }
    }
    Ok(())
}

/// Returns where the children of a unit are, relative to it.
fn offset(unit: u32) -> usize {
    let unit = unit as usize;
    (unit >> 10) << ((unit & (1 << 9)) >> 6)
}

fn damaged(why: impl std::fmt::Display) -> PluginError {
    PluginError::input(format!("model: normalizer: precompiled_charsmap: {why}; the file is damaged, fetch it again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a table of 512 units with one entry: `x` becomes the text at `start` of `replacements`.
    fn table(start: u32, replacements: &[u8]) -> Vec<u8> {
        let mut units = vec![0_u32; 512];
        // the children of the root are at 0 ^ 256 ^ byte; that of `x` has a leaf at 256 ^ b'x' ^ 1
        units[0] = 256 << 10;
        units[256 ^ usize::from(b'x')] = 1 << 10 | 1 << 8 | u32::from(b'x');
        units[256 ^ usize::from(b'x') ^ 1] = start;
        let trie: Vec<u8> = units.into_iter().flat_map(u32::to_le_bytes).collect();
        [&(trie.len() as u32).to_le_bytes()[..], &trie, replacements].concat()
    }

    #[test]
    fn tables_are_checked() {
        let message = |table: &[u8]| check(table).err().map(|error| error.message);
        assert_eq!(message(&table(0, b"yy\0")), None);
        assert_eq!(message(&table(3, "é\0\0".as_bytes())), None);
        let wrong = |why: &str| {
            Some(format!("model: normalizer: precompiled_charsmap: {why}; the file is damaged, fetch it again"))
        };
        assert_eq!(message(&[]), wrong("it is empty"));
        assert_eq!(message(&[0; 4]), wrong("the trie is empty"));
        assert_eq!(message(&[8, 0, 0, 0, 1]), wrong("the trie takes 8 bytes, but 1 are left"));
        assert_eq!(message(&table(0, b"\xff")), wrong("the replacements are no UTF-8"));
        assert_eq!(message(&table(4, b"yy\0")), wrong("replacement 4 is outside the 3 bytes, or in a character"));
        let inside = wrong("replacement 1 is outside the 3 bytes, or in a character");
        assert_eq!(message(&table(1, "é\0".as_bytes())), inside);
        let mut cut = table(0, b"yy\0");
        cut.drain(4 + 4 * 400..4 + 4 * 512);
        cut[..4].copy_from_slice(&1600_u32.to_le_bytes());
        assert!(message(&cut).is_some_and(|message| message.contains("of 400 is missing")), "{:?}", message(&cut));
    }
}
