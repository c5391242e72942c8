//! The tokenizer `bpe` against the `tokenizers` crate: the same pieces, the same merges, the same ids.

use std::collections::{HashMap, HashSet};
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{Model, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, Tokenizer as Reference};
use trainyard_bpe::{Bpe, Settings, pieces};
use trainyard_plugin::{Create, Tokenizer, Vocabulary};

const AUSTEN: &[u8] = include_bytes!("../corpus/austen.txt.zst");

/// The six novels, cut into documents of about 8 KB.
fn documents() -> Vec<String> {
    let text = String::from_utf8(zstd::decode_all(AUSTEN).unwrap()).unwrap();
    let mut documents = vec![String::new()];
    for line in text.split_inclusive('\n') {
        if documents.last().unwrap().len() > 8000 {
            documents.push(String::new());
        }
        documents.last_mut().unwrap().push_str(line);
    }
    documents
}

fn train(documents: &[String], vocab_size: u32) -> Bpe {
    let mut bpe = Bpe::create(Settings { vocab_size, min_frequency: 2 }).unwrap();
    let texts: Vec<&str> = documents.iter().map(String::as_str).collect();
    texts.chunks(37).for_each(|batch| bpe.observe(batch).unwrap());
    let model = bpe.train().unwrap();
    bpe.load(&model).unwrap();
    bpe
}

/// The reference counts no special token.
fn train_reference(documents: &[String], vocab_size: usize) -> Reference {
    let byte_level = || ByteLevel::new(false, true, true);
    let mut reference = Reference::new(BPE::default());
    reference.with_pre_tokenizer(Some(byte_level())).with_decoder(Some(byte_level()));
    let mut trainer: TrainerWrapper = BpeTrainer::builder()
        .vocab_size(vocab_size - 1)
        .min_frequency(2)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect::<HashSet<char>>())
        .build()
        .into();
    reference.train(&mut trainer, documents.iter()).unwrap();
    reference
}

/// Tokens as the reference writes them, by its alphabet for bytes.
fn spelled(vocabulary: &Vocabulary, reference: &Reference) -> HashMap<String, u32> {
    let char_of: Vec<String> = (0..256).map(|id| reference.id_to_token(id).unwrap()).collect();
    let mut chars = HashMap::new();
    for (id, token) in vocabulary.tokens[..256].iter().enumerate() {
        chars.insert(token[0], char_of[id].as_str());
    }
    let tokens = vocabulary.tokens.iter().enumerate().filter(|(_, token)| !token.is_empty());
    tokens.map(|(id, token)| (token.iter().map(|byte| chars[byte]).collect(), id as u32)).collect()
}

#[test]
fn merges_and_ids_are_those_of_the_reference() {
    let documents = documents();
    let mut texts: Vec<&str> = documents.iter().step_by(8).map(String::as_str).collect();
    texts.extend(["", " ", "naïve café — 日本語 🦀\r\n\t ½ \0", "aaaaaaaaaaaaaaaa   x", "zzz'll''ve  \n\n"]);
    for vocab_size in [512, 4096] {
        let reference = train_reference(&documents, vocab_size);
        let mut bpe = train(&documents, vocab_size as u32);
        let vocabulary = bpe.vocabulary().unwrap();
        assert_eq!(vocabulary.tokens.len(), vocab_size);
        assert_eq!(spelled(&vocabulary, &reference), reference.get_vocab(false).into_iter().collect());

        let ours = bpe.encode(&texts).unwrap();
        for (text, ids) in texts.iter().zip(ours.sequences()) {
            let theirs = reference.encode(*text, false).unwrap();
            assert_eq!(ids, theirs.get_ids(), "{text:?}");
        }
    }
}

/// Byte ids too are the reference's: `!` comes first, the bytes that are not printable last.
#[test]
fn byte_ids_are_those_of_the_reference() {
    let reference = train_reference(&["ab".to_owned()], 257);
    let tokens = train(&[], 257).vocabulary().unwrap().tokens;
    for (id, char) in [(0, "!"), (64, "a"), (188, "Ā"), (220, "Ġ"), (255, "Ń")] {
        assert_eq!(reference.get_model().id_to_token(id).unwrap(), char);
    }
    let bytes: Vec<u8> = [0, 64, 188, 220, 255].iter().map(|&id: &usize| tokens[id][0]).collect();
    assert_eq!(bytes, [b'!', b'a', 0, b' ', 0xad]);
}

fn reference_pieces(text: &str) -> Vec<String> {
    let mut split = PreTokenizedString::from(text);
    ByteLevel::new(false, true, true).pre_tokenize(&mut split).unwrap();
    let splits = split.get_splits(OffsetReferential::Original, OffsetType::Byte);
    splits.into_iter().map(|(_, (start, end), _)| text[start..end].to_owned()).collect()
}

/// Every character beside a letter, a digit, a sign and white space, where pieces show what it is.
#[test]
fn every_character_is_split_as_by_the_reference() {
    // nothing is assigned between planes 4 and 13, nor private characters told apart: a sample is enough
    let is_sampled = |code: u32| !(0x40000..0xe0000).contains(&code) && code < 0xf0000 || code.is_multiple_of(251);
    let chars: Vec<char> = (0..=0x10ffff).filter(|&code| is_sampled(code)).filter_map(char::from_u32).collect();
    for chunk in chars.chunks(4096) {
        let text: String = chunk.iter().map(|char| format!("a{char}1{char}!{char}\n")).collect();
        assert_eq!(pieces(&text).collect::<Vec<_>>(), reference_pieces(&text), "U+{:04X} and up", chunk[0] as u32);
    }
}

#[test]
fn random_texts_are_split_as_by_the_reference() {
    const PARTS: [&str; 20] = [
        " ",
        " ",
        "\n",
        "\t",
        "\u{a0}",
        "\u{3000}",
        "'",
        "'s",
        "'ll",
        "'RE",
        "ve",
        "a",
        "é",
        "中",
        "\u{301}",
        "1",
        "½",
        "!",
        "👩\u{200d}👧",
        "\0",
    ];
    let mut state = 1u64;
    for _ in 0..2000 {
        let mut text = String::new();
        for _ in 0..24 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(PARTS[(state >> 33) as usize % PARTS.len()]);
        }
        assert_eq!(pieces(&text).collect::<Vec<_>>(), reference_pieces(&text), "{text:?}");
    }
}
