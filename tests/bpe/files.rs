//! `tokenizer.json` files that the `tokenizers` crate wrote, and those that it writes after reading ours.

use super::{Bpe, Settings, assert_ids, documents, texts, train, train_reference};
use serde_json::{Value, json};
use tokenizers::Tokenizer as Reference;
use trainyard_bpe::Split;
use trainyard_plugin::{Create, END_OF_TEXT, ErrorKind, Tokenizer};

fn load(json: &str) -> Result<Bpe, String> {
    let mut bpe = Bpe::create(Settings::default()).unwrap();
    bpe.load(json.as_bytes()).map(|()| bpe).map_err(|error| {
        assert_eq!(error.kind, ErrorKind::Input);
        error.message
    })
}

/// Text of the reference's file, changed by `change`; ids must be the reference's on that file.
fn check(file: &Value, change: impl Fn(&mut Value)) {
    let mut file = file.clone();
    change(&mut file);
    let mut reference: Reference = file.to_string().parse().unwrap();
    reference.set_encode_special_tokens(true);
    let mut bpe = load(&file.to_string()).unwrap();
    let mut texts = texts();
    texts.push("x <tool> e\u{301}<tool>\u{212b}<tool_call> <|endoftext|> <to<tool>".into());
    assert_ids(&mut bpe, &texts, |text| reference.encode(text, false).unwrap().get_ids().to_vec());
}

#[test]
fn files_of_the_reference() {
    let documents: Vec<String> = documents().into_iter().step_by(10).collect();
    for split in ["gpt2", "gpt4", "qwen", "o200k", "none"] {
        let reference = train_reference(&documents, Split::named(split).unwrap(), 600);
        let file: Value = serde_json::from_str(&reference.to_string(false).unwrap()).unwrap();
        check(&file, |_| ());
        check(&file, |file| file["model"]["ignore_merges"] = true.into());
        check(&file, |file| file["normalizer"] = json!({"type": "NFC"}));
        let token = |id: u32, content: &str, special: bool, normalized: bool| {
            json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": normalized, "special": special})
        };
        let added = json!([
            token(599, END_OF_TEXT, true, false),
            token(600, "<tool>", false, true),
            token(601, "<tool_call>", true, false),
            token(602, " é", false, true),
            token(603, "  ", false, false),
        ]);
        check(&file, |file| file["added_tokens"] = added.clone());
        check(&file, |file| {
            file["added_tokens"] = added.clone();
            file["normalizer"] = json!({"type": "NFC"});
        });
    }
}

/// Files as other programs write them: merges as lists and as texts, patterns spelled differently, no field that has a
/// default.
#[test]
fn other_spellings() {
    let (_, model) = train(&documents()[..20], "gpt2", 400);
    let ours: Value = serde_json::from_slice(&model).unwrap();
    let merges = ours["model"]["merges"].as_array().unwrap().iter();
    let lists: Vec<_> = merges.map(|merge| json!(merge.as_str().unwrap().split(' ').collect::<Vec<_>>())).collect();
    let split = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    let step = json!({"type": "Split", "pattern": {"Regex": split}, "behavior": "Removed", "invert": true});
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    check(&ours, |_| ());
    check(&ours, |file| {
        file["model"]["merges"] = json!(lists);
        file["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": [step, bytes]});
    });
}

#[test]
fn the_same_file_after_a_way_through_the_reference() {
    for split in ["gpt2", "cl100k", "none"] {
        let (mut bpe, model) = train(&documents()[..20], split, 400);
        let reference: Reference = str::from_utf8(&model).unwrap().parse().unwrap();
        let mut again = load(&reference.to_string(true).unwrap()).unwrap();
        assert_eq!(again.vocabulary().unwrap(), bpe.vocabulary().unwrap());
        let document = documents()[100].clone();
        assert_eq!(again.encode(&[&document]).unwrap(), bpe.encode(&[&document]).unwrap());
    }
}

#[test]
fn what_is_not_read_says_what_does() {
    let (_, model) = train(&documents()[..2], "gpt4", 300);
    let file: Value = serde_json::from_slice(&model).unwrap();
    let changes: [(&str, Value, &str); 6] = [
        ("/model/type", json!("Unigram"), "its model is Unigram"),
        ("/model/end_of_word_suffix", json!("</w>"), "its tokens are not bytes"),
        ("/normalizer", json!({"type": "Lowercase"}), "its normalizer is Lowercase"),
        ("/pre_tokenizer/pretokenizers/0/pattern", json!({"Regex": r"\d"}), r#"unknown split {"Regex":"\\d"}"#),
        ("/pre_tokenizer", json!({"type": "Whitespace"}), "pre_tokenizer is Whitespace"),
        ("/added_tokens/0/lstrip", json!(true), ""),
    ];
    for (pointer, value, expected) in changes {
        let mut changed = file.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        if expected.is_empty() {
            load(&changed.to_string()).unwrap(); // text never produces a special token, whatever surrounds it
            continue;
        }
        let error = load(&changed.to_string()).err().unwrap();
        let advice = "which bpe does not read: use the tokenizer hf-tokenizer, it takes the same file";
        assert_eq!(error, format!("model: {expected}, {advice}"));
    }
}
