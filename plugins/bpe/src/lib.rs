//! Tokenizer `bpe`: byte-level byte-pair encoding, trained on the run's own text.
//!
//! Text is cut into pieces by the rule of GPT-2 (Radford et al. 2019; [`pieces`]); each piece starts as bytes, and
//! learned pairs are merged, most frequent first (Sennrich et al. 2016, arXiv 1508.07909). Any text is reversible, and
//! no token is unknown.
//!
//! Ids: 0 to 255 are the bytes in the order of GPT-2's alphabet (printable ones first, then the others), then one id
//! per merge, and `<|endoftext|>` last. For the same text, merges and ids equal those of the `tokenizers` crate
//! (`BpeTrainer`, `ByteLevel` without prefix space, all bytes as initial alphabet), except that a token has at most 256
//! bytes. A text with too few frequent pairs gives a smaller vocabulary than `vocab_size`.

mod encode;
mod hash;
mod model;
mod split;
mod tables;
#[cfg(test)]
mod tests;
mod train;

pub use split::{Pieces, pieces};

use encode::Scratch;
use model::{Model, N_BYTES};
use train::PieceCounts;
use trainyard_plugin::{
    Create, END_OF_TEXT, PluginError, Result, SpecialToken, TokenBatch, Tokenizer, Vocabulary, config,
};

config! {
    /// Settings of `bpe`. Only training looks at them.
    pub struct Settings {
        /// number of tokens, 257 to 1048576: 256 bytes, merges, and the token that ends a text
        vocab_size: u32 = 2048u32,
        /// pairs that occur less often are not merged, 1 or more
        min_frequency: u32 = 2u32,
    }
}

/// Bytes and the end of text: the smallest vocabulary.
const VOCAB_SIZE_MIN: u32 = N_BYTES + 1;
const VOCAB_SIZE_MAX: u32 = 1 << 20;

/// The tokenizer.
pub struct Bpe {
    settings: Settings,
    counts: PieceCounts,
    model: Option<Model>,
    scratch: Scratch,
}

impl Create for Bpe {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        let Settings { vocab_size, min_frequency } = settings;
        if !(VOCAB_SIZE_MIN..=VOCAB_SIZE_MAX).contains(&vocab_size) {
            let range = format!("{VOCAB_SIZE_MIN} to {VOCAB_SIZE_MAX}");
            return Err(PluginError::config(format!("vocab_size: expected {range}, got {vocab_size}")));
        }
        if min_frequency == 0 {
            return Err(PluginError::config("min_frequency: expected 1 or more, got 0"));
        }
        Ok(Self { settings, counts: PieceCounts::default(), model: None, scratch: Scratch::default() })
    }
}

impl Tokenizer for Bpe {
    fn observe(&mut self, texts: &[&str]) -> Result<()> {
        texts.iter().for_each(|text| self.counts.add(text));
        Ok(())
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        let counts = std::mem::take(&mut self.counts);
        let n_merges = (self.settings.vocab_size - VOCAB_SIZE_MIN) as usize;
        let merges = train::train(&counts, n_merges, self.settings.min_frequency.into())?;
        Ok(model::to_bytes(&merges))
    }

    fn load(&mut self, model: &[u8]) -> Result<()> {
        self.model = Some(Model::from_bytes(model)?);
        self.scratch = Scratch::default();
        Ok(())
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        let model = self.model.as_ref().ok_or_else(no_model)?;
        let end_of_text = SpecialToken { name: END_OF_TEXT.into(), id: model.end_of_text() };
        Ok(Vocabulary { tokens: model.tokens.clone(), specials: vec![end_of_text] })
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        let model = self.model.as_ref().ok_or_else(no_model)?;
        let mut batch = TokenBatch::default();
        batch.ids.reserve(texts.iter().map(|text| text.len()).sum::<usize>() / 3); // a token is rarely shorter
        for text in texts {
            if u32::try_from(text.len()).is_err() {
                return Err(PluginError::input(format!("a text has {} bytes, at most 4 GB are allowed", text.len())));
            }
            for piece in pieces(text) {
                model.encode_piece(piece.as_bytes(), &mut self.scratch, &mut batch.ids);
            }
            batch.end_sequence()?;
        }
        Ok(batch)
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        let model = self.model.as_ref().ok_or_else(no_model)?;
        batch.check(batch.ends.len(), model.tokens.len()).map_err(|error| PluginError::input(error.message))?;
        let bytes = |ids: &[u32]| ids.iter().flat_map(|&id| &model.tokens[id as usize]).copied().collect();
        Ok(batch.sequences().map(bytes).collect())
    }
}

fn no_model() -> PluginError {
    PluginError::state("no model, call load first")
}

trainyard_plugin::export!(tokenizer "bpe" = Bpe);
