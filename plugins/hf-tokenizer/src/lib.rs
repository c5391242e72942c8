//! Tokenizer `hf-tokenizer`: any `tokenizer.json` of Hugging Face, run by their crate `tokenizers`.
//!
//! The model is the file itself. It is used as it is, with four exceptions that the contract asks for: no special
//! token is added or produced from text, nothing is cut off or padded, and the token that ends a document is found
//! under its usual names. Linked into the host only: the crate needs threads and random numbers, which a sandbox has
//! not. No settings.
//!
//! What a text loses in the tokenizer's normalizer (WordPiece lowercases and drops white space) is not in the tokens
//! either, so that bits per byte is true only for tokenizers that keep every byte: byte-level BPE, and byte fallback.

mod spelling;
mod words;

pub use words::Words;

use spelling::Spelling;
use std::collections::BTreeMap;
use tokenizers::{Model, Tokenizer as HfTokenizer};
use trainyard_plugin::{Create, NoConfig, PluginError, Result, SpecialToken, TokenBatch, Tokenizer, Vocabulary};

/// More tokens than any tokenizer in use has: an id above would ask for a table of gigabytes.
const MAX_TOKENS: u32 = 1 << 20;

/// A character that no vocabulary holds, to find out what becomes of one.
const UNKNOWN: &str = "\u{10ffff}";

/// The tokenizer.
pub struct JsonTokenizer {
    loaded: Option<Loaded>,
}

struct Loaded {
    tokenizer: HfTokenizer,
    vocabulary: Vocabulary,
    /// Whether a text's bytes are its tokens' bytes, one after the other.
    is_byte_level: bool,
    /// Special tokens that the model itself may find in text (SentencePiece has `</s>` among its pieces), with the ids
    /// of their characters.
    spelled_out: BTreeMap<u32, Vec<u32>>,
}

impl Create for JsonTokenizer {
    type Config = NoConfig;

    fn create(_: NoConfig) -> Result<Self> {
        Ok(Self { loaded: None })
    }
}

impl JsonTokenizer {
    fn loaded(&self) -> Result<&Loaded> {
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
        self.loaded = Some(Loaded::new(model)?);
        Ok(())
    }

    fn vocabulary(&self) -> Result<Vocabulary> {
        Ok(self.loaded()?.vocabulary.clone())
    }

    fn encode(&mut self, texts: &[&str]) -> Result<TokenBatch> {
        let loaded = self.loaded()?;
        let mut batch = TokenBatch::default();
        for text in texts {
            // one text after the other: the host has a thread for each instance
            let encoding = loaded.tokenizer.encode_fast(*text, false).map_err(|error| {
                PluginError::input(format!("text {:?} cannot be encoded: {error}", batch.ends.len()))
            })?;
            for &id in encoding.get_ids() {
                match loaded.spelled_out.get(&id) {
                    Some(ids) => batch.ids.extend(ids),
                    None => batch.ids.push(id),
                }
            }
            batch.end_sequence()?;
        }
        Ok(batch)
    }

    fn decode(&mut self, batch: &TokenBatch) -> Result<Vec<Vec<u8>>> {
        let loaded = self.loaded()?;
        let tokens = &loaded.vocabulary.tokens;
        batch.check(batch.ends.len(), tokens.len()).map_err(|error| PluginError::input(error.message))?;
        let mut texts = Vec::with_capacity(batch.ends.len());
        for ids in batch.sequences() {
            // the crate's decoder returns text, where bytes of half a character are lost
            texts.push(match loaded.is_byte_level {
                true => ids.iter().flat_map(|&id| &tokens[id as usize]).copied().collect(),
                false => loaded.decode(ids)?,
            });
        }
        Ok(texts)
    }
}

impl Loaded {
    fn new(model: &[u8]) -> Result<Self> {
        let not_a_tokenizer = |error: &dyn std::fmt::Display| {
            PluginError::input(format!("model is not a tokenizer.json of Hugging Face: {error}"))
        };
        // the crate panics where a file ends inside the decoder
        serde_json::from_slice::<serde_json::Value>(model).map_err(|error| not_a_tokenizer(&error))?;
        let mut tokenizer = HfTokenizer::from_bytes(model).map_err(|error| not_a_tokenizer(&error))?;
        tokenizer.set_encode_special_tokens(true);
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| PluginError::internal(error.to_string()))?;

        let unknown = unknown_id(&tokenizer);
        let spelling = Spelling::of(&tokenizer);
        let vocabulary = vocabulary(&tokenizer, &spelling, unknown)?;
        let spelled_out = spell_out(&tokenizer, &vocabulary.specials, unknown);
        Ok(Self { is_byte_level: spelling.is_byte_level(), tokenizer, vocabulary, spelled_out })
    }

    fn decode(&self, ids: &[u32]) -> Result<Vec<u8>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let text = self.tokenizer.decode(ids, true);
        Ok(text.map_err(|error| PluginError::input(format!("ids cannot be decoded: {error}")))?.into_bytes())
    }
}

/// The id that stands for whatever the vocabulary lacks; none when everything can be written, or is left out.
fn unknown_id(tokenizer: &HfTokenizer) -> Option<u32> {
    let tokens = tokenizer.get_model().tokenize(UNKNOWN).ok()?;
    let added = tokenizer.get_added_tokens_decoder();
    tokens
        .first()
        .map(|token| token.id)
        .filter(|id| tokens.len() == 1 && added.get(id).is_some_and(|token| token.special))
}

/// All tokens, in the order of their ids; ids that no token has stand for nothing. The unknown token stands for nothing
/// either but is not among the special ones, for text does produce it.
fn vocabulary(tokenizer: &HfTokenizer, spelling: &Spelling, unknown: Option<u32>) -> Result<Vocabulary> {
    let last = tokenizer.get_vocab(true).into_iter().max_by_key(|(_, id)| *id);
    let (token, last) = last.ok_or_else(|| PluginError::input("model has no tokens"))?;
    if last >= MAX_TOKENS {
        return Err(PluginError::input(format!("token {token:?} has id {last}, expected less than {MAX_TOKENS}")));
    }
    let added = tokenizer.get_added_tokens_decoder();
    let model = tokenizer.get_model();
    let mut vocabulary = Vocabulary::default();
    for id in 0..=last {
        vocabulary.tokens.push(match added.get(&id) {
            Some(token) if token.special => {
                if unknown != Some(id) {
                    vocabulary.specials.push(SpecialToken { name: token.content.clone(), id });
                }
                Vec::new()
            }
            // found in the text as it is, before the model sees it
            Some(token) if model.token_to_id(&token.content).is_none() => token.content.clone().into_bytes(),
            _ => model.id_to_token(id).map_or_else(|| Ok(Vec::new()), |token| spelling.bytes(token))?,
        });
    }
    vocabulary.name_end_of_text();
    Ok(vocabulary)
}

/// Ids of the characters of every special token that is also in the model's own vocabulary.
fn spell_out(tokenizer: &HfTokenizer, specials: &[SpecialToken], unknown: Option<u32>) -> BTreeMap<u32, Vec<u32>> {
    let model = tokenizer.get_model();
    let spell = |char: char| match model.token_to_id(char.encode_utf8(&mut [0; 4])) {
        Some(id) => vec![id],
        None => {
            let bytes = char.to_string().into_bytes();
            let ids: Option<Vec<u32>> =
                bytes.iter().map(|byte| model.token_to_id(&format!("<0x{byte:02X}>"))).collect();
            ids.unwrap_or_else(|| unknown.into_iter().collect())
        }
    };
    let tokens = specials.iter().filter_map(|special| Some((special.id, model.id_to_token(special.id)?)));
    tokens.map(|(id, token)| (id, token.chars().flat_map(spell).collect())).collect()
}

fn not_trained() -> PluginError {
    PluginError::unsupported("this tokenizer is not trained here, set tokenizer.model = \"path/tokenizer.json\"")
}

trainyard_plugin::export!(tokenizer "hf-tokenizer" = JsonTokenizer, abilities = ["lossy"]);

#[cfg(test)]
mod tests;
