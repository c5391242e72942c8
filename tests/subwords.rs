//! `wordpiece` and `unigram` compared with the crate that trains and runs them, and with themselves: the same model
//! each time.

use crate::plugins::config;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::{AddedToken, Model, NormalizedString, Normalizer, PreTokenizedString, PreTokenizer, Trainer};
use tokenizers::{OffsetReferential, OffsetType, Tokenizer as Reference};
use trainyard::plugin::Plugin;
use trainyard_plugin::{END_OF_TEXT, Kind, Tokenizer};

const AUSTEN: &[u8] = include_bytes!("../corpus/austen.txt.zst");

const CHINESE: &str =
    "床前明月光，疑是地上霜。\n舉頭望明月，低頭思故鄉。\n春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少？\n";

const ODD: [&str; 6] = [
    "",
    " two  spaces and\r\n\ttab ",
    "naïve café — “quotes” 日本語 👩‍👩‍👧\0\u{feff}e\u{301}",
    "[SEP] </s> <unk>",
    "½ Ⅷ ﬁ",
    CHINESE,
];

/// The beginning of the novels in parts of some lines, and Chinese verse.
fn documents() -> Vec<String> {
    let text = String::from_utf8(zstd::decode_all(AUSTEN).unwrap()).unwrap();
    let paragraphs: Vec<&str> = text.split("\n\n").take(800).collect();
    let mut documents: Vec<String> = paragraphs.chunks(10).map(|lines| lines.join("\n\n")).collect();
    documents.push(CHINESE.repeat(3));
    documents
}

fn create(name: &str, settings: &str) -> Box<dyn Tokenizer> {
    Plugin::open(&config(name, settings), Kind::Tokenizer).unwrap().tokenizer().unwrap()
}

fn train(name: &str, settings: &str, documents: &[String]) -> (Box<dyn Tokenizer>, Reference) {
    let mut models = Vec::new();
    for batch in [1, 16] {
        let mut tokenizer = create(name, settings);
        let texts: Vec<&str> = documents.iter().map(String::as_str).collect();
        texts.chunks(batch).for_each(|texts| tokenizer.observe(texts).unwrap());
        models.push(tokenizer.train().unwrap());
    }
    assert!(models[0] == models[1], "{name}: another model for the same text");
    let mut tokenizer = create(name, "");
    tokenizer.load(&models[0]).unwrap();
    let mut reference: Reference = str::from_utf8(&models[0]).unwrap().parse().unwrap();
    reference.set_encode_special_tokens(true);
    (tokenizer, reference)
}

fn assert_ids(tokenizer: &mut dyn Tokenizer, reference: &Reference, documents: &[String]) {
    let texts: Vec<&str> = documents.iter().step_by(20).map(String::as_str).chain(ODD).collect();
    let batch = tokenizer.encode(&texts).unwrap();
    let end = tokenizer.vocabulary().unwrap().special(END_OF_TEXT).unwrap();
    assert!(!batch.ids.contains(&end));
    for (text, ids) in texts.iter().zip(batch.sequences()) {
        let expected = reference.encode(*text, false).unwrap();
        if !expected.get_ids().contains(&end) {
            assert_eq!(ids, expected.get_ids(), "{text:?}");
        }
    }
}

fn words(text: &str, reference: &Reference) -> Vec<String> {
    let mut normalized = NormalizedString::from(text);
    reference.get_normalizer().unwrap().normalize(&mut normalized).unwrap();
    let mut split = PreTokenizedString::from(normalized);
    reference.get_pre_tokenizer().unwrap().pre_tokenize(&mut split).unwrap();
    let splits = split.get_splits(OffsetReferential::Normalized, OffsetType::Byte);
    splits.into_iter().map(|(word, _, _)| word.to_owned()).collect()
}

#[test]
fn wordpiece() {
    let documents = documents();
    let (mut plugin, reference) = train("wordpiece", "vocab_size = 1200", &documents);
    assert_ids(plugin.as_mut(), &reference, &documents);
    let vocabulary = plugin.vocabulary().unwrap();
    assert_eq!(vocabulary.tokens.len(), 1200);

    // the crate's own trainer, counting and all, with the alphabet in our order
    let by_id = |id: u32| reference.id_to_token(id).unwrap();
    let is_initial = |token: &String| token.trim_start_matches("##").chars().count() == 1 || token.starts_with('[');
    let initial: Vec<String> = (0..).map(by_id).take_while(is_initial).collect();
    assert!(initial.len() > 100 && !initial.contains(&"##月".into()) && initial.contains(&"月".into()));
    let mut trainer = BpeTrainer::builder()
        .vocab_size(1200)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(initial.into_iter().map(|token| AddedToken::from(token, true)).collect())
        .continuing_subword_prefix("##".into())
        .build();
    trainer.feed(documents.iter(), |text| Ok(words(text, &reference))).unwrap();
    let mut bpe = BPE::default();
    trainer.train(&mut bpe).unwrap();
    assert_eq!(bpe.get_vocab(), reference.get_vocab(false));

    // every Chinese character is a word, upper case and accents are gone
    let tokens = |plugin: &mut dyn Tokenizer, text: &str| {
        let ids = plugin.encode(&[text]).unwrap().ids;
        ids.iter().map(|&id| String::from_utf8(vocabulary.tokens[id as usize].clone()).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(tokens(plugin.as_mut(), "明月The café"), ["明", "月", "the", "c", "a", "fe"]);
    let (mut cased, reference) =
        train("wordpiece", "vocab_size = 900\nlowercase = false\nlimit_alphabet = 40", &documents);
    assert!(reference.token_to_id("The").is_some());
    assert!(reference.token_to_id("##ø").is_none());
    let unknown = reference.token_to_id("[UNK]").unwrap();
    assert_eq!(cased.encode(&["月"]).unwrap().ids, [unknown]);
}

#[test]
fn unigram() {
    let documents = documents();
    let (mut plugin, reference) = train("unigram", "vocab_size = 800", &documents);
    assert_ids(plugin.as_mut(), &reference, &documents);
    let vocabulary = plugin.vocabulary().unwrap();
    assert_eq!(vocabulary.tokens.len(), 800);
    let text = "It is a truth  universally acknowledged,\n\nthat 明月光，and so on.";
    let batch = plugin.encode(&[text]).unwrap();
    assert_eq!(plugin.decode(&batch).unwrap()[0], text.as_bytes());

    // the crate's own trainer: all but the rarest characters and the last ties are the same
    let words: Vec<Vec<String>> = documents.iter().map(|text| words(text, &reference)).collect();
    let mut trainer = tokenizers::models::unigram::UnigramTrainer::builder()
        .show_progress(false)
        .vocab_size(800)
        .special_tokens(["<unk>", "</s>"].map(|name| AddedToken::from(name, true)).to_vec())
        .unk_token(Some("<unk>".into()))
        .build()
        .unwrap();
    let indices: Vec<String> = (0..words.len()).map(|i| i.to_string()).collect();
    trainer.feed(indices.iter(), |i| Ok(words[i.parse::<usize>().unwrap()].clone())).unwrap();
    let mut model = tokenizers::models::unigram::Unigram::default();
    trainer.train(&mut model).unwrap();
    let theirs = model.get_vocab();
    let n_same = theirs.keys().filter(|token| reference.token_to_id(token).is_some()).count();
    assert!(n_same >= 790, "{n_same} of 800 tokens are the crate's");
}

#[test]
fn settings_and_empty_texts_are_checked() {
    let error = |name: &str, settings: &str, texts: &[&str]| {
        let plugin = Plugin::open(&config(name, settings), Kind::Tokenizer).unwrap();
        let trained = plugin.tokenizer().and_then(|mut tokenizer| {
            tokenizer.observe(texts)?;
            Ok(tokenizer.train()?)
        });
        trained.err().map(|error| error.to_string()).unwrap_or_default()
    };
    for (name, settings, texts, expected) in [
        ("wordpiece", "vocab_size = 5", &["a"][..], "vocab_size: expected 6 to 1048576, got 5"),
        ("wordpiece", "min_frequency = 0", &["a"], "min_frequency: expected 1 or more, got 0"),
        ("wordpiece", "vocab_size = 6", &["ab"], "take 8; raise it, or lower limit_alphabet"),
        ("unigram", "vocab_size = 2", &["a"], "vocab_size: expected 3 to 1048576, got 2"),
        ("unigram", "normalization = 'nfd'", &["a"], "normalization: expected nfc, nfkc or none, got \"nfd\""),
        ("unigram", "vocab_size = 3", &["abc def"], "vocab_size: 3: "),
        ("unigram", "", &["", ""], "the training text has no words"),
    ] {
        let error = error(name, settings, texts);
        assert!(error.contains(expected), "{error}");
    }
    // one endless word, and characters of every kind
    let long = "a".repeat(10_000);
    assert_eq!(error("wordpiece", "", &["", &long, ODD[2], ODD[4]]), "");
    assert_eq!(error("unigram", "", &["", &long, ODD[2], ODD[4], "b\0c"]), "");
    assert_eq!(error("wordpiece", "", &[]), "");
}
