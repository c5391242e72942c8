//! `tokenizer.json` of Hugging Face, where it holds a byte-level BPE with a known split rule.

use super::patterns::split_of;
use super::spelling;
use crate::added::Added;
use crate::hash::FastMap;
use crate::model::{Model, corrupt, tokens_by_id};
use crate::pairs::{Merge, Pairs};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use trainyard_plugin::{PluginError, Result, SpecialToken, Vocabulary};

/// What of the file is looked at first: the model's other fields depend on its type.
#[derive(Deserialize)]
struct Head {
    model: Type,
}

#[derive(Deserialize)]
struct Type {
    r#type: Option<String>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    model: Bpe,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    normalized: bool,
    #[serde(default)]
    special: bool,
}

#[derive(Deserialize)]
struct Bpe {
    dropout: Option<f32>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: bool,
    vocab: HashMap<String, u32>,
    merges: Vec<Pair>,
}

/// Files of the `tokenizers` crate before 0.20 have one text per merge, later ones two.
#[derive(Deserialize)]
#[serde(untagged)]
enum Pair {
    Joined(String),
    Two(String, String),
}

pub fn read(bytes: &[u8]) -> Result<Model> {
    let not_json = |error: serde_json::Error| corrupt(format!("not a tokenizer.json of Hugging Face: {error}"));
    let head: Head = serde_json::from_slice(bytes).map_err(not_json)?;
    if let Some(other) = head.model.r#type.filter(|name| name != "BPE") {
        return Err(not_here(format!("its model is {other}")));
    }
    let file: File = serde_json::from_slice(bytes).map_err(not_json)?;
    let has = |affix: &Option<String>| affix.as_ref().is_some_and(|affix| !affix.is_empty());
    let bpe = &file.model;
    if has(&bpe.continuing_subword_prefix) || has(&bpe.end_of_word_suffix) || bpe.byte_fallback {
        return Err(not_here("its tokens are not bytes"));
    }
    if bpe.dropout.is_some_and(|dropout| dropout > 0.0) {
        return Err(not_here("its model drops merges at random"));
    }
    let split = split_of(&file.pre_tokenizer).map_err(not_here)?;
    let nfc = match file.normalizer["type"].as_str() {
        None => false,
        Some("NFC") => true,
        Some(other) => return Err(not_here(format!("its normalizer is {other}"))),
    };

    let mut pairs = Pairs::with_capacity(bpe.merges.len());
    for (rank, pair) in bpe.merges.iter().enumerate() {
        let (left, right, id) = merge(pair, bpe)
            .ok_or_else(|| corrupt(format!("merge {rank} joins or makes a token that the vocabulary lacks")))?;
        pairs.insert(left, right, Merge { rank: rank as u32, id });
    }
    let (vocabulary, added) = tokens(&file, nfc)?;
    let byte_ids = byte_ids(&file.model.vocab)?;
    let whole = bpe.ignore_merges.then(|| whole(&file.model.vocab));
    Ok(Model { split, nfc, byte_ids, pairs, whole, added, vocabulary })
}

/// Both ids of a merge, and the one that it makes.
fn merge(pair: &Pair, bpe: &Bpe) -> Option<(u32, u32, u32)> {
    let (left, right) = match pair {
        Pair::Joined(joined) => joined.split_once(' ')?,
        Pair::Two(left, right) => (left.as_str(), right.as_str()),
    };
    Some((*bpe.vocab.get(left)?, *bpe.vocab.get(right)?, *bpe.vocab.get(&format!("{left}{right}"))?))
}

fn byte_ids(vocab: &HashMap<String, u32>) -> Result<[u32; 256]> {
    let mut ids = [0; 256];
    for (char, id) in spelling::alphabet().into_iter().zip(&mut ids) {
        let known = vocab.get(char.encode_utf8(&mut [0; 4]));
        *id = *known.ok_or_else(|| not_here(format!("the byte {char:?} is no token")))?;
    }
    Ok(ids)
}

fn whole(vocab: &HashMap<String, u32>) -> FastMap<Vec<u8>, u32> {
    vocab.iter().filter_map(|(token, &id)| Some((spelling::bytes(token)?, id))).collect()
}

/// All tokens, and those that are found in the text before it is cut.
fn tokens(file: &File, nfc: bool) -> Result<(Vocabulary, Added)> {
    // a token in no such alphabet stands for itself, as in the crate's decoder; merging never makes one
    let bytes = |token: &String| spelling::bytes(token).unwrap_or_else(|| token.clone().into_bytes());
    let model = file.model.vocab.iter().map(|(token, &id)| (id, bytes(token)));
    let in_model = |token: &AddedToken| file.model.vocab.contains_key(&token.content);
    let others = file.added_tokens.iter().filter(|token| token.special || !in_model(token));
    let mut vocabulary = Vocabulary {
        tokens: tokens_by_id(model.chain(others.map(|token| (token.id, token.content.clone().into_bytes()))))?,
        specials: Vec::new(),
    };
    let mut added = Added::default();
    for token in &file.added_tokens {
        if token.special {
            vocabulary.tokens[token.id as usize] = Vec::new();
            vocabulary.specials.push(SpecialToken { name: token.content.clone(), id: token.id });
        } else if token.single_word || token.lstrip || token.rstrip {
            return Err(not_here(format!("the added token {:?} takes the text around it into account", token.content)));
        }
        let literals = if token.normalized && nfc { &mut added.normalized } else { &mut added.raw };
        literals.push(&token.content, (!token.special).then_some(token.id))?;
    }
    vocabulary.name_end_of_text();
    Ok((vocabulary, added))
}

fn not_here(why: impl std::fmt::Display) -> PluginError {
    corrupt(format!("{why}, which bpe does not read: use the tokenizer hf-tokenizer, it takes the same file"))
}
