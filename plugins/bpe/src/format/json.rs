//! `tokenizer.json` of Hugging Face, if it holds a byte-level BPE with a known split rule.

use super::patterns::split_of;
use super::spelling;
use crate::added::Added;
use crate::declared;
use crate::hash::FastMap;
use crate::model::{Model, corrupt, tokens_by_id};
use crate::pairs::{Merge, Pairs};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use trainyard_plugin::{END_OF_TEXT, PluginError, Result, SpecialToken, Vocabulary, log};

/// The part of the file that is read first: the model's other fields depend on its type.
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
    #[serde(default)]
    post_processor: Value,
    model: Bpe,
}

#[derive(Deserialize, Default)]
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

/// Reads a file; `end_of_text` names the token that ends a document, if it is not empty.
///
/// # Errors
/// Invalid JSON, or a tokenizer that is not a byte-level BPE with a known split rule.
pub fn read(bytes: &[u8], end_of_text: &str) -> Result<Model> {
    let not_json = |error: serde_json::Error| corrupt(format!("not a tokenizer.json of Hugging Face: {error}"));
    let head: Head = serde_json::from_slice(bytes).map_err(not_json)?;
    if let Some(other) = head.model.r#type.filter(|name| name != "BPE") {
        return Err(not_here(format!("its model is {other}")));
    }
    let mut file: File = serde_json::from_slice(bytes).map_err(not_json)?;
    make_special(&mut file, end_of_text);
    let has = |affix: &Option<String>| affix.as_ref().is_some_and(|affix| !affix.is_empty());
    let bpe = &file.model;
    if has(&bpe.continuing_subword_prefix) || has(&bpe.end_of_word_suffix) || bpe.byte_fallback {
        return Err(not_here("its tokens are not bytes"));
    }
    if let Some(dropout) = bpe.dropout.filter(|dropout| *dropout > 0.0) {
        log::warn(&format!(
            "the file's dropout of {dropout} is switched off: the same text gets the same tokens every time"
        ));
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
    let byte_ids = byte_ids(&file.model.vocab)?;
    let (vocabulary, added) = tokens(&file, nfc, &byte_ids)?;
    let vocabulary = match end_of_text.is_empty() {
        true => with_end_of_text(vocabulary, &file.post_processor)?,
        false => vocabulary, // its caller names it
    };
    let spelled_out = spelled_out(&file, &vocabulary, &byte_ids);
    let whole = bpe.ignore_merges.then(|| whole(&file.model.vocab));
    Ok(Model { split, nfc, byte_ids, pairs, whole, spelled_out, added, vocabulary })
}

/// Makes the token with that name special, even if it is not special in the file.
fn make_special(file: &mut File, name: &str) {
    let added = file.added_tokens.iter_mut().find(|token| token.content == name);
    match (added, file.model.vocab.get(name)) {
        (Some(token), _) => token.special = true,
        (None, Some(&id)) => {
            let content = name.to_owned();
            file.added_tokens.push(AddedToken { id, content, special: true, ..AddedToken::default() });
        }
        (None, None) => {}
    }
}

/// Returns the ids of the bytes of every special token that merging could make.
fn spelled_out(file: &File, vocabulary: &Vocabulary, byte_ids: &[u32; 256]) -> FastMap<u32, Vec<u32>> {
    let in_model = file.added_tokens.iter().filter(|token| file.model.vocab.contains_key(&token.content));
    let ids: HashSet<u32> = vocabulary.specials.iter().map(|special| special.id).collect();
    let specials = in_model.filter(|token| ids.contains(&token.id));
    let spell = |bytes: Vec<u8>| bytes.into_iter().map(|byte| byte_ids[usize::from(byte)]).collect();
    specials.filter_map(|token| Some((token.id, spell(spelling::bytes(&token.content)?)))).collect()
}

/// Returns both ids of a merge, and the id of the result.
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

/// Returns all tokens, and those that are found in the text before it is split.
fn tokens(file: &File, nfc: bool, byte_ids: &[u32; 256]) -> Result<(Vocabulary, Added)> {
    // a token in no such alphabet stands for itself, as in the crate's decoder; merging never makes one
    let bytes = |token: &String| spelling::bytes(token).unwrap_or_else(|| token.clone().into_bytes());
    let vocab = &file.model.vocab;
    let model = vocab.iter().map(|(token, &id)| (id, bytes(token)));
    let others = file.added_tokens.iter().filter(|token| !vocab.contains_key(&token.content));
    let mut vocabulary = Vocabulary {
        tokens: tokens_by_id(model.chain(others.map(|token| (token.id, token.content.clone().into_bytes()))))?,
        specials: Vec::new(),
    };
    let (mut added, mut ids) = (Added::default(), HashSet::new());
    for token in &file.added_tokens {
        if let Some(id) = vocab.get(&token.content).filter(|id| **id != token.id) {
            let AddedToken { content, id: got, .. } = token;
            return Err(corrupt(format!("the added token {content:?} has id {got}, the model's vocabulary says {id}")));
        }
        if token.special && byte_ids.contains(&token.id) {
            log::warn(&format!(
                "the special token {:?} is also how the model writes that character in text: it is no special token here",
                token.content
            ));
            continue;
        }
        if token.special {
            vocabulary.tokens[token.id as usize] = Vec::new();
            if ids.insert(token.id) {
                vocabulary.specials.push(SpecialToken { name: token.content.clone(), id: token.id });
            }
        } else if token.single_word || token.lstrip || token.rstrip {
            return Err(not_here(format!("the added token {:?} takes the text around it into account", token.content)));
        }
        let literals = if token.normalized && nfc { &mut added.normalized } else { &mut added.raw };
        literals.push(&token.content, (!token.special).then_some(token.id))?;
    }
    Ok((vocabulary, added))
}

/// Finds the token that ends a document: by its name here, by what the file appends to a text, by its usual names.
fn with_end_of_text(mut vocabulary: Vocabulary, post_processor: &Value) -> Result<Vocabulary> {
    let declared = declared::end_of_text(post_processor).filter(|name| vocabulary.special(name).is_some());
    match declared.filter(|_| vocabulary.special(END_OF_TEXT).is_none()) {
        Some(name) => vocabulary.set_end_of_text(name)?,
        None => vocabulary.name_end_of_text(),
    }
    Ok(vocabulary)
}

fn not_here(why: impl std::fmt::Display) -> PluginError {
    corrupt(format!("{why}, which bpe does not read: use the tokenizer hf-tokenizer, it takes the same file"))
}
