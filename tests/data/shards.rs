//! The shard file: what is written is read, and nothing else.

use super::{Corpus, END, json_lines, read};
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use trainyard::feed::{Shard, ShardInfo, ShardWriter, open};

pub fn info(n_vocabulary: u32, end_of_text: Option<u32>) -> ShardInfo {
    ShardInfo { n_vocabulary, end_of_text, tokenizer: [7; 32], source: [9; 32] }
}

pub fn write(path: &Path, info: ShardInfo, documents: &[&[u32]]) -> trainyard::Result<Shard> {
    let mut writer = ShardWriter::create(path, info)?;
    for document in documents {
        writer.push(document)?;
    }
    writer.finish()
}

#[test]
fn documents_come_back() {
    let folder = TempDir::new().unwrap();
    for n_vocabulary in [300, 1 << 16, (1 << 16) + 1, u32::MAX] {
        for end_of_text in [Some(0), None] {
            let largest = n_vocabulary - 1;
            let documents: [&[u32]; 4] = [&[1, 2, largest], &[], &[3], &[largest, largest]];
            let path = folder.path().join("a.shard");
            let shard = write(&path, info(n_vocabulary, end_of_text), &documents).unwrap();
            assert_eq!(*shard.info(), info(n_vocabulary, end_of_text));
            assert_eq!(shard.n_documents(), 4);
            for (i, document) in documents.iter().enumerate() {
                assert_eq!(shard.document(i as u64), *document);
            }
            let stream: Vec<u32> = match end_of_text {
                Some(end) => vec![end, 1, 2, largest, end, end, 3, end, largest, largest, end],
                None => vec![1, 2, largest, 3, largest, largest],
            };
            assert_eq!(shard.tokens(0..shard.n_tokens()).collect::<Vec<_>>(), stream);
            assert_eq!(shard.tokens(2..4).collect::<Vec<_>>(), stream[2..4]);
            let width = if n_vocabulary <= 1 << 16 { 2 } else { 4 };
            let tokens = (stream.len() * width).next_multiple_of(8);
            assert_eq!(shard.n_bytes(), (128 + tokens + 4 * 8 + 16) as u64);
        }
    }
}

#[test]
fn a_shard_may_hold_nothing() {
    let folder = TempDir::new().unwrap();
    let shard = write(&folder.path().join("a.shard"), info(1, None), &[]).unwrap();
    assert_eq!((shard.n_tokens(), shard.n_documents()), (0, 0));
}

#[test]
fn an_id_outside_the_vocabulary_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.shard");
    let error = write(&path, info(10, None), &[&[9, 10]]).unwrap_err();
    assert_eq!(error.to_string(), "tokenizer: id 10 is outside the vocabulary of 10; mend the plugin");
    assert_eq!(error.exit_code(), 3);
    assert!(!path.exists());
}

#[test]
fn every_flipped_bit_is_detected() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.shard");
    write(&path, info(300, Some(0)), &[&[1, 2, 3], &[299]]).unwrap();
    let bytes = read(&path);
    for bit in 0..bytes.len() * 8 {
        let mut altered = bytes.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        // A new file each time: a shard is never changed in place while it is mapped.
        let path = folder.path().join("b.shard");
        let _ = fs::remove_file(&path);
        fs::write(&path, altered).unwrap();
        let error = Shard::open(&path).expect_err(&format!("bit {bit}")).to_string();
        assert!(error.starts_with(path.to_str().unwrap()), "{error}");
        assert!(error.ends_with("; delete the folder and run again to prepare the data anew"), "{error}");
    }
}

#[test]
fn every_other_length_is_detected() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.shard");
    write(&path, info(300, Some(0)), &[&[1, 2, 3], &[299]]).unwrap();
    let bytes = read(&path);
    for length in (0..bytes.len()).chain([bytes.len() + 1, bytes.len() + 8]) {
        let mut altered = bytes.clone();
        altered.resize(length, 0);
        let path = folder.path().join("b.shard");
        let _ = fs::remove_file(&path);
        fs::write(&path, altered).unwrap();
        Shard::open(&path).expect_err(&format!("length {length}"));
    }
}

#[test]
fn a_damaged_folder_names_the_file_and_the_cure() {
    let mut corpus = Corpus::of("a.jsonl", json_lines((0..100).map(|i| format!("document {i}"))));
    corpus.config.validation = 0.2;
    for name in ["train.shard", "validation.shard", "tokenizer.model", "vocabulary.json", "manifest.json"] {
        corpus.prepare().unwrap();
        let path = corpus.dir().join(name);
        let mut bytes = read(&path);
        fs::remove_file(&path).unwrap();
        let missing = corpus.message(&open(&corpus.dir()).unwrap_err());
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x80;
        fs::write(&path, bytes).unwrap();
        let altered = corpus.message(&open(&corpus.dir()).unwrap_err());
        for error in [missing, altered] {
            assert!(error.starts_with(&format!("data/{name}: ")), "{error}");
            assert!(error.contains("delete the folder and run again"), "{error}");
        }
    }
}

#[test]
fn a_shard_of_another_preparation_is_refused() {
    let (one, other) = (Corpus::of("a.txt", "one"), Corpus::of("a.txt", "two"));
    one.prepare().unwrap();
    other.prepare().unwrap();
    fs::remove_file(one.dir().join("train.shard")).unwrap();
    fs::copy(other.dir().join("train.shard"), one.dir().join("train.shard")).unwrap();
    assert_eq!(
        one.message(&open(&one.dir()).unwrap_err()),
        "data/train.shard: not the file that the manifest names; delete the folder and run again to prepare the data anew"
    );
}

#[test]
fn a_shard_carries_the_digests_of_tokenizer_and_source() {
    let corpus = Corpus::of("a.txt", "one");
    let first = *corpus.prepare().unwrap().train.info();
    assert_eq!((first.n_vocabulary, first.end_of_text), (END + 1, Some(END)));
    corpus.write("a.txt", "two");
    let second = *corpus.prepare().unwrap().train.info();
    // The stand-in tokenizer's model is the number of bytes it saw, which did not change.
    assert_eq!(first.tokenizer, second.tokenizer);
    assert_ne!(first.source, second.source);
    let mut tokenizer = super::byte_tokenizer();
    tokenizer.digest = "bytes 2".into();
    let third = corpus.prepare_by(&[], &tokenizer).unwrap();
    assert_ne!(third.train.info().tokenizer, second.tokenizer);
    assert_eq!(third.train.info().source, second.source);
}
