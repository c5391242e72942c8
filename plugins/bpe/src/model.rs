//! A model that is ready to encode, whatever file it came from.

use crate::added::Added;
use crate::hash::FastMap;
use crate::pairs::Pairs;
use crate::split::Split;
use trainyard_plugin::{PluginError, Result, Vocabulary};

/// Tokens that are single bytes.
pub const N_BYTES: u32 = 256;

/// More tokens than any tokenizer in use has: a higher id would need a table of gigabytes.
pub const TOKENS_MAX: u32 = 1 << 20;

/// What a tokenizer knows.
pub struct Model {
    /// How text is split.
    pub split: Split,
    /// Whether text is normalized to NFC first.
    pub nfc: bool,
    /// The id of each byte.
    pub byte_ids: [u32; 256],
    /// What merges.
    pub pairs: Pairs,
    /// Pieces that are tokens as a whole, whatever merging would give; none if merging alone decides.
    pub whole: Option<FastMap<Vec<u8>, u32>>,
    /// Special tokens that merging can nevertheless make, each with the ids of its bytes, which are returned instead.
    pub spelled_out: FastMap<u32, Vec<u32>>,
    /// Tokens that are found in the text before it is split.
    pub added: Added,
    /// All tokens. Special ones are never produced from text.
    pub vocabulary: Vocabulary,
}

/// The ids of all 256 bytes. As in GPT-2, the bytes that are printable in Latin-1 come first, so that trained
/// merges and ids are those of the `tokenizers` crate.
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

/// Returns the tokens that exist before any merge, in the order of their ids.
pub fn byte_tokens() -> Vec<Vec<u8>> {
    let mut tokens = vec![Vec::new(); N_BYTES as usize];
    for byte in 0..=u8::MAX {
        tokens[BYTE_IDS[byte as usize] as usize] = vec![byte];
    }
    tokens
}

/// Makes an error about a model's file.
pub fn corrupt(what: impl std::fmt::Display) -> PluginError {
    PluginError::input(format!("model: {what}"))
}

/// Returns tokens by id from pairs in any order; missing ids are empty tokens. Empty tokens may share an id.
///
/// # Errors
/// An id that is too high, or that two tokens share.
pub fn tokens_by_id(tokens: impl IntoIterator<Item = (u32, Vec<u8>)>) -> Result<Vec<Vec<u8>>> {
    let mut by_id: Vec<Vec<u8>> = Vec::new();
    for (id, token) in tokens {
        if id >= TOKENS_MAX {
            return Err(corrupt(format!("a token has id {id}, expected less than {TOKENS_MAX}")));
        }
        if by_id.len() <= id as usize {
            by_id.resize(id as usize + 1, Vec::new());
        }
        let place = &mut by_id[id as usize];
        if !place.is_empty() && *place != token {
            let [one, other] = [&*place, &token].map(|token| String::from_utf8_lossy(token));
            return Err(corrupt(format!(
                "the tokens {one:?} and {other:?} both have id {id}, expected one for each id"
            )));
        }
        *place = token;
    }
    Ok(by_id)
}
