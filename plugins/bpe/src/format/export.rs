//! A loaded model, whatever file it came from, as a `tokenizer.json` with the same ids.

use super::spelling;
use super::write::pre_tokenizer;
use crate::model::Model;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use trainyard_plugin::{PluginError, Result};

/// Returns the file. Special tokens are in the model's vocabulary too, where they keep their ids even if there is a gap
/// before them.
///
/// # Errors
/// The file cannot be written as JSON.
pub fn export(model: &Model) -> Result<Vec<u8>> {
    let (alphabet, tokens) = (spelling::alphabet(), &model.vocabulary.tokens);
    let mut written: Vec<String> = tokens.iter().map(|token| spelling::text(token, &alphabet)).collect();
    for special in &model.vocabulary.specials {
        written[special.id as usize].clone_from(&special.name);
    }
    let vocab: Map<String, Value> = written
        .iter()
        .zip(0..)
        .filter(|(token, _)| !token.is_empty())
        .map(|(token, id)| (token.clone(), json!(id)))
        .collect();
    // in order of rank; of one rank in any order that is always the same
    let merges: BTreeMap<(u32, u32, u32), [&str; 2]> = model
        .pairs
        .iter()
        .map(|(left, right, merge)| ((merge.rank, left, right), [left, right].map(|id| written[id as usize].as_str())))
        .collect();
    let added: Vec<Value> = model
        .vocabulary
        .specials
        .iter()
        .map(|special| {
            json!({"id": special.id, "content": special.name, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true})
        })
        .collect();
    let file = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": model.nfc.then(|| json!({"type": "NFC"})),
        "pre_tokenizer": pre_tokenizer(model.split),
        "post_processor": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": model.whole.is_some(),
            "vocab": vocab, "merges": merges.into_values().collect::<Vec<_>>()},
    });
    serde_json::to_vec(&file).map_err(|error| PluginError::internal(error.to_string()))
}
