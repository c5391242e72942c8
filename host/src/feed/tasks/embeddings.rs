//! The task of embeddings: vectors of tokens that tell what stands near a token from what does not (word2vec, Mikolov
//! et al., arXiv 1301.3781), with negative sampling and less of frequent tokens (Mikolov et al., arXiv 1310.4546).
//!
//! An example is a token of the text and what is read to tell it: one token near it, or all of them. It is a sequence
//! of the batch: `input.ids` are what is read, again and again, and `input.token_types` the candidates, one at each
//! place: the token itself, then the negatives. Each place is a row of the loss, with the target 1 or 0.

use super::config::{EmbeddingsConfig, EmbeddingsForm};
use super::labels::NUMBERS;
use super::{Batch, Task};
use crate::feed::batch::{self, Text};
use crate::feed::shard::Shard;
use crate::rows::{InputSet, Rows};
use std::ops::Range;

/// The power of counts by which negatives are drawn.
const POWER: f64 = 0.75;

/// The learning rate of word2vec, for each candidate.
const RATE: f64 = 0.025;

/// Numbers of examples of a batch are multiples of this, so that few sizes occur.
const ROUND: usize = 64;

/// Prediction of what stands near a token. What is drawn is a function of the seed, the sequence and the place.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    config: EmbeddingsConfig,
    /// Probability with which an occurrence of each token is read, shape `[vocabulary]`; 0 of tokens without text.
    kept: Vec<f64>,
    /// What the weights of negatives sum up to, each token's with those before it, shape `[vocabulary]`.
    sums: Vec<f64>,
    /// Share of the training text that is read.
    share: f64,
}

/// The rows of a batch as they are collected.
#[derive(Default)]
struct Examples {
    texts: Vec<Text>,
    targets: Vec<f32>,
    weights: Vec<f32>,
}

/// How often each token is in the training documents, shape `[vocabulary]`; 0 of tokens that stand for no text.
pub(super) fn counts(train: &Shard, token_bytes: &[u32]) -> Vec<u64> {
    let mut counts = vec![0; token_bytes.len()];
    for id in train.tokens(0..train.n_tokens()).map(|id| id as usize) {
        counts[id] += u64::from(token_bytes[id] > 0);
    }
    counts
}

impl Embeddings {
    /// The task on text that has each token as often as `counts` say, shape `[vocabulary]`.
    pub fn new(config: EmbeddingsConfig, counts: &[u64]) -> Self {
        let n = counts.iter().sum::<u64>() as f64;
        let keep = |&count: &u64| match count {
            0 => 0.0,
            _ if config.subsample == 0.0 => 1.0,
            count => {
                let ratio = config.subsample * n / count as f64;
                (ratio.sqrt() + ratio).min(1.0)
            }
        };
        let kept: Vec<f64> = counts.iter().map(keep).collect();
        let read: f64 = counts.iter().zip(&kept).map(|(&count, kept)| count as f64 * kept).sum();
        let add = |sum: &mut f64, &count: &u64| {
            *sum += (count as f64).powf(POWER);
            Some(*sum)
        };
        let sums = counts.iter().scan(0.0, add).collect();
        Self { config, kept, sums, share: if n > 0.0 { read / n } else { 0.0 } }
    }

    /// A token by its share of the weights of negatives; `draw` is uniform.
    fn negative(&self, draw: u32) -> u32 {
        let sum = f64::from(draw) / 2.0_f64.powi(32) * self.sums.last().copied().unwrap_or(0.0);
        self.sums.partition_point(|&below| below <= sum) as u32
    }

    /// The tokens that are read of a stretch of sequence `number`, each with its place and a draw of its window; the
    /// first is at place `first`.
    fn read(&self, batch: &Batch<'_>, number: u64, first: usize, ids: &[u32]) -> Vec<(u32, u64, u32)> {
        let read = |(place, &id): (u64, &u32)| {
            let [kept, window, ..] = batch.stream.block(number, place);
            let kept = f64::from(kept) / 2.0_f64.powi(32) < self.kept.get(id as usize).copied().unwrap_or(0.0);
            kept.then_some((id, place, window))
        };
        (first as u64..).zip(ids).filter_map(read).collect()
    }

    /// The examples of a document, or what a window has of it.
    fn add(&self, batch: &Batch<'_>, number: u64, first: usize, ids: &[u32], examples: &mut Examples) {
        let read = self.read(batch, number, first, ids);
        let window = self.config.window;
        for (at, &(target, place, draw)) in read.iter().enumerate() {
            let reach = 1 + ((u64::from(draw) * window as u64) >> 32) as usize;
            let near = |range: Range<usize>| read[range].iter().map(|(id, ..)| *id);
            let after = at + 1..read.len().min(at + 1 + reach);
            let near: Vec<u32> = near(at.saturating_sub(reach)..at).chain(near(after)).collect();
            // blocks of draws behind the one of the place itself
            let draws = |example: usize, negative: usize| {
                let draw = (example * self.config.negatives + negative) as u64;
                batch.stream.block(number, place | (1 + draw / 4) << 32)[draw as usize % 4]
            };
            let read: Vec<&[u32]> = match self.config.form {
                EmbeddingsForm::SkipGram => near.chunks(1).collect(),
                EmbeddingsForm::Cbow if near.is_empty() => Vec::new(),
                EmbeddingsForm::Cbow => vec![&near],
            };
            for (example, read) in read.into_iter().enumerate() {
                let negative = |n| self.negative(draws(example, n));
                let negatives = (0..self.config.negatives).map(negative);
                examples.push(read, std::iter::once(target).chain(negatives).collect(), self.config.places());
            }
        }
    }
}

impl Examples {
    /// Adds an example of `places` places.
    fn push(&mut self, read: &[u32], candidates: Vec<u32>, places: usize) {
        // the mean of what is read is the same
        let times = candidates.len().div_ceil(read.len());
        let text = Text { types: candidates.clone(), ..Text::new(read.repeat(times)) };
        let first = self.targets.len();
        self.targets.push(1.0);
        // a negative that is the token itself says nothing
        let counts = |(at, id): (usize, &u32)| f32::from(u8::from(at == 0 || *id != candidates[0]));
        self.weights.extend(candidates.iter().enumerate().map(counts));
        self.targets.resize(first + places, 0.0);
        self.weights.resize(first + places, 0.0);
        self.texts.push(text);
    }
}

impl Task for Embeddings {
    fn name(&self) -> &'static str {
        "embeddings"
    }

    fn supplied(&self) -> InputSet {
        NUMBERS
    }

    /// How many candidates a step has, and which rate is word2vec's: its rate is for each of them, that of a run for
    /// their mean.
    fn note(&self, tokens: usize) -> Option<String> {
        let candidates = tokens as f64 * self.share * (self.config.examples() * self.config.candidates()) as f64;
        let rate = RATE * candidates;
        Some(format!(
            "embeddings: about {candidates:.0} candidates a step; word2vec's rate of {RATE} is lr = {rate:.0}"
        ))
    }

    /// A row of the loss is a candidate.
    fn rows(&self, batch: &Batch<'_>) -> Rows {
        let (mut examples, end) = (Examples::default(), batch.shard.info().end_of_text);
        for sequence in &batch.sequences {
            let mut first = 0;
            for Range { start, end: after } in sequence.parts.iter().cloned() {
                let ids: Vec<u32> = batch.shard.tokens(start + 1..after + 1).collect();
                for document in ids.split_inclusive(|&id| Some(id) == end) {
                    self.add(batch, sequence.number, first, document, &mut examples);
                    first += document.len();
                }
            }
        }
        let (places, mut texts) = (self.config.places(), examples.texts);
        let n = texts.len().next_multiple_of(ROUND).max(ROUND);
        texts.resize_with(n, Text::default);
        let mut rows = batch::windows(texts, places, places);
        rows.group = (0..(n * places) as u32).map(|row| row / places as u32).collect();
        rows.columns.position = (0..n * places).map(|row| (row % places) as u32).collect();
        rows.columns.targets = examples.targets;
        rows.columns.weight = examples.weights;
        rows.columns.targets.resize(n * places, 0.0);
        rows.columns.weight.resize(n * places, 0.0);
        rows
    }
}
