//! Tests of the whole tokenizer.

use crate::count::Counts;
use crate::pairs::Merge;
use crate::split::Split;
use crate::{Bpe, Settings, format, model};
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
    Bpe::create(Settings { vocab_size, min_frequency, ..Settings::default() }).unwrap()
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

/// The file of a model with these merges.
fn to_json(merges: &[(u32, u32)]) -> Vec<u8> {
    let mut tokens = model::byte_tokens();
    for &(left, right) in merges {
        tokens.push([tokens[left as usize].as_slice(), &tokens[right as usize]].concat());
    }
    format::to_json(Split::Gpt2, &tokens, merges, &[END_OF_TEXT]).unwrap()
}

/// The same in the format of contract 0.1.
fn to_first_format(merges: &[(u32, u32)]) -> Vec<u8> {
    let numbers = merges.iter().flat_map(|&(left, right)| [left, right]);
    let numbers = [merges.len() as u32].into_iter().chain(numbers);
    b"trainyard-bpe 1\n".iter().copied().chain(numbers.flat_map(u32::to_le_bytes)).collect()
}

/// The definition: count all pairs, merge the most frequent everywhere, start over.
fn naive_train(texts: &[String], n_merges: usize, count_min: usize) -> Vec<(u32, u32)> {
    let ids = |piece: &str| piece.bytes().map(|byte| model::BYTE_IDS[byte as usize]).collect();
    let mut words: Vec<Vec<u32>> = texts.iter().flat_map(|text| Split::Gpt2.pieces(text)).map(ids).collect();
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
            assert!(bpe.train().unwrap() == to_json(&expected), "{texts:?}");
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
    assert_eq!(create(1000, 1).train().unwrap(), to_json(&[]));
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
    let pairs = &bpe.loaded.as_ref().unwrap().0.pairs;
    let mut ids: Vec<u32> = piece.iter().map(|&byte| model::BYTE_IDS[byte as usize]).collect();
    loop {
        let merges = ids.windows(2).map(|pair| pairs.get(pair[0], pair[1])).enumerate();
        let found = merges.filter(|(_, merge)| *merge != Merge::NONE).map(|(at, merge)| (merge.id, at));
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
        let longest = tokens.iter().map(Vec::len).max().unwrap();
        assert!((1 << 15..=1 << 16).contains(&longest), "{longest}");
    }
}

#[test]
fn models_of_contract_0_1_load() {
    let merges = [(64, 65), (220, 256), (257, 66)];
    let (mut old, mut new) = (create(300, 1), create(300, 1));
    old.load(&to_first_format(&merges)).unwrap();
    new.load(&to_json(&merges)).unwrap();
    assert_eq!(old.vocabulary().unwrap(), new.vocabulary().unwrap());
    let ids = old.encode(&["ab abc ab<|endoftext|>"]).unwrap();
    assert_eq!(ids, new.encode(&["ab abc ab<|endoftext|>"]).unwrap());
    assert_eq!(ids.ids[..3], [256, 258, 257]);
}

#[test]
fn corrupt_models() {
    let mut bpe = create(300, 1);
    bpe.observe(&TEXTS).unwrap();
    let good = bpe.train().unwrap();
    for length in 0..good.trim_ascii_end().len() {
        assert_eq!(bpe.load(&good[..length]).unwrap_err().kind, ErrorKind::Input, "{length}");
    }
    let old = to_first_format(&[(64, 65), (220, 256)]);
    for length in 0..old.len() {
        assert_eq!(bpe.load(&old[..length]).unwrap_err().kind, ErrorKind::Input, "{length}");
    }
    let doubling: Vec<_> = (0..20).map(|i| if i == 0 { (0, 0) } else { (255 + i, 255 + i) }).collect();
    for (merges, expected) in [
        (vec![(0, 256)], "model: merge 0 joins ids 0 and 256, expected ids below 256"),
        (vec![(0, 1), (0, 1)], "model: merge 1 repeats an earlier one"),
        (doubling, "model: merge 8 makes a token of more than 256 bytes"),
    ] {
        assert_eq!(bpe.load(&to_first_format(&merges)).unwrap_err().message, expected);
    }
    assert!(bpe.load(&[old.as_slice(), b"x"].concat()).unwrap_err().message.ends_with("the file is cut or damaged"));
    let ranks = |lines: &str| create(300, 1).load(lines.as_bytes()).unwrap_err().message;
    assert_eq!(ranks("IQ== 0\nIg=\n"), "model: line 2: expected a token in base64 and its rank");
    assert_eq!(ranks("IQ== 0\nIQ== 1\n"), "model: line 2 repeats an earlier token");
    assert_eq!(ranks("IQ== 7\nIg== 7\n"), "model: rank 7 stands on two lines");
    assert_eq!(ranks("IQ== 4000000000\n"), "model: a token has id 4000000000, expected less than 1048576");
    let unknown = "model: 1 ranks are none of OpenAI's encodings: set split to the rule that they go with";
    assert_eq!(ranks("IQ== 0\n"), unknown);
    let expected = "model: expected a tokenizer.json, a rank file of tiktoken or what `bpe` wrote, got something else";
    assert_eq!(bpe.load(b"\0").unwrap_err().message, expected);
    bpe.load(&good).unwrap();
}

/// Ranks may be in any order, settings say how to split and which special tokens follow.
#[test]
fn other_rank_files() {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |number: u8| char::from(DIGITS[usize::from(number & 63)]);
    let line = |byte: u8| format!("{}{}== {}\n", digit(byte >> 2), digit(byte << 4), 2 * u32::from(byte));
    let file: String =
        (0..=u8::MAX).map(line).chain(["YWI= 7\n".into(), "YWJj 1\n".into(), "YmM= 9\n".into()]).collect();
    let special_tokens = vec!["<|chat|>".to_owned()];
    let mut bpe = Bpe::create(Settings { split: "none".into(), special_tokens, ..Settings::default() }).unwrap();
    bpe.load(file.as_bytes()).unwrap();
    let vocabulary = bpe.vocabulary().unwrap();
    assert_eq!((vocabulary.special("<|chat|>"), vocabulary.special(END_OF_TEXT)), (Some(511), Some(512)));
    assert_eq!(vocabulary.tokens.len(), 513);
    // abc as a whole, though ab comes after it; inside another piece ab is merged first, then abc
    assert_eq!(bpe.encode(&["abc", "abcabbc", "bc<|chat|>"]).unwrap().ids[..4], [1, 1, 7, 9]);
}

/// As in Whisper's files, the empty token, in base64 that only lenient readers accept, has its own id.
#[test]
fn rank_files_may_hold_the_empty_token() {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |number: u8| char::from(DIGITS[usize::from(number & 63)]);
    let line = |byte: u8| format!("{}{}== {}\n", digit(byte >> 2), digit(byte << 4), byte);
    let file: String = (0..=u8::MAX).map(line).chain(["= 256\n".into()]).collect();
    let mut bpe = Bpe::create(Settings { split: "gpt2".into(), ..Settings::default() }).unwrap();
    bpe.load(file.as_bytes()).unwrap();
    let vocabulary = bpe.vocabulary().unwrap();
    assert_eq!((vocabulary.tokens.len(), vocabulary.special(END_OF_TEXT)), (258, Some(257)));
    assert_eq!(bpe.encode(&["a", ""]).unwrap(), TokenBatch { ids: vec![97], ends: vec![1, 1] });
    let first: String = ["= 256\n".into()].into_iter().chain((0..=u8::MAX).map(line)).collect();
    bpe.load(first.as_bytes()).unwrap();
    assert_eq!(bpe.vocabulary().unwrap(), vocabulary);
}

#[test]
fn special_tokens_follow() {
    let special_tokens = vec!["<|user|>".to_owned(), "<|end|>".to_owned()];
    let mut bpe = Bpe::create(Settings { vocab_size: 262, special_tokens, ..Settings::default() }).unwrap();
    bpe.observe(&["<|user|> ababab abab ab <|user|>"]).unwrap();
    let model = bpe.train().unwrap();
    bpe.load(&model).unwrap();
    let vocabulary = bpe.vocabulary().unwrap();
    let ids = [END_OF_TEXT, "<|user|>", "<|end|>"].map(|name| vocabulary.special(name));
    assert_eq!(ids, [Some(259), Some(260), Some(261)]);
    assert!(bpe.encode(&["<|user|>"]).unwrap().ids.iter().all(|&id| id < 259));
}

/// With little memory, counts are too low by at most the reported error, and no frequent piece is lost.
#[test]
fn rare_pieces_are_dropped_within_the_bound() {
    let exact_and = |memory_max: usize| {
        let mut counts = Counts::new(memory_max);
        for i in 0..60_000_u32 {
            counts.add(&format!(" the{} word{}", i % 7, i % 20_000), Split::None);
            counts.add(" often", Split::None);
        }
        let error = counts.error();
        let found: BTreeMap<Vec<u8>, u64> = counts.iter().map(|(piece, count)| (piece.to_vec(), count)).collect();
        (found, error)
    };
    let (exact, none) = exact_and(usize::MAX);
    assert_eq!((none, exact[b" often".as_slice()]), (0, 60_000));
    let (bounded, error) = exact_and(1 << 20);
    assert!(error > 0 && error < 100 && bounded.len() < exact.len(), "{error}");
    assert_eq!(bounded[b" often".as_slice()], 60_000);
    for (piece, count) in &exact {
        let found = bounded.get(piece).copied().unwrap_or(0);
        assert!(found <= *count && found + error >= *count);
    }
}

/// More pieces than the cache holds, with few and many tokens: what it forgets is computed again.
#[test]
fn the_cache_changes_nothing() {
    let mut bpe = trained(&TEXTS, 300);
    let word = |i: u32| format!(" {}", i.wrapping_mul(2_654_435_761) % 900_000);
    let text: String = (0..100_000).map(word).chain((0..100_000).map(word)).collect();
    let ids = bpe.encode(&[&text]).unwrap().ids;
    let mut fresh = Vec::new();
    for piece in Split::Gpt2.pieces(&text).take(3000) {
        fresh.extend(naive_encode(&bpe, piece.as_bytes()));
    }
    assert_eq!(ids[..fresh.len()], fresh);
    assert_eq!(ids[..ids.len() / 2], ids[ids.len() / 2..]);
}

#[test]
fn refuses() {
    for vocab_size in [0, 256, 1_048_577] {
        let error = Bpe::create(Settings { vocab_size, ..Settings::default() }).err().unwrap();
        assert_eq!(error.message, format!("vocab_size: expected 257 to 1048576, got {vocab_size}"));
        assert_eq!(error.kind, ErrorKind::Config);
    }
    let error = |settings: Settings| Bpe::create(settings).err().unwrap().message;
    let of = Settings::default;
    assert_eq!(error(Settings { min_frequency: 0, ..of() }), "min_frequency: expected 1 or more, got 0");
    assert_eq!(error(Settings { max_memory_mb: 5, ..of() }), "max_memory_mb: expected 0 or 16 and more, got 5");
    let names = "gpt2, gpt4, cl100k, qwen, o200k, none";
    assert_eq!(
        error(Settings { split: "gpt3".into(), ..of() }),
        format!("split: expected one of {names}, got \"gpt3\"")
    );
    for special_tokens in [vec![END_OF_TEXT.to_owned()], vec![String::new()], vec!["a".into(), "a".into()]] {
        assert!(error(Settings { special_tokens, ..of() }).starts_with("special_tokens: expected distinct names"));
    }

    let mut bpe = create(300, 1);
    assert_eq!(bpe.encode(&["a"]).unwrap_err().kind, ErrorKind::State);
    assert_eq!(bpe.vocabulary().unwrap_err().kind, ErrorKind::State);
    let mut bpe = trained(&TEXTS, 257);
    let unknown = bpe.decode(&TokenBatch { ids: vec![257], ends: vec![1] }).unwrap_err();
    assert_eq!(unknown.message, "id 257 is outside the vocabulary of 257");
    let torn = bpe.decode(&TokenBatch { ids: vec![0], ends: vec![2] }).unwrap_err();
    assert_eq!(torn.kind, ErrorKind::Input);
}
