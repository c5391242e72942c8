//! A file that was read: the crate's tokenizer, and what the contract needs to know about it.

use crate::file::File;
use crate::ids::Ids;
use crate::spelling::{Spelling, writes_every_byte};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tokenizers::{Model, ModelWrapper, Tokenizer as HfTokenizer};
use trainyard_plugin::{PluginError, Result, SpecialToken, Vocabulary};

/// More tokens than any tokenizer in use has: a higher id would need a table of gigabytes.
pub const MAX_TOKENS: u32 = 1 << 20;

/// A character that is in no vocabulary, to find out how unknown characters are encoded.
const UNKNOWN: &str = "\u{10ffff}";

/// A file that was read.
pub struct Loaded {
    tokenizer: HfTokenizer,
    vocabulary: Vocabulary,
    ids: Ids,
    /// Whether the bytes of a text are those of its tokens, one after the other.
    is_byte_level: bool,
    /// Special tokens that the model itself may find in text (SentencePiece has `</s>` among its pieces), with the ids
    /// of their characters.
    spelled_out: BTreeMap<u32, Vec<u32>>,
}

impl Loaded {
    /// Reads a file; `end_of_text` names the token that ends a document, if it is not empty.
    ///
    /// # Errors
    /// A file that is not a `tokenizer.json`, is damaged, or lacks that token.
    pub fn new(model: &[u8], end_of_text: &str) -> Result<Self> {
        let not_a_tokenizer = |error: &dyn std::fmt::Display| {
            PluginError::input(format!("model is not a tokenizer.json of Hugging Face: {error}"))
        };
        // the crate panics where a file ends inside the decoder
        let json: Map<String, Value> = serde_json::from_slice(model).map_err(|error| not_a_tokenizer(&error))?;
        let file = File::new(Value::Object(json), end_of_text)?;
        let changed = file.changed()?;
        let mut tokenizer =
            HfTokenizer::from_bytes(changed.as_deref().unwrap_or(model)).map_err(|error| not_a_tokenizer(&error))?;
        tokenizer.set_encode_special_tokens(true);
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| PluginError::internal(error.to_string()))?;

        let ids = Ids::new(&tokenizer, &file.added)?;
        let unknown = unknown_id(&tokenizer);
        let spelling = Spelling::of(&tokenizer);
        let mut vocabulary = vocabulary(&tokenizer, &ids, &spelling, unknown)?;
        let spelled_out = spell_out(&tokenizer, &vocabulary.specials, unknown);
        file.name_end_of_text(&mut vocabulary, end_of_text)?;
        Ok(Self { is_byte_level: spelling.is_byte_level(), tokenizer, vocabulary, ids, spelled_out })
    }

    /// Returns all tokens.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Appends the ids of a text.
    ///
    /// # Errors
    /// The crate refuses the text.
    pub fn encode(&self, text: &str, out: &mut Vec<u32>) -> tokenizers::Result<()> {
        let encoding = self.tokenizer.encode_fast(text, false)?;
        for &id in encoding.get_ids() {
            match self.spelled_out.get(&id) {
                Some(ids) => out.extend(ids),
                None => out.push(self.ids.in_file(id)),
            }
        }
        Ok(())
    }

    /// Returns the bytes of a sequence, whose ids are below the size of the vocabulary.
    ///
    /// # Errors
    /// The crate's decoder fails.
    pub fn decode(&self, ids: &[u32]) -> Result<Vec<u8>> {
        // the crate's decoder returns text, where bytes of half a character are lost
        if self.is_byte_level {
            return Ok(ids.iter().flat_map(|&id| &self.vocabulary.tokens[id as usize]).copied().collect());
        }
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<u32> = ids.iter().filter_map(|&id| self.ids.in_crate(id)).collect();
        let text = self.tokenizer.decode(&ids, true);
        Ok(text.map_err(|error| PluginError::input(format!("ids cannot be decoded: {error}")))?.into_bytes())
    }
}

/// Returns the id of unknown text; none if every text can be written, or unknown text is left out.
fn unknown_id(tokenizer: &HfTokenizer) -> Option<u32> {
    if writes_every_byte(tokenizer) {
        return None;
    }
    let tokens = tokenizer.get_model().tokenize(UNKNOWN).ok()?;
    let added = tokenizer.get_added_tokens_decoder();
    tokens
        .first()
        .map(|token| token.id)
        .filter(|id| tokens.len() == 1 && added.get(id).is_some_and(|token| token.special))
}

/// Returns all tokens, in the order of their ids; unused ids are empty tokens. The unknown token is empty too, but it
/// is not special, because text produces it.
fn vocabulary(tokenizer: &HfTokenizer, ids: &Ids, spelling: &Spelling, unknown: Option<u32>) -> Result<Vocabulary> {
    let all = tokenizer.get_vocab(true).into_iter().map(|(token, id)| (token, ids.in_file(id)));
    let (token, last) = all.max_by_key(|(_, id)| *id).ok_or_else(|| PluginError::input("model has no tokens"))?;
    if last >= MAX_TOKENS {
        return Err(PluginError::input(format!("token {token:?} has id {last}, expected less than {MAX_TOKENS}")));
    }
    let added = tokenizer.get_added_tokens_decoder();
    let model = tokenizer.get_model();
    let mut vocabulary = Vocabulary::default();
    for id in 0..=last {
        let Some(in_crate) = ids.in_crate(id) else {
            vocabulary.tokens.push(Vec::new());
            continue;
        };
        vocabulary.tokens.push(match added.get(&in_crate) {
            Some(token) if token.special => {
                if unknown != Some(in_crate) {
                    vocabulary.specials.push(SpecialToken { name: token.content.clone(), id });
                }
                Vec::new()
            }
            // found in the text as it is, before the model sees it
            Some(token) if model.token_to_id(&token.content).is_none() => token.content.clone().into_bytes(),
            _ => model.id_to_token(in_crate).map_or_else(|| Ok(Vec::new()), |token| spelling.bytes(token))?,
        });
    }
    Ok(vocabulary)
}

/// Returns the ids of the characters of every special token that is also in the model's own vocabulary.
fn spell_out(tokenizer: &HfTokenizer, specials: &[SpecialToken], unknown: Option<u32>) -> BTreeMap<u32, Vec<u32>> {
    let model = tokenizer.get_model();
    let prefix = match model {
        ModelWrapper::WordPiece(word_piece) => word_piece.continuing_subword_prefix.as_str(),
        _ => "",
    };
    let bytes = |char: char| -> Option<Vec<u32>> {
        char.to_string().bytes().map(|byte| model.token_to_id(&format!("<0x{byte:02X}>"))).collect()
    };
    let spell = |is_inside: bool, char: char| match model
        .token_to_id(&format!("{}{char}", if is_inside { prefix } else { "" }))
    {
        Some(id) => vec![id],
        None => bytes(char).unwrap_or_else(|| unknown.into_iter().collect()),
    };
    let spelled = |token: String| {
        let inside = token.strip_prefix(prefix).filter(|inside| !prefix.is_empty() && !inside.is_empty());
        let (chars, first) = (inside.unwrap_or(&token).chars(), inside.is_some());
        chars.enumerate().flat_map(|(i, char)| spell(first || i > 0, char)).collect()
    };
    let tokens = specials.iter().filter_map(|special| Some((special.id, model.id_to_token(special.id)?)));
    tokens.map(|(id, token)| (id, spelled(token))).collect()
}
