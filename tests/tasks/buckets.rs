//! The order of whole documents: neighbours have similar lengths.

use std::collections::BTreeSet;
use std::sync::Arc;
use tempfile::TempDir;
use trainyard::corpus::{NameReport, Split};
use trainyard::feed::tasks::{Borders, Marks, Task, TaskConfig};
use trainyard::feed::{Loader, Number, Per, Plane, Position, Recipe, Shard, ShardInfo, ShardWriter};
use trainyard::rows::Rows;
use trainyard::run::RunConfig;

/// Two blocks of documents and a part of one, which no batch and no run divides.
const N: usize = 2503;
const BATCH: usize = 16;
const CONTEXT: usize = 256;

const LABEL: Plane = Plane { name: "label", number: Number::U32, per: Per::Document };

/// Tokens of a document; its first token is its number.
fn length(document: usize) -> usize {
    1 + document * 7919 % 211
}

fn shard(folder: &TempDir) -> Shard {
    let info = ShardInfo { n_vocabulary: N as u32, end_of_text: None, tokenizer: [0; 32], source: [0; 32] };
    let mut writer = ShardWriter::with_planes(&folder.path().join("text.shard"), info, &[LABEL]).unwrap();
    for document in 0..N {
        writer.push_with(&vec![document as u32; length(document)], &[&[(document % 2 + 1) as f64]]).unwrap();
    }
    writer.finish().unwrap()
}

fn task() -> Arc<dyn Task> {
    let text = "[[data.source]]\npath = 'x'\n[tokenizer]\nplugin = 'byte'\n[task]\nkind = 'labels'\n";
    let TaskConfig::Labels(config) = RunConfig::parse(text, &[]).unwrap().task else { panic!("another task") };
    let report = |name: &str| NameReport { names: vec![name.into()], counts: [(Split::Train, 1)].into() };
    let config = TaskConfig::Labels(config);
    let classes = config.classes(&["a", "b"].map(report)).unwrap();
    config
        .task(Marks::default(), classes, None, Borders::default(), &[], &trainyard_plugin::Vocabulary::default())
        .unwrap()
}

/// The documents of a batch, each found in its window.
fn documents(rows: &Rows) -> Vec<usize> {
    let document = |index: usize| {
        let window = &rows.inputs[index * rows.context..(index + 1) * rows.context];
        let (document, n) = (window[0] as usize, length(window[0] as usize));
        assert!(window[..n].iter().all(|&id| id as usize == document));
        assert_eq!(rows.columns.target[index] as usize, document % 2);
        document
    };
    (0..rows.sequences).map(document).collect()
}

#[test]
fn every_document_comes_once_an_epoch_beside_others_of_its_length() {
    let folder = TempDir::new().unwrap();
    let (shard, task, bytes) = (shard(&folder), task(), vec![1; N]);
    let recipe = |seed| Recipe { task: task.clone(), ..Recipe::new(CONTEXT, BATCH, seed) };
    let loader = |seed, sample| Loader::with(&shard, &recipe(seed), &bytes, Position { sample }).unwrap();
    let mut batches = Vec::new();
    let mut all = loader(1, 0);
    assert_eq!(all.sequences_per_epoch(), N as u64);
    while batches.len() * BATCH < 3 * N {
        batches.push(all.next_batch());
    }
    let order: Vec<usize> = batches.iter().flat_map(documents).collect();
    let epochs: Vec<&[usize]> = order.chunks(N).take(3).collect();
    for epoch in &epochs {
        let different: BTreeSet<_> = epoch.iter().collect();
        assert_eq!((epoch.len(), different.len()), (N, N));
    }
    assert!(epochs[0] != epochs[1] && epochs[1] != epochs[2]);
    // the same from any place on, and in batches of another size; another seed gives another order
    for (index, expected) in batches.iter().enumerate().step_by(29) {
        assert!(loader(1, (index * BATCH) as u64).next_batch() == *expected, "batch {index}");
    }
    assert!(loader(2, 0).next_batch() != batches[0]);
    check_padding(&batches);
}

fn check_padding(batches: &[Rows]) {
    let of_text = |documents: &[usize]| documents.iter().map(|&document| length(document)).sum::<usize>();
    let tokens: usize = batches.iter().map(|rows| of_text(&documents(rows))).sum();
    let padding = batches.iter().map(|rows| rows.inputs.len()).sum::<usize>() - tokens;
    // the lengths of documents are in no order: cut as they come, batches are those of a plain shuffle
    let order: Vec<usize> = (0..N).cycle().take(batches.len() * BATCH).collect();
    let longest = |batch: &[usize]| batch.iter().map(|&document| length(document)).max().unwrap();
    let plain: usize = order.chunks(BATCH).map(|batch| longest(batch).next_multiple_of(16) * BATCH).sum();
    let plain = plain - of_text(&order);
    assert!((padding as f64) < 0.25 * plain as f64, "{padding} of padding, {plain} without neighbours");
    // short and long batches are mixed
    let lengths: Vec<usize> = batches.iter().map(|rows| rows.context).collect();
    let n_rises = lengths.windows(2).filter(|pair| pair[0] < pair[1]).count();
    let n_falls = lengths.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert!(n_rises.min(n_falls) > batches.len() / 5, "{n_rises} rises, {n_falls} falls");
}
