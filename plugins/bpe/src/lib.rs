//! Tokenizer `bpe`: byte-level byte-pair encoding, trained on the run's own text or read from a file.
//!
//! Text is cut into pieces by a split rule ([`Split`]); each piece starts as bytes, and learned pairs are merged, most
//! frequent first (Sennrich et al. 2016, arXiv 1508.07909). Any text is reversible, and no token is unknown.
//!
//! A model is a `tokenizer.json` of Hugging Face. Rank files of tiktoken and models of contract 0.1 load as well. Ids
//! of a trained model: 0 to 255 are the bytes in the order of GPT-2's alphabet (printable ones first, then the others),
//! then one id per merge, `<|endoftext|>`, and other special tokens. For the same text, merges and ids equal those of
//! the `tokenizers` crate (`BpeTrainer`, `ByteLevel` without prefix space, all bytes as initial alphabet), except that
//! a token has at most 65,536 bytes. A text with too few frequent pairs gives a smaller vocabulary than `vocab_size`.

mod added;
mod cache;
mod count;
mod declared;
mod encode;
mod format;
mod hash;
mod model;
mod pairs;
mod split;
#[cfg(test)]
mod tests;
mod train;

pub use split::{NAMED, Pieces, Split};

use count::Counts;
use encode::Scratch;
use model::{Model, N_BYTES, TOKENS_MAX};
use trainyard_plugin::{Create, END_OF_TEXT, PluginError, Result, TokenBatch, Tokenizer, Vocabulary, config, log};

config! {
    /// Settings of `bpe`. They are used by training, and by loading rank files, which do not say how to split;
    /// `end_of_text` is used for all files.
    pub struct Settings {
        /// number of tokens, 257 to 1048576: 256 bytes, merges, and special tokens
        vocab_size: u32 = 2048u32,
        /// pairs that occur less often are not merged, 1 or more
        min_frequency: u32 = 2u32,
        /// how text is split: gpt2, gpt4, cl100k, qwen, o200k or none; empty: gpt2, or what a file asks for
        split: String = "",
        /// names of special tokens besides <|endoftext|>, for example for a chat; text never produces them
        special_tokens: Vec<String> = [],
        /// token that ends a document, or none; empty: what a file declares, or one of the usual names
        end_of_text: String = "",
        /// memory for counting words, 16 or more; beyond it, rare words are dropped and the log says so; 0: no limit
        max_memory_mb: u32 = 0u32,
    }
}

/// The tokenizer.
pub struct Bpe {
    settings: Settings,
    split: Split,
    counts: Counts,
    loaded: Option<(Model, Scratch)>,
}

impl Create for Bpe {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let n_fixed = N_BYTES + 1 + settings.special_tokens.len() as u32;
        if !(n_fixed..=TOKENS_MAX).contains(&settings.vocab_size) {
            let (range, got) = (format!("{n_fixed} to {TOKENS_MAX}"), settings.vocab_size);
            return Err(PluginError::config(format!("vocab_size: expected {range}, got {got}")));
        }
        if settings.min_frequency == 0 {
            return Err(PluginError::config("min_frequency: expected 1 or more, got 0"));
        }
        if (1..16).contains(&settings.max_memory_mb) {
            let got = settings.max_memory_mb;
            return Err(PluginError::config(format!("max_memory_mb: expected 0 or 16 and more, got {got}")));
        }
        check_special_tokens(&settings.special_tokens)?;
        let split = if settings.split.is_empty() { Split::Gpt2 } else { Split::named(&settings.split)? };
        let counts = Counts::new(memory_max(&settings));
        Ok(Self { settings, split, counts, loaded: None })
    }
}

/// Bytes that counting may take.
fn memory_max(settings: &Settings) -> usize {
    match settings.max_memory_mb {
        0 => usize::MAX,
        mb => usize::try_from(u64::from(mb) << 20).unwrap_or(usize::MAX),
    }
}

fn check_special_tokens(names: &[String]) -> Result<()> {
    for (i, name) in names.iter().enumerate() {
        if name.is_empty() || name == END_OF_TEXT || names[..i].contains(name) {
            let what = format!("special_tokens: expected distinct names other than {END_OF_TEXT}, got {name:?}");
            return Err(PluginError::config(what));
        }
    }
    Ok(())
}

impl Bpe {
    /// Returns the loaded model as a `tokenizer.json` of Hugging Face with the same ids. Added tokens that are not
    /// special are left out: only files that already are a `tokenizer.json` have them.
    ///
    /// # Errors
    /// A `state` error before a model was loaded.
    pub fn to_tokenizer_json(&self) -> Result<Vec<u8>> {
        let (model, _) = self.loaded.as_ref().ok_or_else(no_model)?;
        format::export(model)
    }
}

impl Tokenizer for Bpe {
    fn observe(&mut self, texts: &[&str]) -> Result<()> {
        texts.iter().for_each(|text| self.counts.add(text, self.split));
        Ok(())
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        let counts = std::mem::replace(&mut self.counts, Counts::new(memory_max(&self.settings)));
        if counts.error() > 0 {
            log::warn(&format!(
                "words did not fit into max_memory_mb = {}: rare ones were dropped, counts are too low by at most {}",
                self.settings.max_memory_mb,
                counts.error()
            ));
        }
        let specials = [END_OF_TEXT].into_iter().chain(self.settings.special_tokens.iter().map(String::as_str));
        let specials: Vec<_> = specials.collect();
        let n_merges = self.settings.vocab_size as usize - N_BYTES as usize - specials.len();
        let trained = train::train(&counts, n_merges, self.settings.min_frequency.into(), &specials)?;
        format::to_json(self.split, &trained.tokens, &trained.merges, &specials)
    }

    fn load(&mut self, model: &[u8]) -> Result<()> {
        self.loaded = Some((format::read(model, &self.settings)?, Scratch::default()));
        Ok(())
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        let (model, _) = self.loaded.as_ref().ok_or_else(no_model)?;
        Ok(model.vocabulary.clone())
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        let (model, scratch) = self.loaded.as_mut().ok_or_else(no_model)?;
        let mut batch = TokenBatch::default();
        batch.ids.reserve(texts.iter().map(|text| text.len()).sum::<usize>() / 3); // a token is rarely shorter
        for text in texts {
            if u32::try_from(text.len()).is_err() {
                return Err(PluginError::input(format!("a text has {} bytes, at most 4 GB are allowed", text.len())));
            }
            model.encode(text, scratch, &mut batch.ids);
            batch.end_sequence()?;
        }
        Ok(batch)
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        let (model, _) = self.loaded.as_ref().ok_or_else(no_model)?;
        let tokens = &model.vocabulary.tokens;
        batch.check(batch.ends.len(), tokens.len()).map_err(|error| PluginError::input(error.message))?;
        let bytes = |ids: &[u32]| ids.iter().flat_map(|&id| &tokens[id as usize]).copied().collect();
        Ok(batch.sequences().map(bytes).collect())
    }
}

fn no_model() -> PluginError {
    PluginError::state("no model, call load first")
}

trainyard_plugin::export!(tokenizer "bpe" = Bpe);
