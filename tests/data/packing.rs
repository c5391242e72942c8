//! Documents packed into sequences.

use super::shards::{info, write};
use super::{Corpus, END, json_lines};
use tempfile::TempDir;
use trainyard::corpus::Packing;
use trainyard::feed::{Loader, Position, Recipe, Shard, packed_eval_batches};
use trainyard::rows::Rows;

/// Bytes of text per token: id 0 is the end of text.
const TOKEN_BYTES: [u32; 1000] = {
    let mut bytes = [1; 1000];
    bytes[0] = 0;
    bytes
};

/// A shard of documents of these lengths; the tokens of a document are its number, from 1 on.
fn shard(folder: &TempDir, lengths: &[usize], end_of_text: Option<u32>) -> Shard {
    let documents: Vec<Vec<u32>> = lengths.iter().enumerate().map(|(i, &n)| vec![i as u32 + 1; n]).collect();
    write_documents(folder, &documents, end_of_text)
}

/// A shard of these documents, ended by token 0.
pub fn shard_of(folder: &TempDir, documents: &[Vec<u32>]) -> Shard {
    write_documents(folder, documents, Some(0))
}

fn write_documents(folder: &TempDir, documents: &[Vec<u32>], end_of_text: Option<u32>) -> Shard {
    let documents: Vec<&[u32]> = documents.iter().map(Vec::as_slice).collect();
    write(&folder.path().join("a.shard"), info(1000, end_of_text), &documents).unwrap()
}

fn recipe(packing: Packing, context: usize, batch: usize) -> Recipe {
    Recipe { packing, ..Recipe::new(context, batch, 3) }
}

/// All sequences of one epoch.
fn epoch(shard: &Shard, packing: Packing, context: usize) -> Vec<Rows> {
    let mut loader = Loader::with(shard, &recipe(packing, context, 1), &TOKEN_BYTES, Position::default()).unwrap();
    (0..loader.sequences_per_epoch()).map(|_| loader.next_batch()).collect()
}

/// The inputs and targets of each part, which begins at position 0.
fn parts(batch: &Rows) -> Vec<(Vec<u32>, Vec<u32>)> {
    let mut parts: Vec<(Vec<u32>, Vec<u32>)> = Vec::new();
    for i in (0..batch.inputs.len()).filter(|&i| batch.columns.weight[i] == 1.0) {
        if batch.columns.position[i] == 0 {
            parts.push(Default::default());
        }
        let part = parts.last_mut().unwrap();
        assert_eq!(batch.columns.position[i] as usize, part.0.len(), "positions count up within a part");
        part.0.push(batch.inputs[i]);
        part.1.push(batch.columns.target[i]);
    }
    parts
}

/// Lengths of documents as in real text: many short, few long.
fn uneven(n: usize) -> Vec<usize> {
    (0..n).map(|i| (i * 7919 % 997 * (i * 31 % 11) / 60 + i * i % 5) % 150 + 1).collect()
}

/// Every token once, in whole documents or in parts of a whole sequence, whatever the packing.
#[test]
fn an_epoch_holds_every_target_once() {
    let folder = TempDir::new().unwrap();
    let lengths = uneven(400);
    for end_of_text in [Some(0), None] {
        let shard = shard(&folder, &lengths, end_of_text);
        for packing in [Packing::BestFit, Packing::Pad] {
            for context in [1, 7, 64, 1000] {
                let mut rows = vec![0; lengths.len() + 1];
                for batch in epoch(&shard, packing, context) {
                    assert_eq!(batch.inputs.len(), context);
                    for (inputs, targets) in parts(&batch) {
                        let document = targets.iter().chain(&inputs).copied().max().unwrap() as usize;
                        rows[document] += targets.len();
                        let of_document = |id: &u32| *id as usize == document || end_of_text == Some(*id);
                        assert!(targets.iter().chain(&inputs).all(of_document), "a part is of one document");
                        assert_eq!(inputs[1..], targets[..targets.len() - 1]);
                    }
                }
                // With ends of text a document is all of its targets and the end; without, all but its first token.
                let expected = lengths.iter().map(|&n| if end_of_text.is_some() { n + 1 } else { n.saturating_sub(1) });
                assert_eq!(rows[1..], expected.collect::<Vec<_>>(), "{packing:?} {context} {end_of_text:?}");
            }
        }
    }
}

#[test]
fn long_documents_are_cut_at_the_context_and_others_are_whole() {
    let folder = TempDir::new().unwrap();
    let shard = shard(&folder, &[20, 3, 7, 4], Some(0));
    // Rows per document, ends of text included: 21, 4, 8, 5.
    let mut lengths: Vec<Vec<usize>> = Vec::new();
    for batch in epoch(&shard, Packing::BestFit, 8) {
        lengths.push(parts(&batch).iter().map(|(inputs, _)| inputs.len()).collect());
    }
    lengths.sort();
    // 21 = 8 + 8 + 5; a 5 and the 4 do not fit together.
    assert_eq!(lengths, [vec![4], vec![5], vec![5], vec![8], vec![8], vec![8]]);
    let padded: Vec<_> = epoch(&shard, Packing::Pad, 8).iter().map(|batch| parts(batch).len()).collect();
    assert_eq!(padded, [1; 6]);
}

/// The rule, written literally: the longest first, each into the least room that holds it.
fn best_fit_by_the_book(mut lengths: Vec<usize>, context: usize) -> Vec<usize> {
    lengths.sort_by(|a, b| b.cmp(a));
    let mut loads: Vec<usize> = Vec::new();
    for length in lengths {
        let fits = loads.iter_mut().filter(|load| **load + length <= context).max();
        match fits {
            Some(load) => *load += length,
            None => loads.push(length),
        }
    }
    loads.sort();
    loads
}

#[test]
fn packing_is_best_fit_decreasing() {
    let folder = TempDir::new().unwrap();
    for (n, context) in [(1, 200), (50, 64), (400, 151), (400, 300), (999, 1024)] {
        let lengths: Vec<usize> = uneven(n);
        let shard = shard(&folder, &lengths, Some(0));
        let parts = lengths.iter().flat_map(|&length| {
            let rows = length + 1;
            std::iter::repeat_n(context, rows / context).chain((rows % context > 0).then_some(rows % context))
        });
        let expected = best_fit_by_the_book(parts.collect(), context);
        let mut loads: Vec<usize> = epoch(&shard, Packing::BestFit, context)
            .iter()
            .map(|batch| batch.columns.weight.iter().sum::<f32>() as usize)
            .collect();
        loads.sort();
        assert_eq!(loads, expected, "{n} documents, context {context}");
    }
}

#[test]
fn padding_is_reported_and_counts_nothing() {
    let folder = TempDir::new().unwrap();
    let lengths = uneven(400);
    let shard = shard(&folder, &lengths, Some(0));
    for (packing, at_most) in [(Packing::Concatenate, 0.0), (Packing::BestFit, 0.01), (Packing::Pad, 0.9)] {
        let loader = Loader::with(&shard, &recipe(packing, 151, 1), &TOKEN_BYTES, Position::default()).unwrap();
        let batches = epoch(&shard, packing, 151);
        let counted: f32 = batches.iter().flat_map(|batch| &batch.columns.weight).sum();
        let padding = 1.0 - f64::from(counted) / (batches.len() * 151) as f64;
        assert!((loader.padding() - padding).abs() < 1e-9, "{packing:?}: {} is said, {padding} is", loader.padding());
        assert!(padding <= at_most, "{packing:?}: {padding}");
        let bytes: f32 = batches
            .iter()
            .flat_map(|batch| batch.columns.target_bytes.iter().zip(&batch.columns.weight))
            .map(|(b, w)| b * w)
            .sum();
        if packing != Packing::Concatenate {
            assert_eq!(bytes as usize, lengths.iter().sum::<usize>());
        }
    }
}

#[test]
fn an_epoch_of_packed_sequences_is_shuffled_and_complete() {
    let folder = TempDir::new().unwrap();
    let shard = shard(&folder, &uneven(300), Some(0));
    let mut loader =
        Loader::with(&shard, &recipe(Packing::BestFit, 152, 1), &TOKEN_BYTES, Position::default()).unwrap();
    let n = loader.sequences_per_epoch() as usize;
    let epochs = [(); 2].map(|()| (0..n).map(|_| loader.next_batch().inputs).collect::<Vec<_>>());
    assert_ne!(epochs[0], epochs[1]);
    let sorted = epochs.map(|mut epoch| {
        epoch.sort();
        epoch
    });
    assert_eq!(sorted[0], sorted[1]);
}

#[test]
fn evaluation_of_packed_documents_sees_every_target_once() {
    let folder = TempDir::new().unwrap();
    let lengths = uneven(300);
    let shard = shard(&folder, &lengths, Some(0));
    for (packing, context, batch) in [(Packing::BestFit, 64, 3), (Packing::Pad, 200, 1), (Packing::Concatenate, 9, 4)] {
        let batches = packed_eval_batches(&shard, packing, context, batch, &TOKEN_BYTES, 0).unwrap();
        let (mut rows, mut bytes) = (0.0, 0.0);
        for batch in batches {
            assert_eq!(batch.inputs.len(), batch.sequences * context);
            rows += batch.columns.weight.iter().sum::<f32>();
            bytes += batch.columns.target_bytes.iter().zip(&batch.columns.weight).map(|(b, w)| b * w).sum::<f32>();
        }
        assert_eq!(rows as u64, shard.n_tokens() - 1);
        assert_eq!(bytes as usize, lengths.iter().sum::<usize>());
    }
}

#[test]
fn documents_without_a_token_to_predict_are_an_error() {
    let folder = TempDir::new().unwrap();
    let shard = shard(&folder, &[1, 1, 0], None);
    let error = Loader::with(&shard, &recipe(Packing::BestFit, 8, 1), &TOKEN_BYTES, Position::default()).unwrap_err();
    let path = shard.path().display().to_string();
    assert_eq!(error.to_string(), format!("{path}: no document has a token to predict; add text"));
}

/// The whole way: text, shard, batch. Every document of the corpus is found whole in one sequence.
#[test]
fn documents_of_a_corpus_come_back_whole() {
    let texts: Vec<String> = (0..60).map(|i| format!("{i} {}", "é".repeat(i % 17))).collect();
    let corpus = Corpus::of("a.jsonl", json_lines(&texts));
    let dataset = corpus.prepare().unwrap();
    let bytes = &dataset.tokenizer.token_bytes;
    let mut loader =
        Loader::with(&dataset.train, &recipe(Packing::BestFit, 64, 2), bytes, Position::default()).unwrap();
    let mut found = Vec::new();
    for _ in 0..loader.sequences_per_epoch().div_ceil(2) {
        for (inputs, targets) in parts(&loader.next_batch()) {
            assert_eq!((inputs[0], *targets.last().unwrap()), (END, END));
            found.push(super::text(&inputs[1..]));
        }
    }
    found.sort();
    found.dedup();
    let mut texts = texts;
    texts.sort();
    assert_eq!(found, texts);
}
