//! Byte-level BPE, which llama.cpp calls gpt2.

use super::super::file::GgufFile;
use super::kinds::Tokens;
use super::pre;
use super::read::Parts;
use crate::Result;
use serde_json::{Map, Value, json};

/// Reads the tokenizer.
///
/// # Errors
/// No merges, or one of tokens that are not there; a rule for words that is not known.
pub fn read(file: &GgufFile, tokens: &Tokens<'_>) -> Result<Parts> {
    let name = file.text("tokenizer.ggml.pre")?.unwrap_or("default");
    let rule = pre::by_name(name).ok_or_else(|| {
        file.error(format_args!("tokenizer.ggml.pre: expected one of {}, got {name:?}", pre::names()))
    })?;
    let merges = file.required("tokenizer.ggml.merges", GgufFile::texts)?;
    let merges = merges.into_iter().map(|merge| {
        // the first character may be anything
        let second = merge.char_indices().nth(1).map_or(merge.len(), |(at, _)| at);
        let space = merge[second..].find(' ').map(|at| second + at);
        let parts = space.map(|at| (&merge[..at], &merge[at + 1..]));
        let are_there = |(left, right): &(&str, &str)| {
            let whole = [*left, *right].concat();
            [left, right, whole.as_str()].iter().all(|text| tokens.ids.contains_key(text))
        };
        let (left, right) = parts.filter(are_there).ok_or_else(|| {
            let what = "expected two tokens that make a third, with a space between them";
            file.error(format_args!("tokenizer.ggml.merges: {what}, got {merge:?}"))
        })?;
        Ok(json!([left, right]))
    });
    let merges: Vec<Value> = merges.collect::<Result<_>>()?;
    let vocab: Map<String, Value> = tokens.each().map(|(text, id, _)| (text.to_owned(), id.into())).collect();
    Ok(Parts {
        normalizer: if rule.is_composed { json!({"type": "NFC"}) } else { Value::Null },
        pre_tokenizer: rule.json(),
        decoder: pre::byte_level(true),
        model: json!({"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "ignore_merges": rule.ignores_merges, "vocab": vocab, "merges": merges}),
        adds: [rule.adds_bos, false],
    })
}
