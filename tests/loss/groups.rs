//! The sequences of a graph: documents if these are packed, windows if they are concatenated. The expected values are
//! computed here from the documents themselves.

use super::graph::Case;
use super::{compile, equals_reference, losses, two_pass_losses};
use crate::data::packing::shard_of;
use tempfile::TempDir;
use trainyard::base::random::Stream;
use trainyard::corpus::Packing;
use trainyard::feed::tasks::Causal;
use trainyard::feed::{Loader, Position, Recipe, packed_eval_batches};
use trainyard::loss::{OutputLayer, Program, Ratio};
use trainyard::ops::{Engine, Precision};
use trainyard::rows::Rows;
use trainyard_plugin::{Builder, Graph};

const CONTEXT: usize = 8;
const VOCAB: usize = 1000;
/// Ids that documents are made of; 0 is the end of text.
const WORDS: usize = 9;

/// 40 documents of 1 to 19 tokens.
fn documents() -> Vec<Vec<u32>> {
    let words = Stream::new(5, "words");
    let length = |i: usize| 1 + i * i % 19;
    let word = |i: usize, j: usize| 1 + (words.uniform((i * 20 + j) as u64) * WORDS as f64) as u32;
    (0..40).map(|i| (0..length(i)).map(|j| word(i, j)).collect()).collect()
}

/// Ln p of every token after every token, as in a model of pairs.
fn log_probabilities() -> Vec<Vec<f64>> {
    let mut table: Vec<Vec<f64>> =
        (0..VOCAB as u64).map(|id| Stream::new(id, "logits").normals(VOCAB).collect()).collect();
    for row in &mut table {
        let total = row.iter().map(|x| x.exp()).sum::<f64>().ln();
        row.iter_mut().for_each(|x| *x -= total);
    }
    table
}

/// The sequences as lists of (input, target), by the rule: the stream is every document with an end of text before the
/// first and after each.
fn sequences(packing: Packing) -> Vec<Vec<(u32, u32)>> {
    let with_ends = |document: &Vec<u32>| [&[0], document.as_slice(), &[0]].concat();
    let pairs = |tokens: Vec<u32>| tokens.windows(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>();
    let texts: Vec<_> = documents().iter().map(|document| pairs(with_ends(document))).collect();
    let runs = if packing == Packing::Concatenate { vec![texts.concat()] } else { texts };
    runs.iter().flat_map(|run| run.chunks(CONTEXT).map(<[_]>::to_vec)).collect()
}

/// Three numbers that depend on what a sequence is.
fn graphs() -> [(&'static str, Graph); 3] {
    let position = {
        let g = Builder::new();
        g.mean(g.position())
    };
    let rows = {
        let g = Builder::new();
        g.mean(g.weight().sum_sequence().expand_sequence())
    };
    let squares = {
        let g = Builder::new();
        let nll = (-g.logits().log_softmax().gather(g.target()) * g.weight()).sum_sequence();
        let n = g.weight().sum_sequence().minimum(1.0).sum_sequences();
        g.ratio(nll.square().sum_sequences(), n)
    };
    [("position", position), ("rows of a sequence", rows), ("squared sums", squares)]
}

/// The same three numbers by hand.
fn expected(packing: Packing) -> [f64; 3] {
    let (table, sequences) = (log_probabilities(), sequences(packing));
    let n_rows = sequences.iter().map(Vec::len).sum::<usize>() as f64;
    let positions = sequences.iter().map(|rows| (0..rows.len()).sum::<usize>()).sum::<usize>() as f64;
    let squares = sequences.iter().map(|rows| (rows.len() * rows.len()) as f64).sum::<f64>();
    let nll = |rows: &Vec<(u32, u32)>| rows.iter().map(|&(x, y)| -table[x as usize][y as usize]).sum::<f64>();
    let squared = sequences.iter().map(|rows| nll(rows).powi(2)).sum::<f64>();
    [positions / n_rows, squares / n_rows, squared / sequences.len() as f64]
}

/// The value of `program` over batches of a model of pairs.
fn value(program: &Program, batches: impl Iterator<Item = Rows>, log_probabilities: &[Vec<f64>]) -> f64 {
    let engine = Engine::new(Precision::F64);
    let mut total = Ratio::default();
    // [vocab, WORDS + 1]: the hidden state of a row is the input token itself.
    let width = WORDS + 1;
    let weight: Vec<f64> = (0..VOCAB).flat_map(|v| (0..width).map(move |id| log_probabilities[id][v])).collect();
    for batch in batches {
        let rows = batch.inputs.len();
        let one_hot = |id: u32| (0..width).map(move |i| f64::from(u8::from(i == id as usize)));
        let hidden: Vec<f64> = batch.inputs.iter().flat_map(|&id| one_hot(id)).collect();
        let head = OutputLayer::new(&hidden, &weight, [rows, width, VOCAB]);
        total += program.run(&engine, &head, &batch, 0, None).unwrap()[0];
    }
    total.value()
}

#[test]
fn a_sequence_is_a_document_or_a_window() {
    let folder = TempDir::new().unwrap();
    let shard = shard_of(&folder, &documents());
    let mut token_bytes = vec![1; VOCAB];
    token_bytes[0] = 0;
    let table = log_probabilities();
    assert_eq!(expected(Packing::BestFit), expected(Packing::Pad));
    for packing in [Packing::BestFit, Packing::Pad, Packing::Concatenate] {
        for ((name, graph), expected) in graphs().iter().zip(expected(packing)) {
            let program = Program::compile(&[graph]).unwrap();
            let batches = packed_eval_batches(&shard, &Causal, packing, CONTEXT, 3, &token_bytes, 0).unwrap();
            let got = value(&program, batches, &table);
            assert!((got / expected - 1.0).abs() < 1e-12, "{packing:?}: {name} is {got}, expected {expected}");
            if packing == Packing::Concatenate {
                // Training begins the windows elsewhere in each epoch.
                continue;
            }
            let recipe = Recipe { packing, ..Recipe::new(CONTEXT, 1, 3) };
            let mut loader = Loader::with(&shard, &recipe, &token_bytes, Position::default()).unwrap();
            let n = loader.sequences_per_epoch();
            let got = value(&program, (0..n).map(|_| loader.next_batch()), &table);
            assert!((got / expected - 1.0).abs() < 1e-12, "{packing:?}, training: {name} is {got}, not {expected}");
        }
    }
}

/// Positions count within groups, and padding belongs to the last one.
#[test]
fn groups_and_positions_agree() {
    let folder = TempDir::new().unwrap();
    let shard = shard_of(&folder, &documents());
    for packing in [Packing::BestFit, Packing::Pad, Packing::Concatenate] {
        for batch in packed_eval_batches(&shard, &Causal, packing, CONTEXT, 3, &[1; VOCAB], 0).unwrap() {
            assert_eq!(batch.group.len(), batch.inputs.len());
            assert_eq!(batch.columns.position, batch.document_position);
            assert_eq!((batch.group[0], batch.columns.position[0]), (0, 0));
            for row in 1..batch.group.len() {
                let begins = batch.columns.position[row] == 0;
                assert_eq!(batch.group[row], batch.group[row - 1] + u32::from(begins), "{packing:?} row {row}");
                assert!(begins || batch.columns.position[row] == batch.columns.position[row - 1] + 1);
                assert!(!begins || batch.columns.weight[row] == 1.0, "a group of padding");
            }
        }
    }
}

/// Groups of any length, that begin and end within chunks and tasks.
#[test]
fn uneven_groups_equal_their_reference() {
    let few = Case::new(3, 12, 5, 37, 12).in_groups_of(&[1, 5, 2, 4]);
    let many = Case::new(5, 1030, 4, 19, 1030).in_groups_of(&[1, 500, 29, 33, 367, 100]);
    for (name, graph) in losses()[..1].iter().chain(&two_pass_losses()) {
        equals_reference(&few, graph);
        // The reference's sigmoid of a sum of hundreds of rows overflows.
        if *name != "preference" {
            equals_reference(&many, graph);
        }
    }
    // A sum over a sequence of what is the same for all its rows.
    let g = Builder::new();
    let share = (g.logits() * 0.0 + 1.0).sum_vocab().sum_sequence();
    let constant = (g.constant(2.0) + g.weight() * 0.0).powf(0.0).sum_sequence();
    equals_reference(&few, &g.ratio((share * constant).sum_sequences(), g.weight().sum_rows()));
    assert!(compile(&g.ratio(constant.sum_sequences(), g.step())).explain().contains("rows_of_sequence"));
}
