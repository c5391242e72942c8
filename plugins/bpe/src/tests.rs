//! Tests of the whole tokenizer.

use crate::{Bpe, Settings, model, pieces};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use trainyard_plugin::{Create, END_OF_TEXT, ErrorKind, TokenBatch, Tokenizer};

const TEXTS: [&str; 5] = [
    "the cat sat on the mat; the cat's hat, that's that.",
    "",
    "aaaaaaa aaa aaaa  \n\n aa\u{3000}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "é\u{301} 中文 中文 中文 👩\u{200d}👧 \0\u{feff}\r\n <|endoftext|>",
    "abababab abab 1234 1234 12",
];

fn create(vocab_size: u32, min_frequency: u32) -> Bpe {
    Bpe::create(Settings { vocab_size, min_frequency }).unwrap()
}

fn trained(texts: &[&str], vocab_size: u32) -> Bpe {
    let mut bpe = create(vocab_size, 1);
    bpe.observe(texts).unwrap();
    let model = bpe.train().unwrap();
    bpe.load(&model).unwrap();
    bpe
}

#[test]
fn round_trip() {
    for vocab_size in [257, 270, 400] {
        let mut bpe = trained(&TEXTS, vocab_size);
        let batch = bpe.encode(&TEXTS).unwrap();
        let vocabulary = bpe.vocabulary().unwrap();
        batch.check(TEXTS.len(), vocabulary.tokens.len()).unwrap();
        assert_eq!(bpe.decode(&batch).unwrap(), TEXTS.map(|text| text.as_bytes().to_vec()));
        let end = vocabulary.special(END_OF_TEXT).unwrap();
        assert_eq!(end as usize, vocabulary.tokens.len() - 1);
        assert!(!batch.ids.contains(&end));
        assert_eq!(bpe.decode(&TokenBatch { ids: vec![end, end], ends: vec![1, 2] }).unwrap(), [b"", b""]);
    }
}

#[test]
fn merges_by_count_then_by_id() {
    // t+h occurs 4 times; then " "+th and th+e both 3 times, and the byte 32 has the lower id; th+e is left once
    let mut bpe = trained(&["the the the th"], 260);
    let tokens = bpe.vocabulary().unwrap().tokens;
    assert_eq!(&tokens[256..], [b"th".to_vec(), b" th".to_vec(), b" the".to_vec(), vec![]]);
    assert_eq!(bpe.encode(&["the the th"]).unwrap().ids, [256, 68, 258, 257]);
    // a run is merged from the left
    let mut bpe = trained(&["aaaaa"], 258);
    assert_eq!(bpe.encode(&["aaaaa"]).unwrap().ids, [256, 256, 64]);
}

/// The definition: count all pairs, merge the most frequent everywhere, start over.
fn naive_train(texts: &[String], n_merges: usize, count_min: usize) -> Vec<(u32, u32)> {
    let ids = |piece: &str| piece.bytes().map(|byte| model::BYTE_IDS[byte as usize]).collect();
    let mut words: Vec<Vec<u32>> = texts.iter().flat_map(|text| pieces(text)).map(ids).collect();
    let mut merges = Vec::new();
    while merges.len() < n_merges {
        let mut counts = BTreeMap::new();
        for pair in words.iter().flat_map(|word| word.windows(2)) {
            *counts.entry((pair[0], pair[1])).or_insert(0) += 1;
        }
        let frequent = counts.into_iter().filter(|&(_, count)| count >= count_min);
        let Some((pair, _)) = frequent.max_by_key(|&(pair, count)| (count, Reverse(pair))) else { break };
        for word in &mut words {
            let mut at = 0;
            while at + 1 < word.len() {
                if (word[at], word[at + 1]) == pair {
                    word.splice(at..at + 2, [model::N_BYTES + merges.len() as u32]);
                }
                at += 1;
            }
        }
        merges.push(pair);
    }
    merges
}

/// The corpus of the comparison with `tokenizers` is prose; here are few letters, long runs and many ties.
#[test]
fn merges_are_those_of_the_definition() {
    const CHARS: [char; 12] = ['a', 'b', '-', ' ', '1', '\n', '\'', 's', 'é', '中', '\0', '\u{3000}'];
    let mut state = 1_u64;
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    for _ in 0..40 {
        let n_different = 1 + below(CHARS.len());
        let mut text = || -> String {
            let n_chars = below(100);
            (0..n_chars).map(|_| CHARS[below(n_different)]).collect()
        };
        let texts: Vec<String> = (0..6).map(|_| text()).collect();
        for min_frequency in [1, 2, 5] {
            let mut bpe = create(500, min_frequency);
            texts.iter().for_each(|text| bpe.observe(&[text]).unwrap());
            let expected = naive_train(&texts, 500 - 257, min_frequency as usize);
            assert_eq!(bpe.train().unwrap(), model::to_bytes(&expected), "{texts:?}");
        }
    }
}

#[test]
fn stops_when_pairs_are_rare() {
    let mut bpe = create(1000, 3);
    bpe.observe(&["ab ab ab cd cd"]).unwrap();
    let model = bpe.train().unwrap();
    bpe.load(&model).unwrap();
    assert_eq!(bpe.vocabulary().unwrap().tokens.len(), 256 + 1 + 1);
    assert_eq!(create(1000, 1).train().unwrap(), model::to_bytes(&[]));
}

#[test]
fn batches_change_nothing() {
    let mut at_once = create(400, 1);
    at_once.observe(&TEXTS).unwrap();
    let mut one_by_one = create(400, 1);
    TEXTS.iter().for_each(|text| one_by_one.observe(&[text]).unwrap());
    let model = at_once.train().unwrap();
    assert_eq!(one_by_one.train().unwrap(), model);

    at_once.load(&model).unwrap();
    one_by_one.load(&model).unwrap();
    let batch = at_once.encode(&TEXTS).unwrap();
    let single: Vec<_> = TEXTS.iter().map(|text| one_by_one.encode(&[text]).unwrap().ids).collect();
    assert_eq!(batch.sequences().map(<[u32]>::to_vec).collect::<Vec<_>>(), single);
}

#[test]
fn short_and_long_pieces_merge_alike() {
    let mut bpe = trained(&TEXTS, 300);
    let long = "abcaab".repeat(40);
    // by the cache and the scan up to 15 bytes, by the scan up to 64, then by the queue
    for length in 1..=long.len() {
        let ids = bpe.encode(&[&long[..length]]).unwrap().ids;
        let naive = naive_encode(&bpe, &long.as_bytes()[..length]);
        assert_eq!(ids, naive, "{length}");
    }
}

/// The definition: while any pair can be merged, merge the leftmost of those with the lowest id.
fn naive_encode(bpe: &Bpe, piece: &[u8]) -> Vec<u32> {
    let merges = &bpe.model.as_ref().unwrap().merges;
    let mut ids: Vec<u32> = piece.iter().map(|&byte| model::BYTE_IDS[byte as usize]).collect();
    loop {
        let pairs = ids.windows(2).enumerate();
        let found = pairs.filter_map(|(at, pair)| merges.get(&model::pair_key(pair[0], pair[1])).map(|&id| (id, at)));
        let Some((id, at)) = found.min() else { return ids };
        ids.splice(at..at + 2, [id]);
    }
}

#[test]
fn one_endless_word() {
    // quadratic work would take hours
    let mut bpe = trained(&TEXTS, 400);
    for letter in ["a", "^", "中"] {
        let text = letter.repeat(1_000_000);
        let batch = bpe.encode(&[&text]).unwrap();
        assert_eq!(bpe.decode(&batch).unwrap()[0], text.as_bytes());
        let tokens = trained(&[&text], 300).vocabulary().unwrap().tokens;
        assert!(tokens.iter().all(|token| token.len() <= model::TOKEN_BYTES_MAX));
    }
}

#[test]
fn corrupt_models() {
    let mut bpe = create(300, 1);
    bpe.observe(&TEXTS).unwrap();
    let good = bpe.train().unwrap();
    for length in 0..good.len() {
        assert_eq!(bpe.load(&good[..length]).unwrap_err().kind, ErrorKind::Input, "{length}");
    }
    let doubling: Vec<_> = (0..20).map(|i| if i == 0 { (0, 0) } else { (255 + i, 255 + i) }).collect();
    for (merges, expected) in [
        (vec![(0, 256)], "model: merge 0 joins ids 0 and 256, expected ids below 256"),
        (vec![(0, 1), (0, 1)], "model: merge 1 repeats an earlier one"),
        (doubling, "model: merge 8 makes a token of more than 256 bytes"),
    ] {
        assert_eq!(bpe.load(&model::to_bytes(&merges)).unwrap_err().message, expected);
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(bpe.load(&longer).unwrap_err().message.ends_with("the file is cut or damaged"));
    bpe.load(&good).unwrap();
}

#[test]
fn refuses() {
    for vocab_size in [0, 256, 1_048_577] {
        let error = Bpe::create(Settings { vocab_size, min_frequency: 2 }).err().unwrap();
        assert_eq!(error.message, format!("vocab_size: expected 257 to 1048576, got {vocab_size}"));
        assert_eq!(error.kind, ErrorKind::Config);
    }
    let error = Bpe::create(Settings { vocab_size: 300, min_frequency: 0 }).err().unwrap();
    assert_eq!(error.message, "min_frequency: expected 1 or more, got 0");

    let mut bpe = create(300, 1);
    assert_eq!(bpe.encode(&["a"]).unwrap_err().kind, ErrorKind::State);
    assert_eq!(bpe.vocabulary().unwrap_err().kind, ErrorKind::State);
    let mut bpe = trained(&TEXTS, 257);
    let unknown = bpe.decode(&TokenBatch { ids: vec![257], ends: vec![1] }).unwrap_err();
    assert_eq!(unknown.message, "id 257 is outside the vocabulary of 257");
    let torn = bpe.decode(&TokenBatch { ids: vec![0], ends: vec![2] }).unwrap_err();
    assert_eq!(torn.kind, ErrorKind::Input);
}
