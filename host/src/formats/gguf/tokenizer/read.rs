//! The tokenizer of a GGUF file.

use super::super::file::GgufFile;
use super::kinds::{Kind, Tokens};
use super::{Tokenizer, bpe, pieces};
use crate::Result;
use serde_json::{Map, Value, json};

/// A `tokenizer.json` without its added tokens.
pub struct Parts {
    /// Changes text first.
    pub normalizer: Value,
    /// Cuts text into words.
    pub pre_tokenizer: Value,
    /// Makes text of tokens.
    pub decoder: Value,
    /// Makes tokens of words.
    pub model: Value,
    /// Whether a text begins and ends with a token, where the file does not say.
    pub adds: [bool; 2],
}

/// The tokens that metadata names: the name in `tokenizer_config.json` and the key.
const SPECIAL: [(&str, &str); 7] = [
    ("bos_token", "tokenizer.ggml.bos_token_id"),
    ("eos_token", "tokenizer.ggml.eos_token_id"),
    ("unk_token", "tokenizer.ggml.unknown_token_id"),
    ("sep_token", "tokenizer.ggml.seperator_token_id"),
    ("pad_token", "tokenizer.ggml.padding_token_id"),
    ("cls_token", "tokenizer.ggml.cls_token_id"),
    ("mask_token", "tokenizer.ggml.mask_token_id"),
];

/// Reads the tokenizer of a file; none if the file has none.
///
/// # Errors
/// A kind of tokenizer, or a rule for words, that is not known; metadata that contradicts itself.
pub fn read(file: &GgufFile) -> Result<Option<Tokenizer>> {
    let Some(model) = file.text("tokenizer.ggml.model")? else { return Ok(None) };
    if matches!(model, "none" | "no_vocab") {
        return Ok(None);
    }
    let tokens = Tokens::new(file)?;
    let parts = match model {
        "gpt2" => bpe::read(file, &tokens)?,
        "llama" => pieces::llama(file, &tokens)?,
        "t5" => pieces::unigram(file, &tokens)?,
        "bert" => pieces::bert(file, &tokens)?,
        other => {
            let expected = "expected gpt2, llama, t5 or bert";
            return Err(file.error(format_args!("tokenizer.ggml.model: {expected}, got {other:?}")));
        }
    };
    let mut config = special_tokens(file, &tokens)?;
    let ends = ends(file, &tokens, model, parts.adds, &mut config)?;
    let added: Vec<Value> = tokens.each().filter_map(|(text, id, kind)| added(text, id, kind)).collect();
    let json = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": parts.normalizer,
        "pre_tokenizer": parts.pre_tokenizer,
        "post_processor": ends,
        "decoder": parts.decoder,
        "model": parts.model,
    });
    config.insert("tokenizer_class".into(), "PreTrainedTokenizerFast".into());
    config.insert("clean_up_tokenization_spaces".into(), false.into());
    if let Some(context) = file.int(&file.key("context_length"))? {
        config.insert("model_max_length".into(), context.into());
    }
    if let Some(template) = file.text("tokenizer.chat_template")? {
        config.insert("chat_template".into(), template.into());
    }
    Ok(Some(Tokenizer { json, config }))
}

fn special_tokens(file: &GgufFile, tokens: &Tokens<'_>) -> Result<Map<String, Value>> {
    let mut config = Map::new();
    for (name, key) in SPECIAL {
        if let Some(text) = tokens.named(file, key)? {
            config.insert(name.into(), text.into());
        }
    }
    Ok(config)
}

/// Returns the entry of a token that is found in text before words are, or that no text makes.
fn added(text: &str, id: u32, kind: Kind) -> Option<Value> {
    let is_special = match kind {
        Kind::Control | Kind::Unknown => true,
        Kind::UserDefined => false,
        Kind::Normal | Kind::Unused | Kind::Byte => return None,
    };
    Some(json!({"id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": is_special}))
}

/// Returns the step that puts tokens around a text; null if none are put there.
fn ends(
    file: &GgufFile,
    tokens: &Tokens<'_>,
    model: &str,
    adds: [bool; 2],
    config: &mut Map<String, Value>,
) -> Result<Value> {
    let name = |config: &Map<String, Value>, key: &str| config.get(key).and_then(Value::as_str).map(str::to_owned);
    let (first, last) = if model == "bert" {
        // BERT's marks, which llama.cpp calls by other names
        let first = name(config, "cls_token").or_else(|| name(config, "bos_token")).unwrap_or_else(|| "[CLS]".into());
        let last = name(config, "sep_token").or_else(|| name(config, "eos_token")).unwrap_or_else(|| "[SEP]".into());
        config.insert("cls_token".into(), first.clone().into());
        config.insert("sep_token".into(), last.clone().into());
        (Some(first), Some(last))
    } else {
        let adds_bos = file.bool("tokenizer.ggml.add_bos_token")?.unwrap_or(adds[0]);
        let adds_eos = file.bool("tokenizer.ggml.add_eos_token")?.unwrap_or(adds[1]);
        let adds_sep = file.bool("tokenizer.ggml.add_sep_token")?.unwrap_or(false);
        let last = if adds_eos { "eos_token" } else { "sep_token" };
        (
            Some("bos_token").filter(|_| adds_bos).and_then(|key| name(config, key)),
            Some(last).filter(|_| adds_eos || adds_sep).and_then(|key| name(config, key)),
        )
    };
    let id = |token: &String| tokens.ids.get(token.as_str()).copied();
    let (first, last) = (first.filter(|token| id(token).is_some()), last.filter(|token| id(token).is_some()));
    if first.is_none() && last.is_none() {
        return Ok(Value::Null);
    }
    let mark = |token: &String, part: u8| json!({"SpecialToken": {"id": token, "type_id": part}});
    let text = |name: &str, part: u8| json!({"Sequence": {"id": name, "type_id": part}});
    let around = |name: &str, part: u8, begins: bool| -> Vec<Value> {
        let first = first.iter().filter(|_| begins).map(|token| mark(token, part));
        first.chain([text(name, part)]).chain(last.iter().map(|token| mark(token, part))).collect()
    };
    let is_bert = model == "bert";
    let second = u8::from(is_bert);
    let pair = [around("A", 0, true), around("B", second, !is_bert)].concat();
    let entry = |token: &String| (token.clone(), json!({"id": token, "ids": [id(token)], "tokens": [token]}));
    let marks: Map<String, Value> = first.iter().chain(&last).map(entry).collect();
    Ok(json!({"type": "TemplateProcessing", "single": around("A", 0, true), "pair": pair, "special_tokens": marks}))
}
