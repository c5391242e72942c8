//! Megatron-LM's index of a file of tokens.
//!
//! Little-endian: 9 bytes `MMIDIDX\0\0`, version (u64, 1), type of a token (u8), number of sequences S (u64), number of
//! document bounds D (u64); then per sequence its number of tokens (S × i32) and the byte in the `.bin` at which it
//! begins (S × i64), and the first sequence of each document, with S at the end (D × i64).

use super::file::{Run, Width};
use crate::corpus::open_counted;
use crate::{Error, Result};
use std::io::Read;
use std::path::Path;

const MAGIC: &[u8; 9] = b"MMIDIDX\0\0";
const VERSION: u64 = 1;
const HEADER_BYTES: usize = 34;

/// How tokens are written in `bin`, a file of `n_bytes`, and the bytes of each sequence with whether a document ends
/// after it. Memory holds some 60 bytes per sequence meanwhile.
///
/// # Errors
/// An index that is missing, cut off, of another form, or of another `.bin`.
pub(super) fn read_index(index: &Path, bin: &Path, n_bytes: u64) -> Result<(Width, Vec<Run>)> {
    let bad = |message: String| Error::run(format!("{}: {message}", index.display()));
    let (mut file, length) = open_counted(index)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| Error::io(index, "read", &error))?;
    if bytes.len() < HEADER_BYTES || bytes[..9] != *MAGIC || u64_at(&bytes, 9) != VERSION {
        return Err(bad(format!("expected a Megatron-LM index of version {VERSION}, got something else")));
    }
    let width = width(bytes[17]).map_err(bad)?;
    let (n_sequences, n_bounds) = (u64_at(&bytes, 18), u64_at(&bytes, 26));
    let expected = HEADER_BYTES as u128 + u128::from(n_sequences) * 12 + u128::from(n_bounds) * 8;
    if expected != u128::from(length) || expected != bytes.len() as u128 {
        return Err(bad(format!(
            "{n_sequences} sequences and {n_bounds} bounds of documents are {expected} bytes, got {length}: cut off, or with columns that are not of text"
        )));
    }
    // The length of the file bounds them all.
    let n_sequences = n_sequences as usize;
    let (sizes, rest) = bytes[HEADER_BYTES..].split_at(n_sequences * 4);
    let (starts, bounds) = rest.split_at(n_sequences * 8);
    let mut runs = Vec::with_capacity(n_sequences);
    for (sequence, (size, start)) in sizes.chunks_exact(4).zip(starts.chunks_exact(8)).enumerate() {
        let (size, start) = (i32::from_le_bytes([size[0], size[1], size[2], size[3]]), u64_at(start, 0));
        let size = u64::try_from(size).ok().and_then(|size| size.checked_mul(width.bytes as u64));
        let end = size.and_then(|size| start.checked_add(size)).filter(|&end| end <= n_bytes);
        let Some(end) = end else {
            return Err(bad(format!(
                "sequence {sequence}, at byte {start}, is not within the {n_bytes} bytes of {}: one of the two was cut off, or they do not belong together",
                bin.display()
            )));
        };
        runs.push(Run { bytes: start..end, ends: false });
    }
    let mut last = 0;
    for bound in bounds.chunks_exact(8) {
        let bound = u64_at(bound, 0);
        if bound < last || bound > n_sequences as u64 {
            return Err(bad(format!("bounds of documents: expected {last} to {n_sequences}, got {bound}")));
        }
        last = bound;
        if let Some(run) = bound.checked_sub(1).and_then(|before| runs.get_mut(before as usize)) {
            run.ends = true;
        }
    }
    if last != n_sequences as u64 {
        return Err(bad(format!("bounds of documents: expected {n_sequences} sequences at the end, got {last}")));
    }
    Ok((width, runs))
}

/// Of Megatron-LM's number for a type.
fn width(code: u8) -> std::result::Result<Width, String> {
    let (bytes, signed) = match code {
        1 => (1, false),
        2 => (1, true),
        3 => (2, true),
        4 => (4, true),
        5 => (8, true),
        8 => (2, false),
        _ => return Err(format!("expected tokens of a type of whole numbers (1 to 5, or 8), got type {code}")),
    };
    Ok(Width { bytes, signed })
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}
