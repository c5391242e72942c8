//! Writes a trained model as a `tokenizer.json`.

use super::spelling;
use crate::split::Split;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use trainyard_plugin::{PluginError, Result};

/// Field order is that of the `tokenizers` crate.
#[derive(Serialize)]
struct File<'a> {
    version: &'a str,
    truncation: (),
    padding: (),
    added_tokens: Vec<AddedToken<'a>>,
    normalizer: (),
    pre_tokenizer: PreTokenizer,
    post_processor: (),
    decoder: ByteLevel,
    model: Bpe<'a>,
}

#[derive(Serialize)]
struct AddedToken<'a> {
    id: usize,
    content: &'a str,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
    special: bool,
}

#[derive(Serialize)]
struct ByteLevel {
    r#type: &'static str,
    add_prefix_space: bool,
    trim_offsets: bool,
    use_regex: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum PreTokenizer {
    Bytes(ByteLevel),
    Split { r#type: &'static str, pretokenizers: (SplitStep, ByteLevel) },
}

#[derive(Serialize)]
struct SplitStep {
    r#type: &'static str,
    pattern: Pattern,
    behavior: &'static str,
    invert: bool,
}

#[derive(Serialize)]
struct Pattern {
    #[serde(rename = "Regex")]
    regex: String,
}

#[derive(Serialize)]
struct Bpe<'a> {
    r#type: &'static str,
    dropout: (),
    unk_token: (),
    continuing_subword_prefix: (),
    end_of_word_suffix: (),
    fuse_unk: bool,
    byte_fallback: bool,
    ignore_merges: bool,
    #[serde(serialize_with = "in_order")]
    vocab: &'a [String],
    merges: Vec<String>,
}

/// Tokens and their ids in rising order, whatever map type the JSON crate was built with.
fn in_order<S: Serializer>(vocab: &[String], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(vocab.len()))?;
    for (id, token) in vocab.iter().enumerate() {
        map.serialize_entry(token, &id)?;
    }
    map.end()
}

/// Returns the file of a model with these `tokens`, the last of which are made by `merges`. Special tokens follow.
///
/// # Errors
/// The file cannot be written as JSON.
pub fn to_json(split: Split, tokens: &[Vec<u8>], merges: &[(u32, u32)], specials: &[&str]) -> Result<Vec<u8>> {
    let alphabet = spelling::alphabet();
    let vocab: Vec<String> = tokens.iter().map(|token| spelling::text(token, &alphabet)).collect();
    let merge = |&(left, right): &(u32, u32)| format!("{} {}", vocab[left as usize], vocab[right as usize]);
    let special = |(i, &content)| AddedToken {
        id: tokens.len() + i,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
    };
    let file = File {
        version: "1.0",
        truncation: (),
        padding: (),
        added_tokens: specials.iter().enumerate().map(special).collect(),
        normalizer: (),
        pre_tokenizer: steps(split),
        post_processor: (),
        decoder: byte_level(true),
        model: Bpe {
            r#type: "BPE",
            dropout: (),
            unk_token: (),
            continuing_subword_prefix: (),
            end_of_word_suffix: (),
            fuse_unk: false,
            byte_fallback: false,
            ignore_merges: false,
            vocab: &vocab,
            merges: merges.iter().map(merge).collect(),
        },
    };
    let mut bytes = serde_json::to_vec_pretty(&file).map_err(|error| PluginError::internal(error.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The steps that split a text.
pub fn pre_tokenizer(split: Split) -> impl Serialize {
    steps(split)
}

fn steps(split: Split) -> PreTokenizer {
    match split.pattern() {
        _ if split == Split::Gpt2 => PreTokenizer::Bytes(byte_level(true)),
        None => PreTokenizer::Bytes(byte_level(false)),
        Some(regex) => {
            let step = SplitStep { r#type: "Split", pattern: Pattern { regex }, behavior: "Isolated", invert: false };
            PreTokenizer::Split { r#type: "Sequence", pretokenizers: (step, byte_level(false)) }
        }
    }
}

fn byte_level(use_regex: bool) -> ByteLevel {
    ByteLevel { r#type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex }
}
