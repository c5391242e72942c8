//! A batch gives each of its sequences the logits that the sequence has alone.

use super::{BatchDecoder, Decoder, Room};
use crate::base::random::Stream;
use crate::model::{Model, Purpose, Spec};
use crate::ops::{Engine, Precision};
use trainyard_plugin::{Config, Create, Model as Describe, Setting, Sizes, Value};

const VOCAB: u32 = 23;
const CONTEXT: usize = 12;

/// A model with random weights in float64, far from those that training begins with.
fn model<T: Create + Describe>(settings: &[(&str, i64)]) -> Model {
    let setting = |&(key, value): &(&str, i64)| Setting { key: key.into(), value: Value::Integer(value) };
    let settings: Vec<_> = settings.iter().map(setting).collect();
    let made = T::create(T::Config::from_settings(&settings).unwrap()).unwrap();
    let network = made.describe(&Sizes::new(VOCAB, CONTEXT as u32)).unwrap();
    let spec = Spec::new(&network, CONTEXT, Purpose::Inference);
    let model = Model::new(&spec, Engine::new(Precision::F64), 1).unwrap();
    for (name, param) in model.params().iter() {
        let values: Vec<f64> =
            Stream::new(7, name).normals(param.value.elem_count()).map(|value| 0.1 + 0.4 * value).collect();
        let shape = param.value.dims();
        param.value.write(&candle_core::Tensor::from_vec(values, shape, &candle_core::Device::Cpu).unwrap()).unwrap();
    }
    model
}

const SMALL: [(&str, i64); 3] = [("layers", 2), ("heads", 2), ("width", 16)];

/// Name, model, and whether it reads a source.
fn models() -> Vec<(&'static str, Model, bool)> {
    let t5 = [("buckets", 4), ("max_distance", 5)];
    let grouped = [("kv_heads", 1)];
    vec![
        ("t5", model::<trainyard_t5::T5>(&[&SMALL[..], &t5].concat()), true),
        ("bart", model::<trainyard_bart::Bart>(&SMALL), true),
        ("gpt2", model::<trainyard_gpt2::Gpt2>(&SMALL), false),
        ("llama", model::<trainyard_llama::Llama>(&[&SMALL[..], &grouped].concat()), false),
        ("mistral", model::<trainyard_mistral::Mistral>(&[&SMALL[..], &[("window", 3)]].concat()), false),
        ("gru", model::<trainyard_gru::Gru>(&[("layers", 2), ("width", 16)]), false),
        ("lstm", model::<trainyard_lstm::Lstm>(&[("layers", 2), ("width", 16)]), false),
    ]
}

/// Texts of these lengths, whose tokens follow from `seed`.
fn texts(seed: u64, lengths: &[usize]) -> Vec<Vec<u32>> {
    let text = |(number, &n): (usize, &usize)| {
        let stream = Stream::new(seed + number as u64, "text");
        (0..n as u64).map(|i| (stream.uniform(i) * f64::from(VOCAB)) as u32).collect()
    };
    lengths.iter().enumerate().map(text).collect()
}

/// What the text `read` of a sequence alone is followed by.
fn alone(model: &Model, source: &[u32], read: &[u32]) -> Vec<f64> {
    Decoder::new(model, source).unwrap().read(read).unwrap()
}

#[track_caller]
fn assert_same(what: &str, got: &[Vec<f64>], expected: &[Vec<f64>]) {
    let largest = expected.iter().flatten().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    assert!(largest > 0.1, "{what}: logits of at most {largest} tell little");
    assert_eq!(got.len(), expected.len(), "{what}");
    for (sequence, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert_eq!(got.len(), VOCAB as usize, "{what}");
        let error = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(error <= 1e-12 * largest, "{what}: sequence {sequence} differs by {error}");
    }
}

/// A batch whose every sequence is also followed alone.
struct Followed<'m> {
    what: &'static str,
    model: &'m Model,
    batch: BatchDecoder<'m>,
    /// Source and text of each.
    sequences: Vec<(Vec<u32>, Vec<u32>)>,
}

impl<'m> Followed<'m> {
    fn new((what, model, reads_source): &'m (&'static str, Model, bool), n: usize) -> Self {
        let lengths: Vec<usize> = (0..n).map(|i| if *reads_source { [3, 1, 7, 4][i % 4] } else { 0 }).collect();
        let sources = texts(1, &lengths);
        let slices: Vec<_> = sources.iter().map(Vec::as_slice).collect();
        let batch = BatchDecoder::new(model, &slices, Room { sequences: 6, tokens: CONTEXT }).unwrap();
        Self { what, model, batch, sequences: sources.into_iter().map(|source| (source, Vec::new())).collect() }
    }

    #[track_caller]
    fn read(&mut self, seed: u64, lengths: &[usize]) {
        let new = texts(seed, lengths);
        let slices: Vec<_> = new.iter().map(Vec::as_slice).collect();
        let got = self.batch.read(&slices).unwrap();
        self.sequences.iter_mut().zip(&new).for_each(|((_, text), new)| text.extend(new));
        let expected: Vec<_> = self.sequences.iter().map(|(source, text)| alone(self.model, source, text)).collect();
        assert_same(self.what, &got, &expected);
        for (sequence, (_, text)) in self.sequences.iter().enumerate() {
            assert_eq!(self.batch.position(sequence), text.len(), "{}", self.what);
        }
    }

    fn reorder(&mut self, from: &[usize]) {
        self.batch.reorder(from).unwrap();
        self.sequences = from.iter().map(|&sequence| self.sequences[sequence].clone()).collect();
        assert_eq!(self.batch.len(), from.len());
    }
}

#[test]
fn each_sequence_of_a_batch_is_as_alone() {
    for case in &models() {
        let mut followed = Followed::new(case, 3);
        followed.read(10, &[1, 1, 1]);
        followed.read(20, &[1, 1, 1]);
        followed.read(30, &[3, 3, 3]);
        followed.read(40, &[1, 1, 1]);
    }
}

#[test]
fn prompts_may_have_unequal_lengths() {
    for case in &models() {
        for lengths in [[2, 5, 1, 5], [1, 2, 3, 4], [4, 1, 1, 1]] {
            let mut followed = Followed::new(case, 4);
            followed.read(10, &lengths);
            followed.read(20, &[1; 4]);
            followed.reorder(&[3, 0, 1]);
            followed.read(30, &[2; 3]);
        }
    }
}

#[test]
fn sequences_continue_others_and_are_dropped() {
    for case in &models() {
        let mut followed = Followed::new(case, 2);
        // hypotheses before anything is read, as a beam search of two texts has them
        followed.reorder(&[0, 0, 0, 1, 1, 1]);
        followed.read(10, &[2; 6]);
        for (seed, from) in [[2, 2, 0, 5, 4, 5], [1, 0, 2, 3, 3, 3], [5, 4, 3, 2, 1, 0]].iter().enumerate() {
            followed.reorder(from);
            followed.read(20 * (seed as u64 + 1), &[1; 6]);
        }
        followed.reorder(&[4, 5, 4]);
        followed.read(90, &[1; 3]);
        followed.reorder(&[2, 1, 0, 0, 2]);
        followed.read(100, &[1; 5]);
        followed.reorder(&[3]);
        followed.read(110, &[2]);
    }
}

#[test]
fn what_a_batch_cannot_do_is_named() {
    let (_, decoder_only, _) = &models()[2];
    let (_, model, _) = &models()[0];
    let room = Room { sequences: 2, tokens: 3 };
    let error = |result: crate::Result<BatchDecoder<'_>>| result.err().unwrap().to_string();
    let none = error(BatchDecoder::new(model, &[&[1], &[]], room));
    assert_eq!(none, "this model writes from a source text, and was given none");
    let one = error(BatchDecoder::new(decoder_only, &[&[], &[1]], room));
    assert_eq!(one, "this model reads no source text, and was given one");
    assert_eq!(error(BatchDecoder::new(model, &[], room)), "expected sequences to write, got none");
    let mut batch = BatchDecoder::new(model, &[&[1], &[2, 3]], room).unwrap();
    let mut refuses = |ids: &[&[u32]], expected: &str| assert_eq!(batch.read(ids).unwrap_err().to_string(), expected);
    refuses(&[&[1]], "expected tokens of each of 2 sequences, got those of 1");
    refuses(&[&[1], &[]], "expected tokens to read, got none");
    refuses(&[&[1], &[1, 2, 3, 4]], "the context of 3 tokens is full");
    refuses(&[&[1], &[VOCAB]], "token id 23 is outside the model's vocabulary of 23");
    batch.read(&[&[1], &[1]]).unwrap();
    let unequal = batch.read(&[&[1, 2], &[1]]).unwrap_err().to_string();
    assert_eq!(unequal, "sequences that have begun read equal numbers of tokens");
    let wrong = batch.reorder(&[0, 2]).unwrap_err().to_string();
    assert_eq!(wrong, "a batch of 2 sequences has none of number 2");
    let many = batch.reorder(&[0, 0, 1]).unwrap_err().to_string();
    assert_eq!(many, "3 sequences in a batch with room for 2");
    batch.reorder(&[]).unwrap();
    assert!(batch.is_empty() && batch.read(&[]).is_err());
}
