//! The trained model: its bytes, and the tokens they stand for.
//!
//! ```text
//! "trainyard-bpe 1\n"            16 bytes
//! n                              u32, number of merges
//! left, right                    n times two u32: merge i joins two ids below 256 + i into id 256 + i
//! ```
//!
//! All numbers are little-endian.

use crate::hash::FastMap;
use trainyard_plugin::{PluginError, Result};

const MAGIC: &[u8; 16] = b"trainyard-bpe 1\n";

/// Tokens that are single bytes.
pub const N_BYTES: u32 = 256;

/// Longest token in bytes. Words are far shorter; without a limit, a file of one repeated letter makes tokens of
/// megabytes, and a forged model makes the vocabulary outgrow the memory.
pub const TOKEN_BYTES_MAX: usize = 256;

/// What tokens a model has.
pub struct Model {
    /// Two ids next to each other → the id that replaces them. A lower id was learned earlier and is merged first.
    pub merges: FastMap<u64, u32>,
    /// Bytes of each id; the last, which stands for the end of a text, has none.
    pub tokens: Vec<Vec<u8>>,
}

/// Two ids as one key. Keys sort like pairs.
pub fn pair_key(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

/// Both ids of a key.
pub fn key_pair(key: u64) -> (u32, u32) {
    ((key >> 32) as u32, key as u32)
}

/// The ids of all 256 bytes. As in GPT-2, the bytes that are printable in Latin-1 come first, so that trained merges
/// and ids are those of the `tokenizers` crate.
pub const BYTE_IDS: [u32; 256] = {
    let mut ids = [0; 256];
    let (mut printable, mut other) = (0, 188);
    let mut byte = 0;
    while byte < 256 {
        let is_printable = matches!(byte as u8, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
        let next = if is_printable { &mut printable } else { &mut other };
        ids[byte] = *next;
        *next += 1;
        byte += 1;
    }
    ids
};

/// The tokens that are there before any merge, in the order of their ids.
pub fn byte_tokens() -> Vec<Vec<u8>> {
    let mut tokens = vec![Vec::new(); N_BYTES as usize];
    for byte in 0..=u8::MAX {
        tokens[BYTE_IDS[byte as usize] as usize] = vec![byte];
    }
    tokens
}

/// The bytes of a model with these merges.
pub fn to_bytes(merges: &[(u32, u32)]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend((merges.len() as u32).to_le_bytes());
    for (left, right) in merges {
        bytes.extend(left.to_le_bytes());
        bytes.extend(right.to_le_bytes());
    }
    bytes
}

impl Model {
    /// Reads what [`to_bytes`] wrote; anything else is an `input` error.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let merges = read_merges(bytes)?;
        let mut model = Self { merges: FastMap::default(), tokens: byte_tokens() };
        for (index, (left, right)) in merges.into_iter().enumerate() {
            let id = N_BYTES + index as u32;
            let known = |id: u32| model.tokens.get(id as usize);
            let (Some(first), Some(second)) = (known(left), known(right)) else {
                return Err(corrupt(format!("merge {index} joins ids {left} and {right}, expected ids below {id}")));
            };
            let token = [first.as_slice(), second].concat();
            if token.len() > TOKEN_BYTES_MAX {
                return Err(corrupt(format!("merge {index} makes a token of more than {TOKEN_BYTES_MAX} bytes")));
            }
            if model.merges.insert(pair_key(left, right), id).is_some() {
                return Err(corrupt(format!("merge {index} repeats an earlier one")));
            }
            model.tokens.push(token);
        }
        model.tokens.push(Vec::new());
        Ok(model)
    }

    /// The id that ends a text: the last one.
    pub fn end_of_text(&self) -> u32 {
        self.tokens.len() as u32 - 1
    }
}

fn read_merges(bytes: &[u8]) -> Result<Vec<(u32, u32)>> {
    let Some(body) = bytes.strip_prefix(MAGIC) else {
        return Err(corrupt("it does not begin with \"trainyard-bpe 1\": it belongs to another tokenizer or version"));
    };
    let mut numbers = body.chunks_exact(4).map(|chunk| u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]));
    let n_merges = numbers.next().ok_or_else(|| corrupt("it ends before the number of merges"))?;
    let expected = 4 + 8 * u64::from(n_merges);
    if body.len() as u64 != expected {
        return Err(corrupt(format!(
            "{n_merges} merges take {expected} bytes, got {}: the file is cut or damaged",
            body.len()
        )));
    }
    let mut merges = Vec::with_capacity(n_merges as usize);
    while let (Some(left), Some(right)) = (numbers.next(), numbers.next()) {
        merges.push((left, right));
    }
    Ok(merges)
}

fn corrupt(what: impl std::fmt::Display) -> PluginError {
    PluginError::input(format!("model: {what}"))
}
