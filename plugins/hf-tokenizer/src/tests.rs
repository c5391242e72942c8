//! Small files written by hand: what is special, how tokens are spelled, what is refused.

use super::*;
use crate::Settings;
use trainyard_plugin::{Config, END_OF_TEXT, ErrorKind, Setting, SpecialToken, Value};

/// A word-level tokenizer with one special token, written by hand; `more` are further members of the file.
fn json(vocab: &str, specials: &[(u32, &str)], more: &str) -> String {
    let added: Vec<_> = specials
        .iter()
        .map(|(id, content)| {
            format!(
                r#"{{"id": {id}, "content": "{content}", "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true}}"#
            )
        })
        .collect();
    format!(
        r#"{{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [{}], "normalizer": null,
        "pre_tokenizer": {{"type": "WhitespaceSplit"}}, "post_processor": null, {more}
        "model": {{"type": "WordLevel", "vocab": {{{vocab}}}, "unk_token": "[UNK]"}}}}"#,
        added.join(", ")
    )
}

fn load(json: &str) -> Result<JsonTokenizer> {
    let mut tokenizer = JsonTokenizer::create(Settings::default())?;
    tokenizer.load(json.as_bytes())?;
    Ok(tokenizer)
}

fn words() -> JsonTokenizer {
    load(&json(r#""[UNK]": 0, "[SEP]": 1, "a": 2, "中文": 5, "e\u0301": 6"#, &[(0, "[UNK]"), (1, "[SEP]")], ""))
        .unwrap()
}

#[test]
fn specials_and_holes() {
    let vocabulary = words().vocabulary().unwrap();
    assert_eq!(vocabulary.tokens, [&b""[..], b"", b"a", b"", b"", "中文".as_bytes(), "e\u{301}".as_bytes()]);
    assert_eq!(vocabulary.specials, [SpecialToken { name: END_OF_TEXT.into(), id: 1 }]);
    let decoded = words().decode(&TokenBatch { ids: vec![2, 3, 1, 5], ends: vec![0, 4, 4] }).unwrap();
    // this file has no decoder, and the crate joins with spaces
    assert_eq!(decoded, ["".as_bytes(), "a 中文".as_bytes(), b""]);
}

#[test]
fn end_of_text_is_found_under_other_names() {
    let name = |specials: &[(u32, &str)]| {
        let vocab: Vec<_> = specials.iter().map(|(id, content)| format!("\"{content}\": {id}")).collect();
        let specials = load(&json(&vocab.join(", "), specials, "")).unwrap().vocabulary().unwrap().specials;
        specials.iter().find(|special| special.name == END_OF_TEXT).map(|special| special.id)
    };
    assert_eq!(name(&[(0, "<s>"), (1, "[SEP]"), (2, "<eos>"), (3, "</s>")]), Some(3));
    assert_eq!(name(&[(0, "</s>"), (1, "<|endoftext|>")]), Some(1));
    assert_eq!(name(&[(0, "<|im_start|>"), (1, "<|im_end|>")]), Some(1));
    assert_eq!(name(&[(0, "<pad>")]), None);
}

#[test]
fn special_tokens_in_text_are_spelled_out() {
    let batch = words().encode(&["a [SEP] a"]).unwrap();
    // five characters that this vocabulary lacks
    assert_eq!(batch.ids, [2, 0, 0, 0, 0, 0, 2]);
}

#[test]
fn encoding_does_not_depend_on_the_batch() {
    let texts = ["a 中文", "", "\0\u{feff}\r\n", "e\u{301} é", "a"];
    let together = words().encode(&texts).unwrap();
    assert_eq!(together, TokenBatch { ids: vec![2, 5, 0, 6, 0, 2], ends: vec![2, 2, 3, 5, 6] });
    for (text, ids) in texts.iter().zip(together.sequences()) {
        assert_eq!(words().encode(&[text]).unwrap().ids, ids);
    }
    assert_eq!(words().encode(&[]).unwrap(), TokenBatch::default());
    assert!(words().decode(&TokenBatch::default()).unwrap().is_empty());
}

#[test]
fn spellings() {
    let bytes = |decoder: &str, token: &str| {
        let vocab = format!("\"[UNK]\": 0, \"{token}\": 1");
        let tokenizer = load(&json(&vocab, &[(0, "[UNK]")], &format!("\"decoder\": {decoder},"))).unwrap();
        String::from_utf8_lossy(&tokenizer.vocabulary().unwrap().tokens[1]).into_owned()
    };
    let byte_level = r#"{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}"#;
    assert_eq!(bytes(byte_level, "ĠcafÃ©Ċ"), " café\n");
    assert_eq!(bytes(byte_level, "中"), "中");
    let metaspace = r#"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}"#;
    assert_eq!(bytes(metaspace, "▁a▁"), " a ");
    assert_eq!(bytes(metaspace, "<0x41>"), "<0x41>");
    assert_eq!(bytes(r###"{"type": "WordPiece", "prefix": "##", "cleanup": true}"###, "###a"), "#a");
    assert_eq!(bytes(r#"{"type": "BPEDecoder", "suffix": "</w>"}"#, "a</w>"), "a ");
    let fallback = r#"{"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]}"#;
    assert_eq!(bytes(fallback, "<0x0A>"), "\n");
    assert_eq!(bytes(fallback, "<0x0AA>"), "<0x0AA>");
    assert_eq!(bytes(fallback, "▁<0x0A>"), " <0x0A>");
}

#[test]
fn refuses() {
    let message = |error: PluginError, kind: ErrorKind| {
        assert_eq!(error.kind, kind);
        error.message
    };
    let mut fresh = JsonTokenizer::create(Settings::default()).unwrap();
    assert_eq!(message(fresh.encode(&["a"]).unwrap_err(), ErrorKind::State), "no model, call load first");
    assert_eq!(message(fresh.vocabulary().unwrap_err(), ErrorKind::State), "no model, call load first");
    let untrained = "this tokenizer is not trained here, set tokenizer.model = \"path/tokenizer.json\"";
    assert_eq!(message(fresh.observe(&["a"]).unwrap_err(), ErrorKind::Unsupported), untrained);
    assert_eq!(message(fresh.train().unwrap_err(), ErrorKind::Unsupported), untrained);

    for (json, what) in [
        (String::new(), "model is not a tokenizer.json of Hugging Face: EOF while parsing a value at line 1 column 0"),
        ("{}".into(), "model is not a tokenizer.json of Hugging Face: Model missing. at line 1 column 2"),
        (
            "0".into(),
            "model is not a tokenizer.json of Hugging Face: invalid type: integer `0`, expected a map at line 1 column 1",
        ),
        (json("", &[], ""), "model has no tokens"),
        (json(r#""a": 1048576"#, &[], ""), "token \"a\" has id 1048576, expected less than 1048576"),
    ] {
        assert_eq!(message(load(&json).err().unwrap(), ErrorKind::Input), what);
    }
    let unknown = TokenBatch { ids: vec![7], ends: vec![1] };
    assert_eq!(message(words().decode(&unknown).unwrap_err(), ErrorKind::Input), "id 7 is outside the vocabulary of 7");

    let setting = Setting { key: "model".into(), value: Value::Text("x".into()) };
    let error = Settings::from_settings(&[setting]).unwrap_err();
    assert_eq!(message(error, ErrorKind::Config), "model: unknown setting, expected one of end_of_text");
}
