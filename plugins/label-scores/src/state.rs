//! The state: what was counted of each label.

use crate::Counts;
use std::collections::BTreeMap;
use trainyard_plugin::{PluginError, Result};

/// First byte of a state.
const VERSION: u8 = 1;

/// Writes the version and `ignore_case` (1 byte each), then every label, rising: its length in bytes (u32), references,
/// hypotheses and matches (u64, all little endian), and its text.
///
/// # Errors
/// A label of 4 GiB.
pub fn write(labels: &BTreeMap<String, Counts>, ignore_case: bool) -> Result<Vec<u8>> {
    let mut state = vec![VERSION, u8::from(ignore_case)];
    for (label, Counts { references, hypotheses, matches }) in labels {
        let length = u32::try_from(label.len())
            .map_err(|_| PluginError::input(format!("a label has {} bytes, expected less than 2^32", label.len())))?;
        state.extend(length.to_le_bytes());
        state.extend([references, hypotheses, matches].iter().flat_map(|number| number.to_le_bytes()));
        state.extend(label.as_bytes());
    }
    Ok(state)
}

/// Reads the labels of a state of the same settings. Everything is checked before anything is merged.
///
/// # Errors
/// A state of other settings, or one that is damaged.
pub fn read(state: &[u8], ignore_case: bool) -> Result<Vec<(&str, Counts)>> {
    let (found, mut rest) = state.split_first_chunk::<2>().ok_or_else(|| corrupt("it is too short"))?;
    for ((name, found), expected) in ["version", "ignore_case"].iter().zip(found).zip([VERSION, u8::from(ignore_case)])
    {
        if *found != expected {
            return Err(corrupt(format!("{name} is {found}, expected {expected}")));
        }
    }
    let mut labels: Vec<(&str, Counts)> = Vec::new();
    let (mut references, mut hypotheses) = (0_u64, 0_u64);
    while !rest.is_empty() {
        let short = || corrupt("it ends inside a label");
        let (length, tail) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let (numbers, tail) = tail.split_first_chunk::<24>().ok_or_else(short)?;
        let (label, tail) = tail.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(short)?;
        let label = str::from_utf8(label).map_err(|_| corrupt("a label is not UTF-8"))?;
        let (numbers, _) = numbers.as_chunks::<8>();
        let number = |index: usize| u64::from_le_bytes(numbers[index]);
        let counts = Counts { references: number(0), hypotheses: number(1), matches: number(2) };
        if counts.matches > counts.references.min(counts.hypotheses) || counts.references.max(counts.hypotheses) == 0 {
            let Counts { references, hypotheses, matches } = counts;
            let what = format!("{label:?} has {references} references, {hypotheses} texts and {matches} matches");
            return Err(corrupt(what));
        }
        if labels.last().is_some_and(|&(last, _)| last >= label) {
            return Err(corrupt(format!("label {label:?} is out of order")));
        }
        let too_many = || corrupt("more than 2^64 texts");
        references = references.checked_add(counts.references).ok_or_else(too_many)?;
        hypotheses = hypotheses.checked_add(counts.hypotheses).ok_or_else(too_many)?;
        labels.push((label, counts));
        rest = tail;
    }
    if references != hypotheses {
        return Err(corrupt(format!("{references} references of {hypotheses} texts")));
    }
    Ok(labels)
}

pub fn corrupt(what: impl std::fmt::Display) -> PluginError {
    PluginError::input(format!("state is corrupt or another metric's: {what}"))
}
