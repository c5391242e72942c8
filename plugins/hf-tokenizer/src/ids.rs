//! The ids of a file where the crate's differ: it renumbers added tokens, without the gaps that a file leaves.

use std::collections::BTreeMap;
use tokenizers::{Model, Tokenizer};
use trainyard_plugin::{PluginError, Result};

/// Added tokens whose id in the file differs from that in the crate.
#[derive(Debug, Default)]
pub struct Ids {
    to_file: BTreeMap<u32, u32>,
    to_crate: BTreeMap<u32, u32>,
}

impl Ids {
    /// Compares the ids of added tokens, by their content, with those that the crate gave them.
    ///
    /// # Errors
    /// An id of the crate that also belongs to a token of the vocabulary.
    pub fn new(tokenizer: &Tokenizer, added: &BTreeMap<String, u32>) -> Result<Self> {
        let (mut ids, model) = (Self::default(), tokenizer.get_model());
        for (content, &in_file) in added {
            let Some(in_crate) = tokenizer.token_to_id(content) else { continue };
            if model.token_to_id(content).is_none()
                && let Some(other) = model.id_to_token(in_crate)
            {
                let what = format!(
                    "model: ids of the vocabulary leave gaps, and the crate tokenizers takes id {in_crate} of {other:?} \
                     for the added token {content:?} as well: number the vocabulary without gaps"
                );
                return Err(PluginError::input(what));
            }
            if in_crate != in_file {
                ids.to_file.insert(in_crate, in_file);
                ids.to_crate.insert(in_file, in_crate);
            }
        }
        Ok(ids)
    }

    /// Returns the file's id.
    pub fn in_file(&self, in_crate: u32) -> u32 {
        self.to_file.get(&in_crate).copied().unwrap_or(in_crate)
    }

    /// Returns the crate's id; none if the file has no token there.
    pub fn in_crate(&self, in_file: u32) -> Option<u32> {
        match self.to_crate.get(&in_file) {
            Some(in_crate) => Some(*in_crate),
            None => Some(in_file).filter(|id| !self.to_file.contains_key(id)),
        }
    }
}
