//! The `tokenizer.json` of Hugging Face for the tokenizers that come with the host.

use super::{PluginConfig, settings};
use crate::{Error, Result};
use serde_json::{Map, Value, json};
use trainyard_plugin::{Config, Create, END_OF_TEXT, Tokenizer};

/// Tokenizers whose models are such files.
const WITH_FILES: [&str; 4] = ["bpe", "wordpiece", "unigram", "hf-tokenizer"];

/// The file that gives the same ids as the tokenizer `name` with this model. None where there is no such file: for
/// tokenizers of others, whose models may be anything.
///
/// # Errors
/// A model that the tokenizer itself would not load.
pub fn hugging_face_tokenizer(name: &str, config: &PluginConfig, model: &[u8]) -> Result<Option<Value>> {
    if name == "byte" && model.is_empty() {
        return Ok(Some(bytes()));
    }
    if !WITH_FILES.contains(&name) {
        return Ok(None);
    }
    if let Ok(json @ Value::Object(_)) = serde_json::from_slice(model) {
        return Ok(Some(as_used(json)));
    }
    if name != "bpe" {
        return Ok(None);
    }
    let settings = trainyard_bpe::Settings::from_settings(&settings::from_toml(name, &config.config)?)?;
    let mut bpe = trainyard_bpe::Bpe::create(settings)?;
    bpe.load(model)?;
    serde_json::from_slice(&bpe.to_tokenizer_json()?)
        .map(Some)
        .map_err(|error| Error::run(format!("tokenizer.json: {error}")))
}

/// The file with one more special token, behind all others.
pub fn with_added_token(mut file: Value, name: &str, id: u32) -> Value {
    let token = added_token(name, id);
    match file["added_tokens"].as_array_mut() {
        Some(added) => added.push(token),
        None => file["added_tokens"] = json!([token]),
    }
    as_used(file)
}

fn added_token(name: &str, id: u32) -> Value {
    json!({"id": id, "content": name, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
        "special": true})
}

/// A file as the host uses it: nothing is cut off, padded or left to chance, and added tokens keep their ids. Libraries
/// renumber added tokens that are not in the model's vocabulary.
fn as_used(mut file: Value) -> Value {
    file["truncation"] = Value::Null;
    file["padding"] = Value::Null;
    let added: Vec<(String, u64)> = file["added_tokens"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|token| Some((token["content"].as_str()?.to_owned(), token["id"].as_u64()?)))
        .collect();
    if let Some(dropout) = file["model"].get_mut("dropout") {
        *dropout = Value::Null;
    }
    if let Some(vocab) = file["model"]["vocab"].as_object_mut()
        && has_gaps(vocab, &added)
    {
        for (content, id) in added {
            vocab.entry(content).or_insert_with(|| id.into());
        }
    }
    file
}

/// Whether any added token would get another id than it has.
fn has_gaps(vocab: &Map<String, Value>, added: &[(String, u64)]) -> bool {
    let mut ids: Vec<u64> = added.iter().filter(|(token, _)| !vocab.contains_key(token)).map(|(_, id)| *id).collect();
    ids.sort_unstable();
    ids.iter().zip(vocab.len() as u64..).any(|(id, expected)| *id != expected)
}

/// One token per byte: GPT-2's alphabet (Radford et al. 2019) without a merge.
fn bytes() -> Value {
    let mut others = '\u{100}'..;
    let char_of = |byte: u8| match byte {
        b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => Some(char::from(byte)),
        _ => others.next(),
    };
    let chars = (0..=u8::MAX).map(char_of).zip(0..=u8::MAX);
    let vocab: Map<String, Value> = chars.filter_map(|(char, byte)| Some((char?.into(), byte.into()))).collect();
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [added_token(END_OF_TEXT, 256)],
        "normalizer": null,
        "pre_tokenizer": byte_level,
        "post_processor": null,
        "decoder": byte_level,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocab, "merges": []},
    })
}
