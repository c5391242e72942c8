//! `hf-tokenizer` compared with the crate that it runs: files of small tokenizers of every common kind.

use crate::plugins::config;
use serde_json::{Value, json};
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::unigram::{Unigram, UnigramTrainer};
use tokenizers::models::wordpiece::{WordPiece, WordPieceTrainer};
use tokenizers::normalizers::{BertNormalizer, NormalizerWrapper};
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::metaspace::Metaspace;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{
    AddedToken, PaddingParams, PaddingStrategy, TokenizerBuilder, TokenizerImpl, TruncationParams, decoders,
};
use trainyard::check::{CheckOptions, check as check_plugin};
use trainyard::plugin::{Plugin, PluginConfig};
use trainyard_plugin::{END_OF_TEXT, ErrorKind, Kind, TokenBatch, Tokenizer, Vocabulary};

const TEXTS: [&str; 7] = [
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a \
     wife.",
    "",
    " two  spaces and\r\n\ttab ",
    "naïve café — “quotes” 日本語 👩‍👩‍👧\0\u{feff}e\u{301}",
    "struck <s>out</s>, <|endoftext|> and [SEP] [CLS]",
    "0123456789 don't we'll I'm",
    "the the the the",
];

type Hf = tokenizers::Tokenizer;

fn load(json: &str) -> Box<dyn Tokenizer> {
    let plugin = Plugin::open(&config("hf-tokenizer", ""), Kind::Tokenizer).unwrap();
    let mut tokenizer = plugin.tokenizer().unwrap();
    tokenizer.load(json.as_bytes()).unwrap();
    tokenizer
}

/// Checks what the host relies on for any tokenizer: ids of the crate, which finds no special tokens in text if told
/// so, its decoded text, and the same answers for a batch and its texts.
fn check(json: &str) -> (Box<dyn Tokenizer>, Vocabulary, TokenBatch) {
    let mut hf: Hf = json.parse().unwrap();
    hf.set_encode_special_tokens(true);
    hf.with_padding(None).with_truncation(None).unwrap();
    let mut plugin = load(json);
    let vocabulary = plugin.vocabulary().unwrap();
    let batch = plugin.encode(&TEXTS).unwrap();
    let decoded = plugin.decode(&batch).unwrap();
    for ((text, ids), decoded) in TEXTS.iter().zip(batch.sequences()).zip(decoded) {
        let expected = hf.encode(*text, false).unwrap();
        if !expected.get_ids().iter().any(|&id| vocabulary.specials.iter().any(|special| special.id == id)) {
            assert_eq!(ids, expected.get_ids(), "{text:?}");
        }
        assert_eq!(decoded, hf.decode(ids, true).unwrap().as_bytes(), "{text:?}");
        assert!(vocabulary.specials.iter().all(|special| !ids.contains(&special.id)), "{text:?}");
        assert_eq!(plugin.encode(&[text]).unwrap().ids, ids, "{text:?}");
    }
    assert_eq!(plugin.encode(&[]).unwrap(), TokenBatch::default());
    (plugin, vocabulary, batch)
}

fn special(content: &str) -> AddedToken {
    AddedToken::from(content, true)
}

#[test]
fn byte_level_bpe() {
    let mut trainer = BpeTrainer::builder()
        .vocab_size(400)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(vec![special(END_OF_TEXT)])
        .build();
    let bytes = ByteLevel::new(false, true, true);
    let mut hf = TokenizerBuilder::<BPE, NormalizerWrapper, ByteLevel, ByteLevel, ByteLevel>::default()
        .with_model(BPE::default())
        .with_normalizer(None)
        .with_pre_tokenizer(Some(bytes))
        .with_post_processor(Some(bytes))
        .with_decoder(Some(bytes))
        .build()
        .unwrap();
    hf.train(&mut trainer, TEXTS.into_iter()).unwrap();
    hf.add_tokens([AddedToken::from("  ", false)]).unwrap();
    // what is cut off or padded would be lost to training
    hf.with_truncation(Some(TruncationParams { max_length: 3, ..Default::default() })).unwrap();
    hf.with_padding(Some(PaddingParams { strategy: PaddingStrategy::Fixed(50), ..Default::default() }));

    let (mut plugin, vocabulary, batch) = check(&hf.to_string(false).unwrap());
    assert_eq!(vocabulary.special(END_OF_TEXT), Some(0));
    for (text, ids) in TEXTS.iter().zip(batch.sequences()) {
        let bytes: Vec<u8> = ids.iter().flat_map(|&id| vocabulary.tokens[id as usize].clone()).collect();
        assert_eq!(bytes, text.as_bytes());
    }
    let space = vocabulary.tokens.iter().position(|token| token == b"  ").unwrap();
    assert!(batch.ids.contains(&(space as u32)));
    // a sequence may end inside a character, and special tokens are nothing
    let half = vocabulary.tokens.iter().position(|token| token == b"\xe6").unwrap();
    let decoded = plugin.decode(&TokenBatch { ids: vec![half as u32, 0], ends: vec![1, 1, 2] }).unwrap();
    assert_eq!(decoded, [&b"\xe6"[..], b"", b""]);
}

#[test]
fn word_piece() {
    let specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];
    let mut trainer = WordPieceTrainer::builder()
        .vocab_size(200)
        .show_progress(false)
        .special_tokens(specials.map(special).to_vec())
        .build();
    let template = TemplateProcessing::builder()
        .try_single("[CLS] $0 [SEP]")
        .unwrap()
        .special_tokens(vec![("[CLS]", 2), ("[SEP]", 3)])
        .build()
        .unwrap();
    let mut hf: TokenizerImpl<
        WordPiece,
        BertNormalizer,
        BertPreTokenizer,
        TemplateProcessing,
        decoders::wordpiece::WordPiece,
    > = TokenizerBuilder::default()
        .with_model(WordPiece::builder().unk_token("[UNK]".into()).build().unwrap())
        .with_normalizer(Some(BertNormalizer::default()))
        .with_pre_tokenizer(Some(BertPreTokenizer))
        .with_post_processor(Some(template))
        .with_decoder(Some(decoders::wordpiece::WordPiece::default()))
        .build()
        .unwrap();
    hf.train(&mut trainer, TEXTS[..1].iter()).unwrap();

    let (mut plugin, vocabulary, batch) = check(&hf.to_string(false).unwrap());
    // the token that ends a document is found under its name here, and text may well produce the unknown one
    let names: Vec<_> = vocabulary.specials.iter().map(|special| (special.name.as_str(), special.id)).collect();
    assert_eq!(names, [("[PAD]", 0), ("[CLS]", 2), (END_OF_TEXT, 3)]);
    assert!(batch.ids.contains(&1));
    let ids = plugin.encode(&["Mustiness"]).unwrap().ids;
    let pieces: Vec<_> = ids.iter().map(|&id| vocabulary.tokens[id as usize].as_slice()).collect();
    assert!(pieces.len() > 1 && pieces.concat() == b"mustiness", "{pieces:?}");
    assert_eq!(vocabulary.tokens[1], b"");
}

#[test]
fn unigram() {
    let mut trainer = UnigramTrainer::builder()
        .vocab_size(150)
        .show_progress(false)
        .special_tokens(["<unk>", "<s>", "</s>"].map(special).to_vec())
        .unk_token(Some("<unk>".into()))
        .build()
        .unwrap();
    let mut hf = TokenizerBuilder::<Unigram, NormalizerWrapper, Metaspace, TemplateProcessing, Metaspace>::default()
        .with_model(Unigram::default())
        .with_normalizer(None)
        .with_pre_tokenizer(Some(Metaspace::default()))
        .with_post_processor(None)
        .with_decoder(Some(Metaspace::default()))
        .build()
        .unwrap();
    hf.train(&mut trainer, TEXTS.into_iter()).unwrap();

    let (mut plugin, vocabulary, _) = check(&hf.to_string(false).unwrap());
    assert_eq!(vocabulary.special(END_OF_TEXT), Some(2));
    assert_eq!(vocabulary.special("<unk>"), None);
    // "</s>" is a piece of the model too, and in a text it is four characters
    let batch = plugin.encode(&["struck <s>out</s> the"]).unwrap();
    let bytes: Vec<u8> = batch.ids.iter().flat_map(|&id| vocabulary.tokens[id as usize].clone()).collect();
    assert_eq!(bytes, b" struck <s>out</s> the");
    assert_eq!(plugin.decode(&batch).unwrap(), [b"struck <s>out</s> the"]);
}

/// The file of a tokenizer such as Llama 2's.
fn byte_fallback_json() -> String {
    let specials = ["<unk>", "<s>", "</s>"];
    let bytes = (0..=u8::MAX).map(|byte| format!("<0x{byte:02X}>"));
    let words = ["▁", "t", "h", "e", "▁t", "he", "▁the"].map(String::from);
    let mut vocab: serde_json::Map<_, _> =
        specials.map(String::from).into_iter().chain(bytes).chain(words).zip((0..).map(Value::from)).collect();
    // ids 266 to 299 are holes
    vocab.insert("ee".into(), 300.into());
    let added = specials.iter().zip(0..).map(|(content, id)| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true})
    });
    let decoders = json!([
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ]);
    let model = json!({"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "vocab": vocab,
        "merges": ["▁ t", "h e", "▁t he", "e e"]});
    json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": added.collect::<Vec<_>>(),
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}, "pre_tokenizer": null,
        "post_processor": null, "decoder": {"type": "Sequence", "decoders": decoders}, "model": model})
    .to_string()
}

#[test]
fn byte_fallback() {
    let (_, vocabulary, batch) = check(&byte_fallback_json());
    assert_eq!(vocabulary.tokens.len(), 301);
    assert_eq!((vocabulary.tokens[299].as_slice(), vocabulary.tokens[300].as_slice()), (&b""[..], &b"ee"[..]));
    assert_eq!(vocabulary.special(END_OF_TEXT), Some(2));
    for (text, ids) in TEXTS.iter().zip(batch.sequences()) {
        let bytes: Vec<u8> = ids.iter().flat_map(|&id| vocabulary.tokens[id as usize].clone()).collect();
        assert_eq!(bytes, text.as_bytes());
    }
}

#[test]
fn the_conformance_suite_passes() {
    let model = Some(byte_fallback_json().into_bytes());
    let options = CheckOptions { seed: 1, cases: 50, model, other: None };
    let report = check_plugin(&PluginConfig::new("hf-tokenizer"), &options).unwrap();
    assert!(report.passed(), "{report}");
}

#[test]
fn damaged_files_are_refused() {
    let json = byte_fallback_json();
    let mut plugin = Plugin::open(&config("hf-tokenizer", ""), Kind::Tokenizer).unwrap().tokenizer().unwrap();
    for end in (0..json.len()).step_by(7) {
        let error = plugin.load(&json.as_bytes()[..end]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Input);
        assert!(error.message.contains("model is not a tokenizer.json of Hugging Face: EOF while parsing"), "{error}");
    }
}
