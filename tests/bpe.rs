//! The tokenizer `bpe` compared with the `tokenizers` crate, tiktoken and a regex engine: the same pieces, merges and
//! ids.

mod encodings; // rank files, against tiktoken
mod files; // tokenizer.json, both ways
mod splits; // the split rules, against their regular expressions

use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split as ReferenceSplit, SplitPattern};
use tokenizers::{SplitDelimiterBehavior, Tokenizer as Reference};
use trainyard_bpe::{Bpe, NAMED, Settings, Split};
use trainyard_plugin::{Create, Tokenizer};

const AUSTEN: &[u8] = include_bytes!("../corpus/austen.txt.zst");

/// Chinese verse of the Tang dynasty, with typical surroundings in files.
const VERSES: &str = "　　靜夜思\n\n床前明月光，疑是地上霜。\n舉頭望明月，低頭思故鄉。\n\n李白 (701—762)\n\n春眠不覺曉，處處聞啼鳥。\r\n\
                      夜來風雨聲，花落知多少？\n白日依山盡，黃河入海流。欲窮千里目，更上一層樓。Tang詩300首，第1首々𠀀豈\n";

/// Parts of random texts: cases that rules tell apart, and cases that scanners get wrong.
const PARTS: [&str; 56] = [
    " ",
    "  ",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "\u{a0}",
    "\u{3000}",
    "\u{85}",
    "\u{2028}",
    "'",
    "'s",
    "'S",
    "'ll",
    "'Ll",
    "'RE",
    "'ſ",
    "ve",
    "'v",
    "a",
    "Z",
    "the",
    "Hello",
    "ABC",
    "camelCase",
    "abcdefg",
    "abcdefgh",
    "ABCDEFGHI",
    "é",
    "É",
    "ǅ",
    "ʰ",
    "中",
    "文字",
    "々",
    "〇",
    "か",
    "𠀀",
    "\u{301}",
    "\u{e0100}",
    "\u{200d}",
    "1",
    "1234567",
    "½",
    "Ⅷ",
    "٣",
    "!",
    "...",
    "/",
    "//",
    "#!",
    "👩\u{200d}👧",
    "\0",
    "\u{feff}",
    "\u{10ffff}",
    "<|endoftext|>",
];

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

/// A stream of numbers below any bound.
fn random(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |n| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    }
}

/// Texts of [`PARTS`].
fn random_texts(n: usize) -> Vec<String> {
    let mut below = random(1);
    (0..n).map(|_| (0..24).map(|_| PARTS[below(PARTS.len())]).collect()).collect()
}

/// Prose, verse, oddities and random texts: ids must be equal on every one.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> = documents().into_iter().step_by(8).collect();
    texts.extend(random_texts(3000));
    let odd = ["", " ", "naïve café — 日本語 🦀\r\n\t ½ \0", "zzz'll''ve  \n\n", VERSES, "x\n  ", "  \n \n x \n"];
    texts.extend(odd.map(String::from));
    texts.extend(["a", "^", " ", "中", "=-", "\n ", "Ab"].map(|part| part.repeat(3000)));
    texts
}

fn create(split: &str, vocab_size: u32) -> Bpe {
    Bpe::create(Settings { vocab_size, split: split.into(), ..Settings::default() }).unwrap()
}

fn train(documents: &[String], split: &str, vocab_size: u32) -> (Bpe, Vec<u8>) {
    let mut bpe = create(split, vocab_size);
    let texts: Vec<&str> = documents.iter().map(String::as_str).collect();
    texts.chunks(37).for_each(|batch| bpe.observe(batch).unwrap());
    let model = bpe.train().unwrap();
    bpe.load(&model).unwrap();
    (bpe, model)
}

/// The reference counts no special token.
fn train_reference(documents: &[String], split: Split, vocab_size: usize) -> Reference {
    let mut reference = Reference::new(BPE::default());
    let bytes = |use_regex| PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, use_regex));
    let pre_tokenizer = match split.pattern() {
        _ if split == Split::Gpt2 => bytes(true),
        None => bytes(false),
        Some(pattern) => {
            let pattern = SplitPattern::Regex(pattern);
            let step = ReferenceSplit::new(pattern, SplitDelimiterBehavior::Isolated, false).unwrap();
            PreTokenizerWrapper::Sequence(Sequence::new(vec![PreTokenizerWrapper::Split(step), bytes(false)]))
        }
    };
    reference.with_pre_tokenizer(Some(pre_tokenizer)).with_decoder(Some(ByteLevel::new(false, true, true)));
    let mut trainer: TrainerWrapper = BpeTrainer::builder()
        .vocab_size(vocab_size - 1)
        .min_frequency(2)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build()
        .into();
    reference.train(&mut trainer, documents.iter()).unwrap();
    reference
}

fn assert_ids(bpe: &mut Bpe, texts: &[String], reference: impl Fn(&str) -> Vec<u32>) {
    let views: Vec<&str> = texts.iter().map(String::as_str).collect();
    let batch = bpe.encode(&views).unwrap();
    for (text, ids) in texts.iter().zip(batch.sequences()) {
        let start: String = text.chars().take(200).collect();
        assert!(ids == reference(text), "{start:?}");
    }
}

#[test]
fn merges_and_ids_are_those_of_the_reference() {
    let (documents, texts) = (documents(), texts());
    for (split, vocab_size) in [("gpt2", 512), ("gpt2", 4096), ("gpt4", 4096), ("o200k", 1024)] {
        let reference = train_reference(&documents, Split::named(split).unwrap(), vocab_size);
        let (mut bpe, model) = train(&documents, split, vocab_size as u32);
        let ours: Reference = str::from_utf8(&model).unwrap().parse().unwrap();
        let vocabulary = bpe.vocabulary().unwrap();
        assert_eq!(vocabulary.tokens.len(), vocab_size, "{split}");
        assert_eq!(ours.get_vocab(false), reference.get_vocab(false), "{split}");
        let special = ours.get_added_tokens_decoder();
        assert_eq!(special[&(vocab_size as u32 - 1)].content, "<|endoftext|>");
        assert_ids(&mut bpe, &texts, |text| reference.encode(text, false).unwrap().get_ids().to_vec());
    }
}

/// A text without any structure gives merges of long tokens and many ties.
#[test]
fn training_on_chinese_and_on_whole_texts_is_the_reference() {
    let mut verses = vec![VERSES.repeat(2), "ab".repeat(300), "aaaaaaa".repeat(50)];
    // the reference would learn the name of a special token as a word, and the file would have two ids for it
    verses.extend(random_texts(300).into_iter().map(|text| text.replace("<|endoftext|>", "<|end|>")));
    for (name, split) in NAMED {
        let reference = train_reference(&verses, split, 700);
        let (mut bpe, _) = train(&verses, name, 700);
        assert_ids(&mut bpe, &verses, |text| reference.encode(text, false).unwrap().get_ids().to_vec());
    }
}
