//! Which tokens the masked task hides.

use crate::plugins::config;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use trainyard::corpus::Packing;
use trainyard::feed::tasks::{Borders, Marks, MaskedConfig, Task, TaskConfig};
use trainyard::feed::{Loader, Position, Recipe, Shard, ShardInfo, ShardWriter, Supply};
use trainyard::plugin::Plugin;
use trainyard::rows::Rows;
use trainyard_plugin::{Kind, Tokenizer, Vocabulary};

const AUSTEN: &[u8] = include_bytes!("../../corpus/austen.txt.zst");
const END: u32 = 256;
const CONTEXT: usize = 64;

const BERT: MaskedConfig = MaskedConfig { rate: 0.15, mask: 0.8, random: 0.1, whole_words: false };

fn shard(folder: &Path, n_vocabulary: u32, end: u32, documents: &[Vec<u32>]) -> Shard {
    let info = ShardInfo { n_vocabulary, end_of_text: Some(end), tokenizer: [0; 32], source: [0; 32] };
    let mut writer = ShardWriter::create(&folder.join("text.shard"), info).unwrap();
    documents.iter().for_each(|document| writer.push(document).unwrap());
    writer.finish().unwrap()
}

/// Bytes, and an end of text.
fn vocabulary() -> Vocabulary {
    let mut tokens: Vec<_> = (0..=255u8).map(|byte| vec![byte]).collect();
    tokens.push(Vec::new());
    Vocabulary { tokens, specials: Vec::new() }
}

fn bytes_of(vocabulary: &Vocabulary) -> Vec<u32> {
    vocabulary.tokens.iter().map(|token| token.len() as u32).collect()
}

fn task(config: MaskedConfig, (vocabulary, end): (&Vocabulary, u32), borders: Borders) -> Arc<dyn Task> {
    let marks = Marks::new(vocabulary, Some(end), (None, None)).unwrap();
    TaskConfig::Masked(config).task(marks, None, None, borders, &[], vocabulary).unwrap()
}

fn recipe(task: &Arc<dyn Task>, batch: usize, seed: u64, packing: Packing) -> Recipe {
    Recipe { task: task.clone(), packing, ..Recipe::new(CONTEXT, batch, seed) }
}

/// The tokens that are read, without those of padding, and the predicted ones: place and target.
fn read(batches: &[Rows]) -> (Vec<u32>, Vec<(usize, u32)>) {
    let (mut inputs, mut predicted) = (Vec::new(), Vec::new());
    for rows in batches {
        let at = rows.at.as_ref().unwrap().iter().zip(&rows.columns.target);
        predicted.extend(at.map(|(&place, &target)| (inputs.len() + place as usize, target)));
        inputs.extend(&rows.inputs);
    }
    (inputs, predicted)
}

#[test]
fn masks_depend_on_the_seed_and_the_sequence_alone() {
    let folder = TempDir::new().unwrap();
    // all documents are the same, so that the order of documents does not show
    let text: Vec<u32> = b"all that is hidden here is hidden by the number of its place".map(u32::from).to_vec();
    let shard = shard(folder.path(), 257, END, &vec![text; 40]);
    let (vocabulary, bytes) = (vocabulary(), bytes_of(&vocabulary()));
    let task = task(BERT, (&vocabulary, END), Borders::default());
    let batches = |batch: usize, seed: u64, n: usize, workers: usize| -> Vec<Rows> {
        let recipe = recipe(&task, batch, seed, Packing::Pad);
        let loader = Loader::with(&shard, &recipe, &bytes, Position::default()).unwrap();
        std::thread::scope(|scope| {
            let mut ahead = loader.ahead(scope, workers);
            (0..n).map(|_| ahead.next().unwrap()).collect()
        })
    };
    let expected = read(&batches(8, 1, 12, 0));
    assert!(expected.1.len() > 300);
    assert!(read(&batches(8, 1, 12, 3)) == expected, "with workers");
    assert!(read(&batches(3, 1, 32, 0)) == expected, "in smaller batches");
    let recipe = recipe(&task, 8, 1, Packing::Pad);
    let mut late = Loader::with(&shard, &recipe, &bytes, Position { sample: 40 }).unwrap();
    assert!(late.next_batch() == batches(8, 1, 6, 0)[5], "after a resume");
    assert!(read(&batches(8, 2, 12, 0)) != expected, "another seed");
    // each sequence has masks of its own, in the next epoch as well
    let of_sequence = |rows: &Rows| -> Vec<Vec<u32>> { rows.inputs.chunks(CONTEXT).map(<[u32]>::to_vec).collect() };
    let windows: BTreeSet<_> = batches(8, 1, 12, 0).iter().flat_map(of_sequence).collect();
    assert_eq!(windows.len(), 96);
}

#[test]
fn shares_are_those_of_bert_and_ends_stay() {
    let folder = TempDir::new().unwrap();
    let documents: Vec<Vec<u32>> =
        (0..400_u32).map(|document| (0..20 + document % 60).map(|i| (document * 31 + i * 7) % 256).collect()).collect();
    let shard = shard(folder.path(), 257, END, &documents);
    let (vocabulary, bytes) = (vocabulary(), bytes_of(&vocabulary()));
    let task = task(BERT, (&vocabulary, END), Borders::default());
    let mask = END + 1;
    let original = |seed| {
        // what windows of next tokens predict, behind the mark of a text
        let recipe = Recipe { packing: Packing::Concatenate, ..Recipe::new(CONTEXT - 1, 8, seed) };
        let mut loader = Loader::with(&shard, &recipe, &bytes, Position::default()).unwrap();
        let mut windows: Vec<u32> = Vec::new();
        for rows in (0..60).map(|_| loader.next_batch()) {
            for window in rows.columns.target.chunks(CONTEXT - 1) {
                windows.extend([END].iter().chain(window));
            }
        }
        windows
    };
    let recipe = recipe(&task, 8, 5, Packing::Concatenate);
    let mut loader = Loader::with(&shard, &recipe, &bytes, Position::default()).unwrap();
    let batches: Vec<_> = (0..60).map(|_| loader.next_batch()).collect();
    let ((mut inputs, predicted), original) = (read(&batches), original(5));
    let [mut masked, mut kept, mut other] = [0.0; 3];
    for &(place, target) in &predicted {
        assert_ne!(target, END, "an end of text is predicted");
        match inputs[place] {
            id if id == mask => masked += 1.0,
            id if id == target => kept += 1.0,
            _ => other += 1.0,
        }
        inputs[place] = target;
    }
    // what is predicted is what was there, and nothing else was touched
    assert!(inputs == original);
    let n = predicted.len() as f64;
    let of_text = original.iter().filter(|&&id| id != END).count() as f64;
    for (name, share, expected, limit) in [
        ("predicted", n / of_text, 0.15, 0.007),
        ("masked", masked / n, 0.8, 0.02),
        ("random", other / n, 0.1, 0.02),
        ("kept", kept / n, 0.1, 0.02),
    ] {
        assert!((share - expected).abs() < limit, "{name}: {share}");
    }
}

/// Words of the novels, each with the space before it, and some that the tokenizers never saw.
fn words() -> Vec<String> {
    let text = String::from_utf8(zstd::decode_all(AUSTEN).unwrap()).unwrap();
    let words = text.split(|char: char| !char.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    let mut words: Vec<_> = words.skip(2000).take(1500).map(|word| format!(" {word}")).collect();
    words.extend([" caf\u{e9}", " \u{41f}\u{440}\u{438}\u{432}\u{435}\u{442}", " Zyzzyva"].map(str::to_owned));
    words
}

fn trained(name: &str, settings: &str) -> Box<dyn Tokenizer> {
    let text = String::from_utf8(zstd::decode_all(AUSTEN).unwrap()).unwrap();
    let mut tokenizer = Plugin::open(&config(name, settings), Kind::Tokenizer).unwrap().tokenizer().unwrap();
    tokenizer.observe(&[&text[..100_000]]).unwrap();
    let model = tokenizer.train().unwrap();
    tokenizer.load(&model).unwrap();
    tokenizer
}

#[test]
fn whole_words_are_hidden_whatever_the_tokenizer_is() {
    for (name, settings) in
        [("wordpiece", "vocab_size = 500"), ("bpe", "vocab_size = 500"), ("unigram", "vocab_size = 500"), ("byte", "")]
    {
        let mut tokenizer = trained(name, settings);
        let vocabulary = tokenizer.vocabulary().unwrap();
        let end =
            vocabulary.specials.iter().find(|special| ["[SEP]", "</s>", "<|endoftext|>"].contains(&&*special.name));
        let end = end.unwrap().id;
        let mut words = words();
        if name == "wordpiece" || name == "unigram" {
            // they have no token for what they cannot write
            words.truncate(words.len() - 3);
        }
        let pieces = tokenizer.encode(&words.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        let pieces: Vec<Vec<u32>> = pieces.sequences().map(<[u32]>::to_vec).collect();
        let whole = tokenizer.encode(&[&words.concat()]).unwrap();
        assert_eq!(whole.ids, pieces.concat(), "{name}: the words are not encoded one by one");
        assert!(pieces.iter().filter(|pieces| pieces.len() > 1).count() > 200, "{name}: few words have parts");

        let masked = TaskConfig::Masked(MaskedConfig { whole_words: true, ..BERT });
        let borders = masked.borders(tokenizer.as_mut(), &vocabulary).unwrap();
        let mut before = end;
        for (word, ids) in words.iter().zip(&pieces) {
            assert!(!borders.continues(before, ids[0]), "{name}: {word:?} is said to continue a word");
            // a space that is a token of its own is no part of the word
            let is_space = vocabulary.tokens[ids[0] as usize] == b" " && ids.len() > 1;
            let of_word = &ids[usize::from(is_space)..];
            assert!(!is_space || !borders.continues(ids[0], of_word[0]), "{name}: {word:?} continues a space");
            let inside = of_word.windows(2).all(|pair| borders.continues(pair[0], pair[1]));
            assert!(inside, "{name}: {word:?} is more than a word");
            before = ids[ids.len() - 1];
        }
        check_hidden_words(name, (&vocabulary, end), &pieces, borders);
    }
}

/// Documents of a few words, of which each is hidden whole or not at all.
fn check_hidden_words(name: &str, (vocabulary, end): (&Vocabulary, u32), words: &[Vec<u32>], borders: Borders) {
    let folder = TempDir::new().unwrap();
    let documents: Vec<Vec<u32>> = words.chunks(5).map(<[_]>::concat).collect();
    let shard = shard(folder.path(), vocabulary.tokens.len() as u32, end, &documents);
    let (config, bytes) = (MaskedConfig { whole_words: true, ..BERT }, bytes_of(vocabulary));
    let task = task(config, (vocabulary, end), borders.clone());
    let mut loader = Loader::with(&shard, &recipe(&task, 8, 3, Packing::Pad), &bytes, Position::default()).unwrap();
    let (mut n_words, mut n_hidden) = (0, 0);
    for rows in (0..100).map(|_| loader.next_batch()) {
        let predicted: BTreeSet<u32> = rows.at.iter().flatten().copied().collect();
        let mut original = rows.inputs.clone();
        for (&place, &target) in rows.at.iter().flatten().zip(&rows.columns.target) {
            original[place as usize] = target;
        }
        // padding is of the first token, which may be one of text, and a document of its own
        let position = |place: usize| rows.document_position[place] as usize;
        let is_padding = |place: usize| position(place) < place % CONTEXT;
        let has_bytes = |place: usize| bytes.get(original[place] as usize).is_some_and(|&bytes| bytes > 0);
        let of_text = |place: &usize| !is_padding(*place) && has_bytes(*place);
        let mut before: Option<usize> = None;
        for place in (0..original.len()).filter(of_text) {
            let is_hidden = predicted.contains(&(place as u32));
            let is_next = before.filter(|&before| {
                before + 1 == place && place % CONTEXT > 0 && borders.continues(original[before], original[place])
            });
            match is_next {
                Some(before) => {
                    let is_same = predicted.contains(&(before as u32)) == is_hidden;
                    assert!(is_same, "{name}: half a word is hidden");
                }
                None => (n_words, n_hidden) = (n_words + 1, n_hidden + usize::from(is_hidden)),
            }
            before = Some(place);
        }
    }
    let share = n_hidden as f64 / n_words as f64;
    assert!((share - 0.15).abs() < 0.03, "{name}: {share} of {n_words} words");
}
