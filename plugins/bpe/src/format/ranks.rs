//! Rank files of tiktoken: a line per token, with its bytes in base64 and its rank, which is its id and its priority
//! when merging. Two neighbours merge if their bytes together are a token. A piece that is a token is that token.
//!
//! The file contains neither its split rule nor its special tokens. They are known for OpenAI's encodings, which are
//! recognised by their ranks; for others they are settings.

use crate::Settings;
use crate::added::Added;
use crate::hash::FastMap;
use crate::model::{Model, TOKENS_MAX, corrupt, tokens_by_id};
use crate::pairs::{Merge, Pairs};
use crate::split::Split;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use trainyard_plugin::{END_OF_TEXT, Result, SpecialToken, Vocabulary};

/// Longest token in bytes (OpenAI's longest has 128): every place where a token may be split is tried.
const TOKEN_BYTES_MAX: usize = 1024;

/// Number of tokens that are not empty, the highest rank, the split rule, special tokens.
type Encoding = (usize, u32, &'static str, &'static [(&'static str, u32)]);

const FIM: [&str; 3] = ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"];

const ENCODINGS: [Encoding; 5] = [
    (50_256, 50_255, "gpt2", &[(END_OF_TEXT, 50_256)]), // r50k_base, GPT-2
    (50_256, 50_256, "gpt2", &[(END_OF_TEXT, 50_257)]), // Whisper's multilingual, where 50,256 is an empty token
    (50_280, 50_280, "gpt2", &[(END_OF_TEXT, 50_256)]), // p50k_base
    (100_256, 100_255, "cl100k", &CL100K),
    (199_998, 199_997, "o200k", &[(END_OF_TEXT, 199_999), ("<|endofprompt|>", 200_018)]),
];

const CL100K: [(&str, u32); 5] =
    [(END_OF_TEXT, 100_257), (FIM[0], 100_258), (FIM[1], 100_259), (FIM[2], 100_260), ("<|endofprompt|>", 100_276)];

/// Reads a rank file.
///
/// # Errors
/// A damaged line, ranks that do not fit together, or an unknown encoding without the settings for it.
pub fn read(bytes: &[u8], settings: &Settings) -> Result<Model> {
    let (ranks, last) = read_ranks(bytes)?;
    let mut tokens = tokens_by_id(ranks.iter().map(|(token, &rank)| (rank, token.clone())))?;
    let (split, specials) = describe(ranks.len(), last, settings)?;
    let end = specials.iter().map(|special| special.id as usize + 1).max().unwrap_or(0);
    tokens.resize(end.max(tokens.len()), Vec::new());

    let mut byte_ids = [0; 256];
    for byte in 0..=u8::MAX {
        let id = ranks.get([byte].as_slice());
        byte_ids[usize::from(byte)] = *id.ok_or_else(|| corrupt(format!("no rank for the byte 0x{byte:02x}")))?;
    }
    let mut pairs = Pairs::with_capacity(4 * ranks.len());
    for (token, &rank) in &ranks {
        for at in 1..token.len() {
            if let (Some(&left), Some(&right)) = (ranks.get(&token[..at]), ranks.get(&token[at..])) {
                pairs.insert(left, right, Merge { rank, id: rank });
            }
        }
    }
    let vocabulary = Vocabulary { tokens, specials };
    let (whole, spelled_out) = (Some(ranks), FastMap::default());
    Ok(Model { split, nfc: false, byte_ids, pairs, whole, spelled_out, added: Added::default(), vocabulary })
}

/// Returns the tokens that are not empty, each with its rank, and the highest rank of all. Whisper's files also give a
/// rank to the empty token, which no text produces.
fn read_ranks(bytes: &[u8]) -> Result<(FastMap<Vec<u8>, u32>, u32)> {
    let text = str::from_utf8(bytes).map_err(|_| corrupt("a rank file is text, this is not"))?;
    let mut ranks = FastMap::default();
    let mut seen = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let number = index + 1;
        let (token, rank) = line
            .split_once(' ')
            .and_then(|(token, rank)| Some((decode(token)?, rank.trim_ascii_end().parse().ok()?)))
            .ok_or_else(|| corrupt(format!("line {number}: expected a token in base64 and its rank")))?;
        if token.len() > TOKEN_BYTES_MAX {
            let length = token.len();
            return Err(corrupt(format!(
                "line {number}: a token of {length} bytes, expected at most {TOKEN_BYTES_MAX}"
            )));
        }
        if rank >= TOKENS_MAX {
            return Err(corrupt(format!("a token has id {rank}, expected less than {TOKENS_MAX}")));
        }
        seen.push(rank);
        if !token.is_empty() && ranks.insert(token, rank).is_some() {
            return Err(corrupt(format!("line {number} repeats an earlier token")));
        }
    }
    seen.sort_unstable();
    match seen.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(corrupt(format!("rank {} stands on two lines", pair[0]))),
        None => Ok((ranks, seen.last().copied().unwrap_or(0))),
    }
}

/// Returns the bytes of a token. An empty one is written as `=` alone, which only lenient base64 readers accept.
fn decode(token: &str) -> Option<Vec<u8>> {
    match token.trim_end_matches('=') {
        "" => (!token.is_empty()).then(Vec::new),
        _ => BASE64_STANDARD.decode(token).ok(),
    }
}

/// Returns the split rule and special tokens, from the known encoding and from the settings.
fn describe(n_ranks: usize, last: u32, settings: &Settings) -> Result<(Split, Vec<SpecialToken>)> {
    let known = ENCODINGS.iter().find(|encoding| encoding.0 == n_ranks && encoding.1 == last);
    let split = match (settings.split.as_str(), known) {
        ("", Some((_, _, name, _))) => Split::named(name)?,
        ("", None) => {
            let what =
                format!("{n_ranks} ranks are none of OpenAI's encodings: set split to the rule that they go with");
            return Err(corrupt(what));
        }
        (name, _) => Split::named(name)?,
    };
    let special = |(name, id): (&str, u32)| SpecialToken { name: name.to_owned(), id };
    let mut specials: Vec<_> = known.iter().flat_map(|encoding| encoding.3).copied().map(special).collect();
    let first = specials.iter().map(|special| special.id + 1).max().unwrap_or(0).max(last.saturating_add(1));
    let mut names: Vec<&str> = settings.special_tokens.iter().map(String::as_str).collect();
    if known.is_none() && !names.contains(&END_OF_TEXT) {
        names.push(END_OF_TEXT);
    }
    specials.extend(names.into_iter().zip(first..).map(special));
    Ok((split, specials))
}
