//! Rank files compared with tiktoken. They are inside the crate `tiktoken-rs`, which only provides encoders: their
//! ranks are read out token by token.

use super::{Bpe, Settings, assert_ids, texts};
use tiktoken_rs::CoreBPE;
use trainyard_plugin::{Create, END_OF_TEXT, Tokenizer};

/// The lines `base64 rank` of an encoding with ranks below `end`.
fn rank_file(encoding: &CoreBPE, end: u32) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let specials = encoding.special_tokens();
    let mut file = Vec::new();
    for rank in 0..end {
        let Ok(token) = encoding.decode_bytes(&[rank]) else { continue };
        if str::from_utf8(&token).is_ok_and(|token| specials.contains(token)) {
            continue;
        }
        for chunk in token.chunks(3) {
            let bytes = [chunk[0], *chunk.get(1).unwrap_or(&0), *chunk.get(2).unwrap_or(&0)];
            let number = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
            for i in 0..4 {
                let digit = DIGITS[(number >> (18 - 6 * i)) as usize & 63];
                file.push(if i <= chunk.len() { digit } else { b'=' });
            }
        }
        file.extend(format!(" {rank}\n").into_bytes());
    }
    file
}

fn check(encoding: &CoreBPE, n_tokens: usize, specials: &[(&str, u32)]) {
    let mut bpe = Bpe::create(Settings::default()).unwrap();
    bpe.load(&rank_file(encoding, n_tokens as u32)).unwrap();
    let vocabulary = bpe.vocabulary().unwrap();
    assert_eq!(vocabulary.tokens.len(), n_tokens);
    for (name, id) in specials {
        assert_eq!(vocabulary.special(name), Some(*id));
    }
    assert_ids(&mut bpe, &texts(), |text| encoding.encode_ordinary(text));
}

#[test]
fn r50k() {
    check(&tiktoken_rs::r50k_base().unwrap(), 50_257, &[(END_OF_TEXT, 50_256)]);
}

#[test]
fn p50k() {
    check(&tiktoken_rs::p50k_base().unwrap(), 50_281, &[(END_OF_TEXT, 50_256)]);
}

#[test]
fn cl100k() {
    let specials = [(END_OF_TEXT, 100_257), ("<|fim_middle|>", 100_259), ("<|endofprompt|>", 100_276)];
    check(&tiktoken_rs::cl100k_base().unwrap(), 100_277, &specials);
}

#[test]
fn o200k() {
    check(&tiktoken_rs::o200k_base().unwrap(), 200_019, &[(END_OF_TEXT, 199_999), ("<|endofprompt|>", 200_018)]);
}
