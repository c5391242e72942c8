//! Training and evaluation batches.

use super::{Corpus, END, json_lines};
use trainyard::feed::{Dataset, Loader, Permutation, Position, eval_batches};
use trainyard::rows::Rows;

/// A corpus of documents of uneven length, with its folder kept.
fn corpus(n_documents: usize) -> (Corpus, Dataset) {
    let mut corpus = Corpus::of("a.jsonl", json_lines((0..n_documents).map(|i| format!("{i} {}", "é".repeat(i % 37)))));
    corpus.config.validation = 0.25;
    let dataset = corpus.prepare().unwrap();
    (corpus, dataset)
}

fn loader(dataset: &Dataset, context: usize, batch: usize, seed: u64, sample: u64) -> Loader<'_> {
    let bytes = &dataset.tokenizer.token_bytes;
    Loader::new(&dataset.train, context, batch, seed, bytes, Position { sample }).unwrap()
}

/// Sequences of inputs and targets.
fn sequences(batch: &Rows) -> Vec<(Vec<u32>, Vec<u32>)> {
    let rows = batch.inputs.chunks(batch.context).zip(batch.columns.target.chunks(batch.context));
    rows.map(|(inputs, targets)| (inputs.to_vec(), targets.to_vec())).collect()
}

#[test]
fn a_batch_has_its_shape_and_targets_follow_inputs() {
    let (_folder, dataset) = corpus(100);
    let batch = loader(&dataset, 16, 3, 1, 0).next_batch();
    assert_eq!((batch.sequences, batch.context, batch.next), (3, 16, Position { sample: 3 }));
    assert_eq!(batch.columns.weight, vec![1.0; 48]);
    assert_eq!(batch.columns.position, (0..16).cycle().take(48).collect::<Vec<u32>>());
    for (inputs, targets) in sequences(&batch) {
        assert_eq!(inputs[1..], targets[..15]);
    }
    let bytes: Vec<f32> = batch.columns.target.iter().map(|&id| if id == END { 0.0 } else { 1.0 }).collect();
    assert_eq!(batch.columns.target_bytes, bytes);
}

#[test]
fn a_loader_started_anywhere_continues_exactly() {
    let (_folder, dataset) = corpus(60);
    let mut straight = loader(&dataset, 8, 5, 42, 0);
    let batches: Vec<Rows> = (0..120).map(|_| straight.next_batch()).collect();
    assert!(straight.sequences_per_epoch() < 300, "the run must cross epochs");
    for (i, batch) in batches.iter().enumerate() {
        let start = if i == 0 { Position::default() } else { batches[i - 1].next };
        assert_eq!(start.sample, 5 * i as u64);
        assert_eq!(loader(&dataset, 8, 5, 42, start.sample).next_batch(), *batch);
    }
}

#[test]
fn batch_size_does_not_change_the_order() {
    let (_folder, dataset) = corpus(60);
    let order = |batch: usize| -> Vec<_> {
        let mut loader = loader(&dataset, 8, batch, 42, 0);
        (0..420 / batch).flat_map(|_| sequences(&loader.next_batch())).collect()
    };
    let one = order(1);
    for batch in [2, 3, 7, 60, 420] {
        assert!(order(batch) == one, "batch {batch}");
    }
}

#[test]
fn an_epoch_visits_every_window_once_in_another_order() {
    let (_folder, dataset) = corpus(200);
    let context = 8;
    let stream: Vec<u32> = dataset.train.tokens(0..dataset.train.n_tokens()).collect();
    let mut loader = loader(&dataset, context, 1, 3, 0);
    let n = loader.sequences_per_epoch() as usize;
    let mut epochs = Vec::new();
    for _ in 0..3 {
        let visited: Vec<_> = (0..n).map(|_| loader.next_batch().inputs).collect();
        let mut sorted = visited.clone();
        sorted.sort();
        let offset = (0..context).find(|&offset| {
            let mut windows: Vec<_> = stream[offset..].chunks_exact(context).take(n).map(<[u32]>::to_vec).collect();
            windows.sort();
            windows == sorted
        });
        assert!(offset.is_some(), "the windows of an epoch follow one another from one offset");
        epochs.push((offset, visited));
    }
    assert_ne!(epochs[0].1, epochs[1].1);
    assert!(epochs.iter().any(|(offset, _)| *offset != epochs[0].0), "offsets differ between epochs");
}

#[test]
fn the_seed_decides() {
    let (_folder, dataset) = corpus(60);
    let first = |seed| loader(&dataset, 8, 50, seed, 0).next_batch().inputs;
    assert_eq!(first(1), first(1));
    assert_ne!(first(1), first(2));
}

#[test]
fn the_shortest_shard_and_one_too_short() {
    let corpus = Corpus::of("a.txt", "abc");
    let dataset = corpus.prepare().unwrap();
    let batch = loader(&dataset, 4, 2, 0, 0).next_batch();
    assert_eq!(batch.inputs, [END, 97, 98, 99, END, 97, 98, 99]);
    assert_eq!(batch.columns.target, [97, 98, 99, END, 97, 98, 99, END]);
    let bytes = &dataset.tokenizer.token_bytes;
    let error = Loader::new(&dataset.train, 5, 1, 0, bytes, Position::default()).unwrap_err();
    assert_eq!(
        corpus.message(&error),
        "data/train.shard: 5 tokens are less than one sequence of model.context + 1 = 6; lower model.context or add text"
    );
    assert!(Loader::new(&dataset.train, 0, 1, 0, bytes, Position::default()).is_err());
    assert!(Loader::new(&dataset.train, 1, 0, 0, bytes, Position::default()).is_err());
    assert!(Loader::new(&dataset.train, 1, 1, 0, &bytes[1..], Position::default()).is_err());
}

#[test]
fn evaluation_sees_every_target_once() {
    let (_folder, dataset) = corpus(150);
    let shard = dataset.validation.as_ref().unwrap();
    let stream: Vec<u32> = shard.tokens(0..shard.n_tokens()).collect();
    for (context, batch) in [(1, 1), (7, 3), (16, 1000), (stream.len() - 1, 1), (stream.len() + 5, 2)] {
        let (mut targets, mut bytes) = (Vec::new(), 0.0);
        for batch in eval_batches(shard, context, batch, &dataset.tokenizer.token_bytes, 0).unwrap() {
            assert_eq!(batch.inputs.len(), batch.sequences * context);
            let counted = batch.columns.target.iter().zip(&batch.columns.weight).filter(|(_, weight)| **weight == 1.0);
            targets.extend(counted.map(|(target, _)| *target));
            bytes += batch
                .columns
                .target_bytes
                .iter()
                .zip(&batch.columns.weight)
                .map(|(b, w)| f64::from(b * w))
                .sum::<f64>();
        }
        assert_eq!(targets, stream[1..]);
        let report = &dataset.manifest.report.splits[1];
        assert_eq!(bytes, report.bytes as f64);
    }
}

#[test]
fn evaluation_can_end_early() {
    let (_folder, dataset) = corpus(150);
    let shard = dataset.validation.as_ref().unwrap();
    let batches = |limit| eval_batches(shard, 4, 2, &dataset.tokenizer.token_bytes, limit).unwrap();
    let all: Vec<_> = batches(0).collect();
    assert!(all.len() > 3);
    assert_eq!(batches(3).collect::<Vec<_>>(), all[..3]);
    assert_eq!(batches(all.len() + 1).count(), all.len());
}

#[test]
fn a_permutation_is_a_bijection() {
    for n in [1, 2, 3, 4, 5, 7, 8, 9, 1000, 1024, 65_537] {
        for (seed, epoch) in [(0, 0), (1, 0), (0, 1), (u64::MAX, 12_345)] {
            let permutation = Permutation::new(n, seed, epoch);
            let mut hit = vec![false; n as usize];
            for index in 0..n {
                let place = permutation.get(index) as usize;
                assert!(!std::mem::replace(&mut hit[place], true), "{n}: {place} is hit twice");
            }
        }
    }
    // The largest possible order still ends.
    assert!(Permutation::new(u64::MAX, 1, 2).get(u64::MAX - 1) < u64::MAX);
}

#[test]
fn a_permutation_looks_random() {
    // A random permutation has one fixed point on average, and neighbours stay neighbours about twice in all.
    let (mut fixed, mut neighbours) = (0, 0);
    for epoch in 0..200 {
        let permutation = Permutation::new(1000, 7, epoch);
        fixed += (0..1000).filter(|&i| permutation.get(i) == i).count();
        neighbours += (1..1000).filter(|&i| permutation.get(i).abs_diff(permutation.get(i - 1)) == 1).count();
    }
    assert!((150..250).contains(&fixed), "{fixed} fixed points in 200 orders, expected 200");
    assert!((330..470).contains(&neighbours), "{neighbours} neighbours in 200 orders, expected 400");
}
