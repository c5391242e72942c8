//! Tokenizers with spaces in their tokens: SentencePiece's two, and BERT's WordPiece.

use super::super::file::GgufFile;
use super::SPACE;
use super::base64;
use super::kinds::{Kind, Tokens};
use super::read::Parts;
use crate::Result;
use serde_json::{Map, Value, json};

/// Bytes of the longest token that can be merged from others: the longest in use are 31 spaces.
const MAX_MERGED: usize = 128;

/// Reads SentencePiece's BPE, which llama.cpp calls llama: of two neighbours that make a token, those whose token has
/// the highest score are merged first.
///
/// # Errors
/// No scores, or fewer than tokens.
pub fn llama(file: &GgufFile, tokens: &Tokens<'_>) -> Result<Parts> {
    let scores = scores(file, tokens)?;
    let begins_with_space = file.bool("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
    let has_bytes = tokens.kinds.contains(&Kind::Byte);
    let unknown = unknown(tokens).map(|(text, _)| text);
    let space = String::from(SPACE);
    let replace = json!({"type": "Replace", "pattern": {"String": " "}, "content": space});
    let normalizer = match begins_with_space {
        true => json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": space}, replace]}),
        false => replace,
    };
    let mut decoders = vec![json!({"type": "Replace", "pattern": {"String": space}, "content": " "})];
    if has_bytes {
        decoders.push(json!({"type": "ByteFallback"}));
    }
    decoders.push(json!({"type": "Fuse"}));
    if begins_with_space {
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    let vocab: Map<String, Value> = tokens.each().map(|(text, id, _)| (text.to_owned(), id.into())).collect();
    Ok(Parts {
        normalizer,
        pre_tokenizer: Value::Null,
        decoder: json!({"type": "Sequence", "decoders": decoders}),
        model: json!({"type": "BPE", "dropout": null, "unk_token": unknown, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": has_bytes, "ignore_merges": false,
            "vocab": vocab, "merges": merges(tokens, &scores)}),
        adds: [true, false],
    })
}

/// All merges that make a token of two, in the order of the tokens' scores, as transformers derives them.
fn merges(tokens: &Tokens<'_>, scores: &[f64]) -> Vec<Value> {
    let is_part = |text: &str| {
        let id = tokens.ids.get(text).copied()?;
        let kind = tokens.kinds[id as usize];
        matches!(kind, Kind::Normal | Kind::UserDefined | Kind::Unused).then_some(id)
    };
    let mut merges: Vec<(f64, usize, usize, &str, &str)> = Vec::new();
    for (text, id, _) in tokens.each().filter(|(text, ..)| text.len() <= MAX_MERGED && is_part(text).is_some()) {
        let length = text.chars().count();
        let cuts = text.char_indices().enumerate().skip(1);
        let mut of_token: Vec<(u32, u32, usize, usize)> =
            cuts.filter_map(|(left, (at, _))| Some((is_part(&text[..at])?, is_part(&text[at..])?, left, at))).collect();
        of_token.sort_unstable();
        let score = scores[id as usize];
        merges.extend(
            of_token.into_iter().map(|(_, _, left, at)| (score, left, length - left, &text[..at], &text[at..])),
        );
    }
    merges.sort_by(|a, b| b.0.total_cmp(&a.0).then((b.1, b.2).cmp(&(a.1, a.2))));
    merges.into_iter().map(|(_, _, _, left, right)| json!([left, right])).collect()
}

/// Reads SentencePiece's Unigram, which llama.cpp calls t5.
///
/// # Errors
/// No scores, fewer than tokens, or no token for what is unknown.
pub fn unigram(file: &GgufFile, tokens: &Tokens<'_>) -> Result<Parts> {
    let scores = scores(file, tokens)?;
    let unknown = unknown(tokens).ok_or_else(|| file.error("no token stands for what is unknown"))?;
    let mut normalizers = Vec::new();
    if let Some(table) = file.numbers("tokenizer.ggml.precompiled_charsmap")?.filter(|table| !table.is_empty()) {
        // bytes, which some programs write with a sign
        let table: Vec<u8> = table.into_iter().map(|byte| byte as i64 as u8).collect();
        normalizers.push(json!({"type": "Precompiled", "precompiled_charsmap": base64::encode(&table)}));
    }
    if file.bool("tokenizer.ggml.remove_extra_whitespaces")?.unwrap_or(false) {
        normalizers.push(json!({"type": "Strip", "strip_left": false, "strip_right": true}));
        normalizers.push(json!({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": String::from(SPACE)}));
    }
    let prefix = file.bool("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
    let scheme = if prefix { "always" } else { "never" };
    let space = json!({"type": "Metaspace", "replacement": SPACE, "prepend_scheme": scheme, "split": true});
    let vocab: Vec<Value> = tokens.texts.iter().zip(&scores).map(|(text, score)| json!([text, score])).collect();
    let has_bytes = tokens.kinds.contains(&Kind::Byte);
    Ok(Parts {
        normalizer: if normalizers.is_empty() {
            Value::Null
        } else {
            json!({"type": "Sequence", "normalizers": normalizers})
        },
        pre_tokenizer: space.clone(),
        decoder: space,
        model: json!({"type": "Unigram", "unk_id": unknown.1, "vocab": vocab, "byte_fallback": has_bytes}),
        adds: [false, true],
    })
}

/// Reads WordPiece, which llama.cpp calls bert: there, the start of a word is marked, and here its other parts.
///
/// # Errors
/// No token for what is unknown.
pub fn bert(file: &GgufFile, tokens: &Tokens<'_>) -> Result<Parts> {
    let named = tokens.named(file, "tokenizer.ggml.unknown_token_id")?;
    let unknown = named.or_else(|| tokens.ids.contains_key("[UNK]").then_some("[UNK]"));
    let unknown = unknown.ok_or_else(|| file.error("no token stands for what is unknown"))?;
    let here = |text: &str, kind: Kind| match text.strip_prefix(SPACE) {
        Some(word) => word.to_owned(),
        None if kind != Kind::Normal || is_mark(text) => text.to_owned(),
        None => format!("##{text}"),
    };
    let mut vocab = Map::new();
    for (text, id, kind) in tokens.each() {
        vocab.entry(here(text, kind)).or_insert_with(|| id.into());
    }
    // llama.cpp does not say whether the model tells capitals apart, but its tokens do
    let has_capitals = tokens.each().any(|(text, _, kind)| {
        kind == Kind::Normal && !is_mark(text) && text.bytes().any(|byte| byte.is_ascii_uppercase())
    });
    Ok(Parts {
        normalizer: json!({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": !has_capitals}),
        pre_tokenizer: json!({"type": "BertPreTokenizer"}),
        decoder: json!({"type": "WordPiece", "prefix": "##", "cleanup": true}),
        model: json!({"type": "WordPiece", "unk_token": unknown, "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocab}),
        adds: [true, true],
    })
}

/// Whether a token is written like BERT's marks: `[CLS]`, `[unused7]`.
pub fn is_mark(text: &str) -> bool {
    text.len() > 2 && text.starts_with('[') && text.ends_with(']')
}

fn scores(file: &GgufFile, tokens: &Tokens<'_>) -> Result<Vec<f64>> {
    let scores = file.required("tokenizer.ggml.scores", GgufFile::numbers)?;
    match scores.len() == tokens.texts.len() {
        true => Ok(scores),
        false => {
            let (expected, n) = (tokens.texts.len(), scores.len());
            Err(file.error(format_args!("tokenizer.ggml.scores: expected {expected} scores, got {n}")))
        }
    }
}

fn unknown<'a>(tokens: &Tokens<'a>) -> Option<(&'a str, u32)> {
    tokens.each().find(|(_, _, kind)| *kind == Kind::Unknown).map(|(text, id, _)| (text, id))
}
