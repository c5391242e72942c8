//! The format of contract 0.1, which can still be loaded.
//!
//! ```text
//! "trainyard-bpe 1\n"            16 bytes
//! n                              u32, number of merges
//! left, right                    n times two u32: merge i joins two ids below 256 + i into id 256 + i
//! ```
//! All numbers are little-endian. Text is split as in GPT-2, and `<|endoftext|>` is the last id.

use crate::added::Added;
use crate::hash::FastMap;
use crate::model::{BYTE_IDS, Model, N_BYTES, byte_tokens, corrupt};
use crate::pairs::{Merge, Pairs};
use crate::split::Split;
use trainyard_plugin::{END_OF_TEXT, Result, SpecialToken, Vocabulary};

pub const MAGIC: &[u8; 16] = b"trainyard-bpe 1\n";

/// Longest token in bytes: without a limit, a malicious model could make the vocabulary exceed the memory.
const TOKEN_BYTES_MAX: usize = 256;

/// Reads a file that begins with [`MAGIC`].
///
/// # Errors
/// A file that is cut short, or merges that do not fit together.
pub fn read(bytes: &[u8]) -> Result<Model> {
    let merges = read_merges(&bytes[MAGIC.len()..])?;
    let (mut pairs, mut tokens) = (Pairs::with_capacity(merges.len()), byte_tokens());
    for (index, (left, right)) in merges.into_iter().enumerate() {
        let id = N_BYTES + index as u32;
        let known = |id: u32| tokens.get(id as usize);
        let (Some(first), Some(second)) = (known(left), known(right)) else {
            return Err(corrupt(format!("merge {index} joins ids {left} and {right}, expected ids below {id}")));
        };
        let token = [first.as_slice(), second].concat();
        if token.len() > TOKEN_BYTES_MAX {
            return Err(corrupt(format!("merge {index} makes a token of more than {TOKEN_BYTES_MAX} bytes")));
        }
        if !pairs.insert(left, right, Merge { rank: index as u32, id }) {
            return Err(corrupt(format!("merge {index} repeats an earlier one")));
        }
        tokens.push(token);
    }
    let specials = vec![SpecialToken { name: END_OF_TEXT.into(), id: tokens.len() as u32 }];
    tokens.push(Vec::new());
    Ok(Model {
        split: Split::Gpt2,
        nfc: false,
        byte_ids: BYTE_IDS,
        pairs,
        whole: None,
        spelled_out: FastMap::default(),
        added: Added::default(),
        vocabulary: Vocabulary { tokens, specials },
    })
}

fn read_merges(body: &[u8]) -> Result<Vec<(u32, u32)>> {
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
