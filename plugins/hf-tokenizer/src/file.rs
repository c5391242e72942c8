//! Checks and changes of a `tokenizer.json` before the crate reads it.

use crate::charsmap;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use trainyard_plugin::{END_OF_TEXT, NO_END_OF_TEXT, PluginError, Result, Vocabulary, log};

/// A `tokenizer.json`, checked.
pub struct File {
    json: Value,
    /// Whether the content differs from the file's bytes.
    is_changed: bool,
    /// The ids of added tokens, by their content.
    pub added: BTreeMap<String, u32>,
}

impl File {
    /// Checks a file. The token `end_of_text` becomes special, if it exists.
    ///
    /// # Errors
    /// A damaged table of replacements, or two tokens with one id.
    pub fn new(json: Value, end_of_text: &str) -> Result<Self> {
        let mut file = Self { json, is_changed: false, added: BTreeMap::new() };
        charsmap::check_all(&file.json["normalizer"])?;
        let vocab = vocab(&file.json["model"])?;
        file.switch_off_dropout();
        file.make_special(end_of_text, &vocab);
        file.spare_characters(&vocab);
        file.added = added_ids(&file.json, &vocab)?;
        Ok(file)
    }

    /// Returns what the crate should read; none if that is the file as it is.
    ///
    /// # Errors
    /// The content cannot be written as JSON.
    pub fn changed(&self) -> Result<Option<Vec<u8>>> {
        let bytes = || serde_json::to_vec(&self.json).map_err(|error| PluginError::internal(error.to_string()));
        self.is_changed.then(bytes).transpose()
    }

    /// Names the token that ends a document: `chosen` if it is not empty, or the token with the contract's name, or the
    /// one that the file appends to a text, or one of the usual names.
    ///
    /// # Errors
    /// A name that the vocabulary lacks.
    pub fn name_end_of_text(&self, vocabulary: &mut Vocabulary, chosen: &str) -> Result<()> {
        if !chosen.is_empty() {
            return vocabulary.set_end_of_text(chosen);
        }
        let declared = declared_end(&self.json["post_processor"]).filter(|name| vocabulary.special(name).is_some());
        match declared.filter(|_| vocabulary.special(END_OF_TEXT).is_none()) {
            Some(name) => vocabulary.set_end_of_text(name)?,
            None => vocabulary.name_end_of_text(),
        }
        Ok(())
    }

    fn switch_off_dropout(&mut self) {
        let Some(dropout) = self.json["model"].get_mut("dropout") else { return };
        if dropout.as_f64().is_some_and(|dropout| dropout > 0.0) {
            log::warn(&format!(
                "the file's dropout of {dropout} is switched off: the same text gets the same tokens every time"
            ));
            *dropout = Value::Null;
            self.is_changed = true;
        }
    }

    /// Makes the token with that name special, even if it is not special in the file.
    fn make_special(&mut self, name: &str, vocab: &BTreeMap<String, u32>) {
        if name.is_empty() || name == NO_END_OF_TEXT {
            return;
        }
        let Some(tokens) = added_tokens(&mut self.json) else { return };
        let is_it = |token: &&mut Map<String, Value>| token.get("content").and_then(Value::as_str) == Some(name);
        let found = tokens.iter_mut().filter_map(Value::as_object_mut).find(is_it);
        match (found, vocab.get(name)) {
            (Some(token), _) if token.get("special") == Some(&Value::Bool(true)) => {}
            (Some(token), _) => {
                token.insert("special".into(), true.into());
                self.is_changed = true;
            }
            (None, Some(id)) => {
                tokens.push(serde_json::json!({"id": id, "content": name, "single_word": false, "lstrip": false,
                    "rstrip": false, "normalized": false, "special": true}));
                self.is_changed = true;
            }
            (None, None) => {}
        }
    }

    /// Keeps special tokens that are one character of the model's vocabulary as ordinary tokens: this is how the
    /// character is written, and otherwise it would be lost.
    fn spare_characters(&mut self, vocab: &BTreeMap<String, u32>) {
        let unknown = unknown_token(&self.json["model"]);
        let Some(tokens) = added_tokens(&mut self.json) else { return };
        let is_character = |token: &Value| {
            let content = token["content"].as_str().unwrap_or_default();
            let is_special = token["special"] == Value::Bool(true) && unknown.as_deref() != Some(content);
            is_special && content.chars().count() == 1 && vocab.contains_key(content)
        };
        let before = tokens.len();
        tokens.retain(|token| {
            if is_character(token) {
                let content = token["content"].as_str().unwrap_or_default();
                log::warn(&format!(
                    "the special token {content:?} is also how the model writes that character in text: it is no special \
                     token here"
                ));
            }
            !is_character(token)
        });
        self.is_changed |= tokens.len() < before;
    }
}

fn added_tokens(json: &mut Value) -> Option<&mut Vec<Value>> {
    let file = json.as_object_mut()?;
    file.entry("added_tokens").or_insert_with(|| Value::Array(Vec::new())).as_array_mut()
}

fn unknown_token(model: &Value) -> Option<String> {
    match &model["unk_token"] {
        Value::String(name) => Some(name.clone()),
        _ => Some(model["vocab"][usize::try_from(model["unk_id"].as_u64()?).ok()?][0].as_str()?.to_owned()),
    }
}

/// Returns the ids of a model's tokens, which must differ.
fn vocab(model: &Value) -> Result<BTreeMap<String, u32>> {
    let ids: BTreeMap<String, u32> = match &model["vocab"] {
        Value::Object(vocab) => vocab.iter().filter_map(|(token, id)| Some((token.clone(), id_of(id)?))).collect(),
        Value::Array(vocab) => {
            // the crate takes the last of those with one text
            vocab.iter().zip(0..).filter_map(|(piece, id)| Some((piece[0].as_str()?.to_owned(), id))).collect()
        }
        _ => BTreeMap::new(),
    };
    let mut by_id = BTreeMap::new();
    for (token, id) in &ids {
        if let Some(other) = by_id.insert(*id, token) {
            return Err(two(other, token, *id));
        }
    }
    Ok(ids)
}

/// Returns the ids of added tokens. Each has its own id, which is the model's id if the model has the token.
fn added_ids(json: &Value, vocab: &BTreeMap<String, u32>) -> Result<BTreeMap<String, u32>> {
    let mut added = BTreeMap::new();
    let mut taken: BTreeSet<u32> = vocab.values().copied().collect();
    let tokens = json["added_tokens"].as_array().into_iter().flatten();
    for (content, id) in tokens.filter_map(|token| Some((token["content"].as_str()?, id_of(&token["id"])?))) {
        match (vocab.get(content), added.get(content)) {
            (Some(model), _) if *model != id => {
                let what =
                    format!("model: the added token {content:?} has id {id}, the model's vocabulary says {model}");
                return Err(PluginError::input(what));
            }
            (_, Some(other)) if *other != id => {
                let what = format!("model: the added token {content:?} has the ids {other} and {id}, expected one");
                return Err(PluginError::input(what));
            }
            (None, None) if !taken.insert(id) => {
                let of_model = vocab.iter().find(|(_, other)| **other == id);
                let other = of_model.or_else(|| added.iter().find(|(_, other)| **other == id));
                return Err(two(other.map_or("", |(token, _)| token), content, id));
            }
            _ => {}
        }
        added.insert(content.to_owned(), id);
    }
    Ok(added)
}

fn id_of(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|id| u32::try_from(id).ok())
}

fn two(one: &str, other: &str, id: u32) -> PluginError {
    let what = format!("model: the tokens {one:?} and {other:?} both have id {id}, expected one for each id");
    PluginError::input(what)
}

/// Returns the special token that a `post_processor` appends to a text, if there is one.
fn declared_end(post_processor: &Value) -> Option<&str> {
    match post_processor["type"].as_str()? {
        "Sequence" => post_processor["processors"].as_array()?.iter().rev().find_map(declared_end),
        "BertProcessing" | "RobertaProcessing" => post_processor["sep"][0].as_str(),
        "TemplateProcessing" => {
            let parts = post_processor["single"].as_array()?;
            let last = parts.iter().rev().take_while(|part| part["Sequence"].is_null());
            let last = last.filter_map(|part| part["SpecialToken"]["id"].as_str()).next();
            // with a part for the text, or else nothing is behind it
            last.filter(|_| parts.iter().any(|part| !part["Sequence"].is_null()))
        }
        _ => None,
    }
}
