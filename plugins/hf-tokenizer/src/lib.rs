//! Tokenizer `hf-tokenizer`: any `tokenizer.json` of Hugging Face, run by their crate `tokenizers`, and SentencePiece
//! models.
//!
//! The model is the file itself. It is used as it is, with exceptions that the contract requires: no special token is
//! added or produced from text, nothing is truncated or padded, no merge is dropped at random, ids are those of the
//! file even where the crate would renumber them, and the token that ends a document is the one that the file declares
//! or one with a usual name. The plugin is only built into the host: the crate needs threads and random numbers, which
//! a sandbox does not have.
//!
//! Text that the tokenizer's normalizer loses (WordPiece lowercases and drops white space) is not in the tokens either.
//! So bits per byte are true only for tokenizers that keep every byte: byte-level BPE, and byte fallback.

mod charsmap;
mod file;
mod ids;
mod loaded;
mod sentence_piece;
mod spelling;
mod words;

pub use words::Words;

use loaded::Loaded;
use sentence_piece::SentencePiece;
use std::panic::{AssertUnwindSafe, catch_unwind};
use trainyard_plugin::{Create, PluginError, Result, TokenBatch, Tokenizer, Vocabulary, config};

config! {
    /// Settings of `hf-tokenizer`.
    pub struct Settings {
        /// token that ends a document, or none; empty: what the file declares, or one of the usual names
        end_of_text: String = "",
    }
}

/// The tokenizer.
pub struct JsonTokenizer {
    settings: Settings,
    loaded: Option<File>,
}

/// A model that was read.
enum File {
    Json(Box<Loaded>),
    SentencePiece(Box<SentencePiece>),
}

impl File {
    fn vocabulary(&self) -> &Vocabulary {
        match self {
            Self::Json(loaded) => loaded.vocabulary(),
            Self::SentencePiece(loaded) => loaded.vocabulary(),
        }
    }
}

impl Create for JsonTokenizer {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        Ok(Self { settings, loaded: None })
    }
}

impl JsonTokenizer {
    fn loaded(&self) -> Result<&File> {
        self.loaded.as_ref().ok_or_else(|| PluginError::state("no model, call load first"))
    }
}

impl Tokenizer for JsonTokenizer {
    fn observe(&mut self, _texts: &[&str]) -> Result<()> {
        Err(not_trained())
    }

    fn train(&mut self) -> Result<Vec<u8>> {
        Err(not_trained())
    }

    fn load(&mut self, model: &[u8]) -> Result<()> {
        let end_of_text = &self.settings.end_of_text;
        self.loaded = Some(match sentence_piece::is_here(model) {
            true => File::SentencePiece(Box::new(SentencePiece::new(model, end_of_text)?)),
            false => File::Json(Box::new(caught(|| Loaded::new(model, end_of_text))?)),
        });
        Ok(())
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        Ok(self.loaded()?.vocabulary().clone())
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        let loaded = self.loaded()?;
        let mut batch = TokenBatch::default();
        for text in texts {
            // one text after the other: the host has a thread for each instance
            match loaded {
                File::Json(loaded) => caught(|| Ok(loaded.encode(text, &mut batch.ids)))?.map_err(|error| {
                    PluginError::input(format!("text {:?} cannot be encoded: {error}", batch.ends.len()))
                })?,
                File::SentencePiece(loaded) => loaded.encode(text, &mut batch.ids),
            }
            batch.end_sequence()?;
        }
        Ok(batch)
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        let loaded = self.loaded()?;
        let n_tokens = loaded.vocabulary().tokens.len();
        batch.check(batch.ends.len(), n_tokens).map_err(|error| PluginError::input(error.message))?;
        let decode = |ids: &[u32]| match loaded {
            File::Json(loaded) => caught(|| loaded.decode(ids)),
            File::SentencePiece(loaded) => Ok(loaded.decode(ids)),
        };
        batch.sequences().map(decode).collect()
    }
}

/// Returns the result of a call of the crate, which panics on some files that it should refuse.
fn caught<R>(call: impl FnOnce() -> Result<R>) -> Result<R> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(PluginError::input(format!("the crate tokenizers cannot use this tokenizer.json, it panicked: {text}")))
    })
}

fn not_trained() -> PluginError {
    PluginError::unsupported("this tokenizer is not trained here, set tokenizer.model = \"path/tokenizer.json\"")
}

trainyard_plugin::export!(tokenizer "hf-tokenizer" = JsonTokenizer, abilities = ["lossy"]);

#[cfg(test)]
mod tests;
