//! Planes beside the tokens, in shards of format 2; shards of format 1, which have none; and a task that needs one.

use super::shards::{info, write};
use super::{Corpus, END, byte_tokenizer, json_lines, read};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use trainyard::Result;
use trainyard::corpus::{Document, Packing};
use trainyard::feed::tasks::{Batch, Causal, Encode, Samples, Task};
use trainyard::feed::{
    Loader, Number, Per, Plane, Position, Preparation, Recipe, Shard, ShardWriter, open, packed_eval_batches,
};
use trainyard::report::Detail;
use trainyard::rows::{InputSet, Rows};
use trainyard_plugin::Tokenizer;

const fn plane(name: &'static str, number: Number, per: Per) -> Plane {
    Plane { name, number, per }
}

/// The planes of `tests/peers/shard_planes.py`.
const PLANES: [Plane; 4] = [
    plane("answer", Number::U8, Per::Token),
    plane("tag", Number::U16, Per::Token),
    plane("label", Number::U32, Per::Document),
    plane("reward", Number::F32, Per::Document),
];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

/// Writes what `tests/peers/shard_planes.py` writes.
fn write_planes(path: &Path) -> Result<Shard> {
    let mut writer = ShardWriter::with_planes(path, info(300, Some(256)), &PLANES)?;
    writer.push_with(&[1, 2, 255], &[&[0.0, 1.0, 1.0, 1.0], &[65535.0, 256.0, 1.0, 0.0], &[4294967295.0], &[-0.5]])?;
    writer.push_with(&[], &[&[1.0], &[0.0], &[0.0], &[0.0]])?;
    writer.push_with(&[3], &[&[0.0, 0.0], &[7.0, 2.0], &[1.0], &[1.5]])?;
    writer.finish()
}

fn numbers(shard: &Shard, plane: &Plane) -> Vec<f64> {
    let n = if plane.per == Per::Token { shard.n_tokens() } else { shard.n_documents() };
    shard.plane(plane, 0..n).unwrap_or_else(|| panic!("no plane {}", plane.name)).collect()
}

#[test]
fn what_python_wrote_is_read_and_written_again() {
    let path = golden("shard_format_2.shard");
    let shard = Shard::open(&path).unwrap();
    assert_eq!(shard.tokens(0..8).collect::<Vec<_>>(), [256, 1, 2, 255, 256, 256, 3, 256]);
    assert_eq!(shard.document(2), [3]);
    let expected: [&[f64]; 4] = [
        &[0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0],
        &[0.0, 65535.0, 256.0, 1.0, 0.0, 0.0, 7.0, 2.0],
        &[4294967295.0, 0.0, 1.0],
        &[-0.5, 0.0, 1.5],
    ];
    for (plane, expected) in PLANES.iter().zip(expected) {
        assert_eq!(numbers(&shard, plane), expected, "{}", plane.name);
    }
    assert_eq!(shard.plane(&PLANES[1], 2..4).unwrap().collect::<Vec<_>>(), [256.0, 1.0]);
    // another type, another count or another name is another plane
    for other in [
        plane("answer", Number::U16, Per::Token),
        plane("answer", Number::U8, Per::Document),
        plane("a", Number::U8, Per::Token),
    ] {
        assert!(shard.plane(&other, 0..0).is_none());
    }
    let folder = TempDir::new().unwrap();
    write_planes(&folder.path().join("a.shard")).unwrap();
    assert!(read(&folder.path().join("a.shard")) == read(&path));
    // the temporary files of the planes are gone
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn format_1_is_read_and_still_written_where_there_are_no_planes() {
    // prepared by the program before it knew of planes
    let dataset = open(&golden("shard_format_1")).unwrap();
    let texts = ["To be, or not to be.\n", "Nothing will come of nothing.\n", "Brevity is the soul of wit.\n"];
    let documents = texts.map(|text| text.bytes().map(u32::from).collect::<Vec<_>>());
    let found: Vec<_> = (0..dataset.train.n_documents()).map(|index| dataset.train.document(index)).collect();
    assert_eq!(found, documents);
    assert_eq!(dataset.train.info().end_of_text, Some(END));
    assert!(dataset.train.plane(&PLANES[0], 0..0).is_none());
    let loader = Loader::new(&dataset.train, 8, 2, 1, &dataset.tokenizer.token_bytes, Position::default()).unwrap();
    assert_eq!(loader.sequences_per_epoch(), 9);
    // a run that was begun on it prepares the same bytes again
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("train.shard");
    write(&path, *dataset.train.info(), &documents.each_ref().map(Vec::as_slice)).unwrap();
    assert!(read(&path) == read(&golden("shard_format_1").join("train.shard")));
}

#[test]
fn what_is_damaged_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.shard");
    write_planes(&path).unwrap();
    let bytes = read(&path);
    let message = |altered: Vec<u8>, what: &str| {
        let path = folder.path().join("b.shard");
        // a new file each time: a shard is never changed in place while it is mapped
        let _ = fs::remove_file(&path);
        fs::write(&path, altered).unwrap();
        let error = Shard::open(&path).expect_err(what).to_string();
        let rest = error.strip_prefix(&format!("{}: ", path.display())).expect(&error).to_owned();
        assert!(rest.contains("; delete the folder and run again"), "{error}");
        rest.split("; delete").next().unwrap().to_owned()
    };
    for bit in 0..bytes.len() * 8 {
        let mut altered = bytes.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        message(altered, &format!("bit {bit}"));
    }
    for length in (0..bytes.len()).chain([bytes.len() + 1, bytes.len() + 8]) {
        let mut altered = bytes.clone();
        altered.resize(length, 0);
        message(altered, &format!("length {length}"));
    }
    // 128 + 16 bytes of tokens + 3 ends: there the planes begin
    const ENTRIES: usize = 128 + 16 + 24;
    let changed = |at: usize, value: u8| {
        let mut altered = bytes.clone();
        altered[at] = value;
        message(altered, "changed")
    };
    let numbers = ENTRIES + 4 * 64;
    let damaged = |name: &str| format!("plane {name:?}: checksum does not match: altered after it was written");
    assert_eq!(changed(numbers, 9), damaged("answer"));
    assert_eq!(changed(numbers + 8, 9), damaged("tag"));
    assert_eq!(changed(bytes.len() - 16 - 16, 9), damaged("reward"));
    assert_eq!(changed(104, 0), "expected 1 to 16 planes, got 0");
    assert_eq!(changed(104, 17), "expected 1 to 16 planes, got 17");
    assert_eq!(changed(ENTRIES, b'A'), "plane 0: its name is none: altered after it was written");
    assert_eq!(changed(ENTRIES + 32, 9), "plane \"answer\": unknown form 9 0: altered, or of a later program");
    assert_eq!(changed(ENTRIES + 40, 9), "plane \"answer\": expected 8 numbers per token, got 9");
    assert_eq!(changed(ENTRIES + 128 + 40, 9), "plane \"label\": expected 3 numbers per document, got 9");
    let mut twice = bytes.clone();
    twice.copy_within(ENTRIES..ENTRIES + 64, ENTRIES + 64);
    assert_eq!(message(twice, "twice"), "plane \"answer\": there are two of that name");
    assert_eq!(changed(8, 3), "expected shard format 1 or 2, got 3");
}

#[test]
fn numbers_that_are_none_of_a_plane_are_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.shard");
    let fault = |planes: &[Plane], numbers: &[&[f64]]| {
        let result = ShardWriter::with_planes(&path, info(300, Some(256)), planes)
            .and_then(|mut writer| writer.push_with(&[5], numbers).and_then(|()| writer.finish()));
        let error = result.expect_err("refused").to_string();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{error}");
        error.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&error).to_owned()
    };
    let mask = [PLANES[0]];
    assert_eq!(fault(&mask, &[&[256.0, 0.0]]), "plane \"answer\" (u8 per token): 256 is no number of its type");
    assert_eq!(fault(&mask, &[&[-1.0, 0.0]]), "plane \"answer\" (u8 per token): -1 is no number of its type");
    assert_eq!(fault(&mask, &[&[0.5, 0.0]]), "plane \"answer\" (u8 per token): 0.5 is no number of its type");
    assert_eq!(
        fault(&[PLANES[3]], &[&[f64::NAN]]),
        "plane \"reward\" (f32 per document): NaN is no number of its type"
    );
    assert_eq!(
        fault(&[PLANES[3]], &[&[1e300]]).rsplit(": ").next(),
        Some("1".to_owned() + &"0".repeat(300) + " is no number of its type").as_deref()
    );
    assert_eq!(fault(&mask, &[&[1.0]]), "plane \"answer\" (u8 per token): expected 2 numbers of a document, got 1");
    assert_eq!(fault(&mask, &[]), "expected the numbers of 1 planes, got 0");
    let twice = fault(&[PLANES[0], PLANES[0]], &[&[1.0, 1.0], &[1.0, 1.0]]);
    assert_eq!(twice, "expected at most 16 planes of different names, got answer, answer");
    let capital = plane("Answer", Number::U8, Per::Token);
    let expected = "plane: expected a name of 1 to 32 lower-case letters, digits and `_`, got \"Answer\"";
    assert_eq!(fault(&[capital], &[&[1.0, 1.0]]), expected);
    // documents that were appended without their numbers
    let mut writer = ShardWriter::with_planes(&path, info(300, Some(256)), &mask).unwrap();
    writer.append(&[5]).unwrap();
    writer.end_document().unwrap();
    let error = writer.finish().unwrap_err().to_string();
    assert!(error.ends_with("a.shard: plane \"answer\" (u8 per token): expected 3 numbers, got 1"), "{error}");
    // without an end of text there is no number for it
    let mut writer = ShardWriter::with_planes(&path, info(300, None), &mask).unwrap();
    writer.push_with(&[5, 6], &[&[1.0, 0.0, 1.0]]).unwrap();
    writer.push_with(&[7], &[&[1.0, 0.0]]).unwrap();
    assert_eq!(numbers(&writer.finish().unwrap(), &mask[0]), [1.0, 0.0, 1.0]);
}

/// A task of another crate: only what follows a document's `|` counts, the end of text included.
#[derive(Debug)]
struct Answers;

impl Encode for Answers {
    fn identity(&self) -> String {
        "answers".into()
    }

    fn planes(&self) -> &'static [Plane] {
        &PLANES[..1]
    }

    fn encode(&self, documents: &[&Document], tokenizer: &mut dyn Tokenizer) -> Result<Samples> {
        let mut samples = Causal.encode(documents, tokenizer)?;
        let mask = |ids: &[u32]| {
            let start = ids.iter().position(|&id| id == u32::from(b'|')).map_or(0, |bar| bar + 1);
            (0..=ids.len()).map(|index| f64::from(u8::from(index >= start))).collect()
        };
        samples.planes = vec![samples.tokens.sequences().map(mask).collect()];
        Ok(samples)
    }
}

impl Task for Answers {
    fn name(&self) -> &'static str {
        "answers"
    }

    fn planes(&self) -> &'static [Plane] {
        &PLANES[..1]
    }

    fn supplied(&self) -> InputSet {
        Causal.supplied()
    }

    fn rows(&self, batch: &Batch<'_>) -> Rows {
        let mut rows = Causal.rows(batch);
        for (window, sequence) in batch.sequences.iter().enumerate() {
            let mut row = window * batch.context;
            for Range { start, end } in sequence.parts.iter().cloned() {
                for number in batch.shard.plane(&PLANES[0], start + 1..end + 1).into_iter().flatten() {
                    rows.columns.weight[row] *= number as f32;
                    row += 1;
                }
            }
        }
        rows
    }
}

#[test]
fn a_task_of_another_crate_learns_from_its_plane() {
    let lines = (0..40).map(|i| format!("question {i}|answer {}", i * i));
    let mut corpus = Corpus::of("a.jsonl", json_lines(lines));
    corpus.config.validation = 0.2;
    let store = corpus.folder.path().join("store");
    let prepare = |task: &'static dyn Encode| {
        let (config, tokenizer) = (&corpus.config, &byte_tokenizer());
        Preparation { config, filters: &[], tokenizer, task, store: &store, detail: Detail::Silent }
            .prepare(&corpus.dir())
    };
    let plain = prepare(&Causal).unwrap();
    let (plain_bytes, plain_length) = (read(&corpus.dir().join("train.shard")), plain.train.n_bytes());
    let dataset = prepare(&Answers).unwrap();
    assert_eq!((plain.manifest.format, dataset.manifest.format), (1, 2));
    assert!(dataset.train.n_bytes() > plain_length && plain_bytes[8] == 1);
    let token_bytes = &dataset.tokenizer.token_bytes;
    let check = |batch: &Rows| {
        let groups = batch.group.last().map_or(0, |last| last + 1);
        for group in 0..groups {
            let rows = (0..batch.group.len()).filter(|&row| batch.group[row] == group);
            let (mut text, mut counted) = (String::new(), String::new());
            for row in rows.filter(|&row| batch.columns.target[row] != 0) {
                let char = if batch.columns.target[row] == END { '.' } else { batch.columns.target[row] as u8 as char };
                text.push(char);
                if batch.columns.weight[row] == 1.0 {
                    counted.push(char);
                }
            }
            let answer = text.split_once('|').map_or("", |(_, answer)| answer);
            assert_eq!(counted, answer, "{text}");
            assert!(text.is_empty() || answer.ends_with('.'), "{text}");
        }
    };
    for packing in [Packing::BestFit, Packing::Pad] {
        let recipe = Recipe { packing, task: Arc::new(Answers), ..Recipe::new(64, 4, 3) };
        let mut loader = Loader::with(&dataset.train, &recipe, token_bytes, Position::default()).unwrap();
        (0..20).for_each(|_| check(&loader.next_batch()));
        let held_out = dataset.validation.as_ref().unwrap();
        packed_eval_batches(held_out, &Answers, packing, 64, 4, token_bytes, 0)
            .unwrap()
            .for_each(|batch| check(&batch));
    }
    let recipe = Recipe { task: Arc::new(Answers), ..Recipe::new(16, 4, 3) };
    let error = Loader::with(&plain.train, &recipe, token_bytes, Position::default()).unwrap_err();
    let expected = "data/train.shard: has no plane \"answer\" (u8 per token); delete the folder and run again";
    assert!(corpus.message(&error).starts_with(expected), "{error}");
    // a manifest that a later program writes
    let path = corpus.dir().join("manifest.json");
    let later = fs::read_to_string(&path).unwrap().replace("\"format\": 2", "\"format\": 3");
    fs::remove_file(&path).unwrap();
    fs::write(&path, later).unwrap();
    let error = corpus.message(&open(&corpus.dir()).unwrap_err());
    assert!(error.starts_with("data/manifest.json: expected format 1 or 2, got 3; delete the folder"), "{error}");
}
