//! Words of a training text, for the crate's trainers, whose own counts are in maps of random order and wrap at 2³².

use std::collections::BTreeMap;
use tokenizers::{
    NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, Tokenizer,
};
use trainyard_plugin::{PluginError, Result};

/// How often each word occurs.
#[derive(Debug, Default)]
pub struct Words(BTreeMap<String, u64>);

impl Words {
    /// Counts the words of one text as `tokenizer` normalizes and splits it.
    ///
    /// # Errors
    /// The crate cannot normalize or split the text.
    pub fn add(&mut self, text: &str, tokenizer: &Tokenizer) -> Result<()> {
        let failed = |error: tokenizers::Error| PluginError::input(format!("a text cannot be split: {error}"));
        let mut normalized = NormalizedString::from(text);
        if let Some(normalizer) = tokenizer.get_normalizer() {
            normalizer.normalize(&mut normalized).map_err(failed)?;
        }
        let mut split = PreTokenizedString::from(normalized);
        if let Some(pre_tokenizer) = tokenizer.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut split).map_err(failed)?;
        }
        for (word, _, _) in split.get_splits(OffsetReferential::Normalized, OffsetType::Byte) {
            match self.0.get_mut(word) {
                Some(count) => *count += 1,
                None => {
                    self.0.insert(word.to_owned(), 1);
                }
            }
        }
        Ok(())
    }

    /// Returns all words in the order of their characters, each with its count.
    pub fn into_counts(self) -> BTreeMap<String, u64> {
        self.0
    }
}
