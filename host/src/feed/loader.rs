//! Training batches: shuffled sequences of a shard's documents, where the position is one number and any position is
//! O(1) away.

use super::batch;
use super::mixture::Mixture;
use super::order::Order;
use super::packed::Packed;
use super::permutation::Permutation;
use super::recipe::Recipe;
use super::shard::Shard;
use super::supply::Supply;
use super::tasks::{Batch, Causal, Sequence, Task, Unit};
use crate::base::random::Stream;
use crate::corpus::{Packing, SourceSpan};
use crate::rows::{Position, Rows};
use crate::{Error, Result};
use std::ops::Range;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Endless shuffled batches of one shard.
///
/// What sample `s` holds is a function of (shard, recipe, s) without the batch size: batches of any size go through the
/// same samples, on any number of ranks and of workers.
#[derive(Debug)]
pub struct Loader<'a> {
    shard: &'a Shard,
    task: Arc<dyn Task>,
    stream: Stream,
    packing: Packing,
    token_bytes: &'a [u32],
    context: usize,
    sequences_per_batch: usize,
    /// The sequences of a batch that this loader makes.
    part: Range<usize>,
    sources: Vec<Source>,
    mixture: Mixture,
    position: Position,
}

#[derive(Debug)]
struct Source {
    name: String,
    /// None for a source that is never drawn.
    order: Option<Order>,
}

/// How often training has gone through a source.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceEpochs {
    /// Its name; empty when all documents are taken alike.
    pub name: String,
    /// Sequences drawn from it.
    pub sequences: u64,
    /// Sequences drawn, divided by the sequences that it has.
    pub epochs: f64,
}

impl<'a> Loader<'a> {
    /// Batches of `sequences_per_batch` sequences of `context` tokens of the concatenated documents, from `position`
    /// on; `token_bytes` are the bytes of text per token, shape [vocabulary].
    ///
    /// # Errors
    /// As [`Loader::with`].
    pub fn new(
        shard: &'a Shard,
        context: usize,
        sequences_per_batch: usize,
        seed: u64,
        token_bytes: &'a [u32],
        position: Position,
    ) -> Result<Self> {
        Self::with(shard, &Recipe::new(context, sequences_per_batch, seed), token_bytes, position)
    }

    /// Batches after `recipe`, from `position` on; `token_bytes` are the bytes of text per token, shape [vocabulary].
    ///
    /// # Errors
    /// A shard, or a source with a weight, that does not fill one sequence; a size of 0; `token_bytes` of another
    /// vocabulary; weights that are all 0.
    pub fn with(shard: &'a Shard, recipe: &Recipe, token_bytes: &'a [u32], position: Position) -> Result<Self> {
        let Recipe { context, sequences_per_batch, seed, packing, .. } = *recipe;
        let task = recipe.task.clone();
        check(shard, task.as_ref(), context, sequences_per_batch, token_bytes)?;
        let (sources, mixture) = if recipe.sources.is_empty() {
            let order = Order::new(shard, 0..shard.n_documents(), packing, (context, task.as_ref()), seed)?;
            (vec![Source { name: String::new(), order: Some(order) }], Mixture::single())
        } else {
            mix(shard, recipe)?
        };
        let part = 0..sequences_per_batch;
        let stream = Stream::new(seed, task.name());
        Ok(Self {
            shard,
            task,
            stream,
            packing,
            token_bytes,
            context,
            sequences_per_batch,
            part,
            sources,
            mixture,
            position,
        })
    }

    /// The loader of rank `rank` of `n_ranks`: it makes a part of each batch, and the ranks' parts one after the other
    /// are the batch.
    ///
    /// # Errors
    /// A batch that the ranks cannot share evenly, a rank that is not below `n_ranks`.
    pub fn part(mut self, rank: usize, n_ranks: usize) -> Result<Self> {
        let n = self.sequences_per_batch;
        if n_ranks == 0 || !n.is_multiple_of(n_ranks) || rank >= n_ranks {
            return Err(Error::usage(format!(
                "train.batch: expected a multiple of the number of ranks, which is {n_ranks}, got {n} (rank {rank})"
            )));
        }
        let share = n / n_ranks;
        self.part = rank * share..(rank + 1) * share;
        Ok(self)
    }

    /// Where the next batch begins.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Sequences per epoch, of all sources together.
    pub fn sequences_per_epoch(&self) -> u64 {
        self.orders().map(Order::n_sequences).sum()
    }

    /// Share of an epoch's rows that are padding, 0 to 1.
    pub fn padding(&self) -> f64 {
        let rows = self.orders().map(Order::n_rows).sum::<u64>() as f64;
        1.0 - rows / (self.sequences_per_epoch() * self.context as u64) as f64
    }

    /// Line before the first step: how many sequences there are, and what of them is padding; none of a plain stream.
    pub fn packing_line(&self) -> Option<String> {
        (self.packing != Packing::Concatenate && self.task.unit() == Unit::Window).then(|| {
            let (n, padding) = (self.sequences_per_epoch(), 100.0 * self.padding());
            format!(
                "packing: {n} sequences an epoch, {:.2}% of their tokens used, {padding:.2}% padding",
                100.0 - padding
            )
        })
    }

    fn orders(&self) -> impl Iterator<Item = &Order> {
        self.sources.iter().filter_map(|source| source.order.as_ref())
    }

    /// How often each source has been gone through at `position`.
    pub fn epochs(&self, position: Position) -> Vec<SourceEpochs> {
        let counts = self.mixture.counts(position.sample);
        let drawn = self.sources.iter().zip(counts).filter_map(|(source, n)| Some((source, source.order.as_ref()?, n)));
        drawn
            .map(|(source, order, sequences)| SourceEpochs {
                name: source.name.clone(),
                sequences,
                epochs: sequences as f64 / order.n_sequences() as f64,
            })
            .collect()
    }

    /// The batch at the position, which moves past it.
    pub fn next_batch(&mut self) -> Rows {
        let batch = self.batch(self.position);
        self.position = batch.next;
        batch
    }

    /// The batch at `position`, whatever this loader's own position is.
    pub fn batch(&self, position: Position) -> Rows {
        let sequence = |index: usize| {
            let sample = position.sample + index as u64;
            let (source, number) = self.mixture.locate(sample);
            let order = self.sources[source].order.as_ref();
            order.map(|order| Sequence { number: sample, ..order.sequence(self.shard, number) })
        };
        let Self { shard, token_bytes, context, stream, .. } = *self;
        let sequences = self.part.clone().filter_map(sequence).collect();
        let rows = self.task.rows(&Batch { shard, token_bytes, context, sequences, stream });
        Rows { next: self.after(position, 1), ..rows }
    }

    /// Where one is `n` batches after `position`.
    pub(super) fn after(&self, position: Position, n: u64) -> Position {
        Position { sample: position.sample + n * self.sequences_per_batch as u64 }
    }
}

impl Supply for Loader<'_> {
    fn next(&mut self) -> Result<Rows> {
        Ok(self.next_batch())
    }

    fn position(&self) -> Position {
        self.position
    }
}

/// The sources of a recipe and their mixture.
fn mix(shard: &Shard, recipe: &Recipe) -> Result<(Vec<Source>, Mixture)> {
    let mut sources = Vec::with_capacity(recipe.sources.len());
    for (index, span) in recipe.sources.iter().enumerate() {
        let SourceSpan { name, first_document, documents, .. } = span;
        let end = first_document.checked_add(*documents).filter(|&end| end <= shard.n_documents());
        let Some(end) = end else {
            let (path, n) = (shard.path().display(), shard.n_documents());
            return Err(Error::run(format!("{path}: source {name:?} is said to end after the last of {n} documents")));
        };
        let is_drawn = *documents > 0 && recipe.phases.iter().any(|(_, weights)| weights[index] > 0.0);
        // By name, so that another source before it does not change a source's order.
        let seed = xxh3_64_with_seed(name.as_bytes(), recipe.seed);
        let learner = (recipe.context, recipe.task.as_ref());
        let order = || Order::new(shard, *first_document..end, recipe.packing, learner, seed);
        let order = is_drawn.then(order).transpose().map_err(|error| error.context(format!("source {name:?}")))?;
        sources.push(Source { name: name.clone(), order });
    }
    let sequences = |source: &Source| source.order.as_ref().map_or(0, Order::n_sequences) as f64;
    let shares = |(start, weights): &(u64, Vec<f64>)| {
        let by_size = sources.iter().zip(weights).map(|(source, weight)| weight * sequences(source)).collect();
        (*start, apportion(by_size, &recipe.shares))
    };
    let mixture = Mixture::new(&recipe.phases.iter().map(shares).collect::<Vec<_>>())?;
    Ok((sources, mixture))
}

/// The shares of sources, in any unit: those that have one of their own in `shares` have it, the others the rest, in
/// the proportions of `by_size`.
fn apportion(by_size: Vec<f64>, shares: &[Option<f64>]) -> Vec<f64> {
    let own = |(index, size): (usize, f64)| shares.get(index).copied().flatten().filter(|_| size > 0.0);
    let sizes = || by_size.iter().copied().enumerate();
    let fixed: f64 = sizes().filter_map(own).sum();
    let others: f64 = sizes().filter(|&source| own(source).is_none()).map(|(_, size)| size).sum();
    match shares.iter().any(Option::is_some) {
        true => sizes().map(|source| own(source).unwrap_or(source.1 / others.max(1.0) * (1.0 - fixed))).collect(),
        false => by_size,
    }
}

/// Batches that go through a shard's concatenated documents once, in order, with every target exactly once.
///
/// The last window is padded with targets of weight 0; the last batch holds what sequences are left. `limit_batches`
/// ends earlier, 0 does not. Over a whole split the sum of `target_bytes · weight` is the bytes that its tokens stand
/// for.
///
/// # Errors
/// A size of 0, `token_bytes` of another vocabulary.
pub fn eval_batches<'a>(
    shard: &'a Shard,
    context: usize,
    sequences_per_batch: usize,
    token_bytes: &'a [u32],
    limit_batches: usize,
) -> Result<impl Iterator<Item = Rows> + use<'a>> {
    packed_eval_batches(shard, &Causal, Packing::Concatenate, context, sequences_per_batch, token_bytes, limit_batches)
}

/// As [`eval_batches`], of documents that become sequences as in training. The first batches are a fair sample: packed
/// sequences come in a random order that is always the same.
///
/// # Errors
/// As [`eval_batches`], and more documents than can be packed.
pub fn packed_eval_batches<'a>(
    shard: &'a Shard,
    task: &'a dyn Task,
    packing: Packing,
    context: usize,
    sequences_per_batch: usize,
    token_bytes: &'a [u32],
    limit_batches: usize,
) -> Result<impl Iterator<Item = Rows> + use<'a>> {
    check(shard, task, context, sequences_per_batch, token_bytes)?;
    let n_rows = shard.n_tokens().saturating_sub(1);
    let is_document = task.unit() == Unit::Document;
    let window = (context - task.marks()) as u64;
    let packed = match packing {
        _ if is_document => None,
        Packing::Concatenate => None,
        _ => Some(Packed::new(shard, 0..shard.n_documents(), packing, context, task)?),
    };
    let n_sequences = match &packed {
        _ if is_document => shard.n_documents(),
        None => n_rows.div_ceil(window),
        Some(packed) => packed.n_sequences(),
    };
    let order = Permutation::new(n_sequences, 0, 0);
    let stream = Stream::new(0, task.name());
    let n_batches = n_sequences.div_ceil(sequences_per_batch as u64);
    let n_batches = if limit_batches == 0 { n_batches } else { n_batches.min(limit_batches as u64) };
    let sequence = move |number: u64| match &packed {
        _ if is_document => {
            // a limited validation is a fair sample, a whole one keeps the order of the documents
            let document = if limit_batches == 0 { number } else { order.get(number) };
            Sequence { number, document: Some(document), parts: vec![shard.place(document)] }
        }
        None => {
            let start = number * window;
            let part = start..n_rows.min(start + window);
            Sequence { number, document: None, parts: std::iter::once(part).collect() }
        }
        Some(packed) => Sequence { number, document: None, parts: packed.sequence(order.get(number)).collect() },
    };
    Ok((0..n_batches).map(move |index| {
        let first = index * sequences_per_batch as u64;
        let end = n_sequences.min(first + sequences_per_batch as u64);
        let sequences = (first..end).map(&sequence).collect();
        let batch = Batch { shard, token_bytes, context, sequences, stream };
        let rows = task.rows(&batch);
        let documents = batch::documents(shard, &batch.sequences, task.marks(), &rows);
        Rows { documents, next: Position { sample: end }, ..rows }
    }))
}

fn check(
    shard: &Shard,
    task: &dyn Task,
    context: usize,
    sequences_per_batch: usize,
    token_bytes: &[u32],
) -> Result<()> {
    if context == 0 || sequences_per_batch == 0 {
        return Err(Error::usage(format!(
            "expected model.context and train.batch of at least 1, got {context} and {sequences_per_batch}"
        )));
    }
    let marks = task.marks();
    if context <= marks {
        let name = task.name();
        return Err(Error::usage(format!(
            "model.context: expected more than the {marks} marks of {name}, got {context}"
        )));
    }
    let n_vocabulary = shard.info().n_vocabulary as usize;
    if token_bytes.len() != n_vocabulary {
        return Err(Error::run(format!(
            "{}: made with a vocabulary of {n_vocabulary}, but the tokenizer has {}; prepare the data again",
            shard.path().display(),
            token_bytes.len()
        )));
    }
    shard.check_planes(task.planes())
}
