//! Tokenizer files as found in practice: special tokens in odd places, ids with gaps, dropout, other names for the end
//! of a text, SentencePiece models, damage.

mod end_of_text; // which token ends a document, and who says so
mod sentence_piece; // against the library

use crate::plugins::config;
use serde_json::{Value, json};
use trainyard::plugin::Plugin;
use trainyard_plugin::{END_OF_TEXT, ErrorKind, Kind, PluginError, TokenBatch, Tokenizer};

const TEXTS: [&str; 6] = [
    "the cat sat on the mat; that's the cat's hat, the end.",
    "",
    "naïve café 中文 👩\u{200d}👧 \0\u{feff}\r\n  two  spaces",
    "<|endoftext|> <|user|> call <tool> now<tool>, the <|pad|>",
    "aaaaaaaa abababab 0123456789",
    "the",
];

/// A loaded tokenizer of the host's own.
fn load(plugin: &str, settings: &str, model: &[u8]) -> Result<Box<dyn Tokenizer>, PluginError> {
    let mut tokenizer = Plugin::open(&config(plugin, settings), Kind::Tokenizer).unwrap().tokenizer().unwrap();
    tokenizer.load(model).map(|()| tokenizer)
}

/// A byte-level BPE that was trained on the texts, as JSON; its one special token has id 400.
fn byte_level() -> Value {
    let plugin = Plugin::open(&config("bpe", "vocab_size = 401\nmin_frequency = 1"), Kind::Tokenizer).unwrap();
    let mut tokenizer = plugin.tokenizer().unwrap();
    let more: String = (0..300).map(|i| format!(" word{} the{}", i * i, i % 50)).collect();
    tokenizer.observe(&[&TEXTS.join(" "), &more]).unwrap();
    let file: Value = serde_json::from_slice(&tokenizer.train().unwrap()).unwrap();
    assert_eq!(file["added_tokens"][0]["id"], 400);
    file
}

fn added(id: u32, content: &str, special: bool) -> Value {
    json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
        "special": special})
}

/// Compares both tokenizers on a file: the same ids, no special token, and every text decodes to itself.
#[track_caller]
fn both(file: &Value) -> TokenBatch {
    let batches = ["bpe", "hf-tokenizer"].map(|plugin| {
        let mut tokenizer = load(plugin, "", file.to_string().as_bytes()).unwrap();
        let (batch, vocabulary) = (tokenizer.encode(&TEXTS).unwrap(), tokenizer.vocabulary().unwrap());
        for special in &vocabulary.specials {
            assert!(!batch.ids.contains(&special.id), "{plugin}: {special:?}");
        }
        let texts: Vec<&[u8]> = TEXTS.iter().map(|text| text.as_bytes()).collect();
        assert_eq!(tokenizer.decode(&batch).unwrap(), texts, "{plugin}");
        let bytes: Vec<u8> = batch.ids.iter().flat_map(|&id| vocabulary.tokens[id as usize].clone()).collect();
        assert_eq!(bytes, texts.concat(), "{plugin}");
        (batch, vocabulary.tokens.len())
    });
    let [(bpe, n_tokens), hugging_face] = batches;
    assert_eq!((bpe.clone(), n_tokens), hugging_face);
    bpe
}

#[track_caller]
fn both_refuse(file: &Value, expected: &str) {
    for plugin in ["bpe", "hf-tokenizer"] {
        let error = load(plugin, "", file.to_string().as_bytes()).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Input);
        assert!(error.message.ends_with(&format!("load: model: {expected}")), "{plugin}: {}", error.message);
    }
}

/// The id of a token of the model.
fn id_of(file: &Value, token: &str) -> u32 {
    file["model"]["vocab"][token].as_u64().unwrap() as u32
}

/// Tokens of several letters that the texts are written with.
fn words(file: &Value, texts: &TokenBatch) -> Vec<String> {
    let tokens = file["model"]["vocab"].as_object().unwrap().iter();
    let is_word = |(token, id): &(&String, &Value)| {
        token.len() > 1
            && token.chars().all(|char| char.is_ascii_lowercase())
            && texts.ids.contains(&(id.as_u64().unwrap() as u32))
    };
    tokens.filter(is_word).map(|(token, _)| token.clone()).collect()
}

#[test]
fn a_special_token_may_be_a_word() {
    let file = byte_level();
    let plain = both(&file);
    let words = words(&file, &plain);
    assert!(words.len() > 1, "{words:?}");
    for word in words.iter().map(String::as_str) {
        let (mut changed, id) = (file.clone(), id_of(&file, word));
        changed["added_tokens"].as_array_mut().unwrap().push(added(id, word, true));
        let batch = both(&changed);
        // it is spelled out, and nothing else changes
        let n_chars = word.chars().count();
        let expected: usize = plain.ids.iter().map(|&other| if other == id { n_chars } else { 1 }).sum();
        assert_eq!(batch.ids.len(), expected, "{word}");
        for ignore_merges in [false, true] {
            changed["model"]["ignore_merges"] = ignore_merges.into();
            both(&changed);
        }
    }
}

#[test]
fn a_special_token_may_be_a_character() {
    let file = byte_level();
    let mut changed = file.clone();
    changed["added_tokens"].as_array_mut().unwrap().push(added(id_of(&file, "a"), "a", true));
    // there is no other way to write it, so that it is none
    assert_eq!(both(&changed), both(&file));
}

#[test]
fn added_ids_may_follow_a_gap() {
    let mut file = byte_level();
    file["added_tokens"] = json!([
        added(400, END_OF_TEXT, true),
        added(420, "<|user|>", true),
        added(421, "<tool>", false),
        added(450, "<|pad|>", true)
    ]);
    let batch = both(&file);
    assert_eq!(batch.ids.iter().filter(|&&id| id == 421).count(), 2);
    for plugin in ["bpe", "hf-tokenizer"] {
        let mut tokenizer = load(plugin, "", file.to_string().as_bytes()).unwrap();
        let vocabulary = tokenizer.vocabulary().unwrap();
        assert_eq!((vocabulary.tokens.len(), vocabulary.special("<|pad|>")), (451, Some(450)));
        // an id in the gap stands for nothing
        let decoded = tokenizer.decode(&TokenBatch { ids: vec![401, 421, 402, 419], ends: vec![4] }).unwrap();
        assert_eq!(decoded, [b"<tool>"], "{plugin}");
    }
}

#[test]
fn an_id_belongs_to_one_token() {
    let file = byte_level();
    let mut changed = file.clone();
    changed["added_tokens"].as_array_mut().unwrap().push(added(id_of(&file, "a"), "<tool>", false));
    both_refuse(&changed, "the tokens \"a\" and \"<tool>\" both have id 64, expected one for each id");
    let mut changed = file.clone();
    let word = &words(&file, &both(&file))[0];
    changed["added_tokens"].as_array_mut().unwrap().push(added(1000, word, true));
    let expected = format!("the added token {word:?} has id 1000, the model's vocabulary says {}", id_of(&file, word));
    both_refuse(&changed, &expected);
}

#[test]
fn dropout_is_switched_off() {
    let file = byte_level();
    let mut changed = file.clone();
    changed["model"]["dropout"] = 0.5.into();
    assert_eq!(both(&changed), both(&file));
}

/// Removes or changes each field of files of four kinds: never a panic, and never an internal error of the plugin.
#[test]
fn damaged_fields_are_refused_or_read() {
    let mut files = vec![("bpe", byte_level()), ("hf-tokenizer", byte_level())];
    for (plugin, settings) in [("wordpiece", "vocab_size = 300"), ("unigram", "vocab_size = 120")] {
        let mut tokenizer = Plugin::open(&config(plugin, settings), Kind::Tokenizer).unwrap().tokenizer().unwrap();
        tokenizer.observe(&[&TEXTS.join(" ").repeat(3)]).unwrap();
        files.push((plugin, serde_json::from_slice(&tokenizer.train().unwrap()).unwrap()));
    }
    let mut normalizers = files[1].1.clone();
    normalizers["normalizer"] = json!({"type": "Sequence", "normalizers": [
        {"type": "Replace", "pattern": {"Regex": "a+"}, "content": "b"},
        {"type": "Strip", "strip_left": true, "strip_right": true},
    ]});
    files.push(("hf-tokenizer", normalizers));
    let mut table = byte_level();
    table["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": "AAAAAA=="});
    let error = load("hf-tokenizer", "", table.to_string().as_bytes()).err().unwrap();
    let expected = "model: normalizer: precompiled_charsmap: the trie is empty; the file is damaged, fetch it again";
    assert!(error.message.ends_with(expected), "{}", error.message);
    files.push(("hf-tokenizer", table));
    let mut decoders = byte_level();
    decoders["decoder"] = json!({"type": "Sequence", "decoders": [{"type": "Strip", "content": " ", "start": 1, "stop": 0},
        {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": true}]});
    decoders["pre_tokenizer"] = json!({"type": "FixedLength", "length": 5});
    files.push(("hf-tokenizer", decoders));
    let values = [
        Value::Null,
        json!(""),
        json!(-1),
        json!(4_000_000_000_u32),
        json!([]),
        json!({}),
        json!("\u{0}é"),
        json!(1.5),
    ];
    for (plugin, file) in &files {
        let opened = Plugin::open(&config(*plugin, ""), Kind::Tokenizer).unwrap();
        for pointer in pointers(file, "", 4) {
            for value in &values {
                let mut changed = file.clone();
                *changed.pointer_mut(&pointer).unwrap() = value.clone();
                let mut tokenizer = opened.tokenizer().unwrap();
                let used = tokenizer.load(changed.to_string().as_bytes()).and_then(|()| {
                    let batch = tokenizer.encode(&TEXTS)?;
                    tokenizer.decode(&batch).map(drop)
                });
                if let Err(error) = used {
                    let is_refusal = matches!(error.kind, ErrorKind::Input | ErrorKind::Config);
                    assert!(is_refusal, "{plugin}: {pointer} = {value}: {}", error.message);
                    assert!(!error.message.contains('\n') && error.message.len() < 1500, "{}", error.message);
                }
            }
        }
    }
}

/// Places in a file, a few of each list and map.
fn pointers(value: &Value, at: &str, n: usize) -> Vec<String> {
    let parts: Vec<(String, &Value)> = match value {
        Value::Array(items) => items.iter().take(n).enumerate().map(|(i, item)| (format!("{at}/{i}"), item)).collect(),
        Value::Object(map) => {
            let n = if map.len() > 30 { n } else { map.len() };
            map.iter()
                .take(n)
                .map(|(key, item)| (format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), item))
                .collect()
        }
        _ => Vec::new(),
    };
    parts.into_iter().flat_map(|(at, item)| [vec![at.clone()], pointers(item, &at, n)].concat()).collect()
}
