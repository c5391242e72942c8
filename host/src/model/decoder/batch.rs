//! Sequences that are read and written together: the products over all their new rows are one product.

use super::memory::Memory;
use super::sources::Sources;
use crate::model::Model;
use crate::model::graph::Index;
use crate::model::memory::Allocator;
use crate::model::plan::{Plan, Step};
use crate::model::run::{Buffers, Pass, Size};
use crate::ops::{Column, Tensor};
use crate::rows::Tokens;
use crate::{Error, Result};
use std::cmp::Reverse;

/// Most rows that are read at once, of all sequences together.
const ROWS_MAX: usize = 256;

/// What a batch has memory for.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Most sequences at a time, the hypotheses of all texts together.
    pub sequences: usize,
    /// Most tokens of a sequence that are read; not more than the model's context.
    pub tokens: usize,
}

/// What is in one of the places that a batch has memory for.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// Number of the text that an encoder read for it.
    source: u32,
    /// Tokens read.
    position: usize,
}

/// Sequences being read and written together. The caller's numbers of them are changed by [`BatchDecoder::reorder`];
/// their places in memory stay, so that next to nothing is copied: those that are read are in the first places.
pub struct BatchDecoder<'m> {
    model: &'m Model,
    plan: Plan,
    sources: Sources,
    room: Room,
    /// What each step remembers.
    memories: Vec<Option<Memory>>,
    /// The place of each sequence.
    places: Vec<usize>,
    /// What is in each place.
    held: Vec<Held>,
    /// Activations of one row of each sequence, and what is the same for all rows.
    buffers: Buffers,
    /// `[room.sequences, vocab]`
    logits: Tensor,
}

impl<'m> BatchDecoder<'m> {
    /// Empty sequences, one for each of `sources`, the texts that they are written from; all are empty for a model
    /// without an encoder. The batch has room for as many sequences, and more if `room` says so.
    ///
    /// # Errors
    /// A model that cannot write text token by token, a source that it does not read or cannot do without, a GPU
    /// without room for the caches.
    pub fn new(model: &'m Model, sources: &[&[u32]], room: Room) -> Result<Self> {
        if sources.is_empty() {
            return Err(Error::run("expected sequences to write, got none"));
        }
        let (n, sources) = (sources.len(), Sources::new(model, sources)?);
        let room = Room { sequences: room.sequences.max(n), tokens: room.tokens.clamp(1, model.context().max(1)) };
        let (engine, allocator) = (model.engine(), Allocator::new(model.engine()));
        let split = engine.activations() != engine.precision().dtype();
        let plan = Plan::decoding(&model.graph, split)?;
        let memories = plan.steps.iter().map(|step| Memory::new(model, &plan, step, room)).collect::<Result<_>>()?;
        let size = Size { sequences: n, length: 1, source: sources.length, reach: room.tokens };
        let buffers = Buffers::new(&plan, size, &allocator)?;
        let logits = allocator.zeros((room.sequences, model.vocab()))?;
        let held = (0..n as u32).map(|source| Held { source, position: 0 }).collect();
        let batch = Self { model, plan, sources, room, memories, places: (0..n).collect(), held, buffers, logits };
        batch.pass(&batch.buffers, &[], 1, |pass, _| {
            let mut once = batch.plan.steps.iter().filter(|step| batch.is_once(step));
            once.try_for_each(|step| pass.step(step))
        })?;
        Ok(batch)
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are no sequences.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Number of tokens that a sequence has read.
    pub fn position(&self, sequence: usize) -> usize {
        self.places.get(sequence).map_or(0, |&place| self.held[place].position)
    }

    /// Reads tokens of each sequence (at least one) and returns for each the logits `[vocab]` of the one that follows.
    /// Only sequences that have read nothing may read unequal numbers of tokens.
    ///
    /// # Errors
    /// Another number of sequences, an id outside the vocabulary, a full context, a GPU that fails.
    pub fn read(&mut self, ids: &[&[u32]]) -> Result<Vec<Vec<f64>>> {
        self.check(ids)?;
        if ids.iter().any(|other| other.len() != ids[0].len()) {
            self.sort(ids)?;
        }
        // by place: those with more to read come first
        let mut texts = vec![&[][..]; ids.len()];
        self.places.iter().zip(ids).for_each(|(&place, &ids)| texts[place] = ids);
        // what has one state reads one token after the other
        let at_once = if self.memories.iter().flatten().all(Memory::is_cache) { ROWS_MAX } else { 1 };
        let (mut read, mut n) = (0, texts.len());
        while n > 0 {
            let length = (texts[n - 1].len() - read).min((at_once / n).max(1));
            let new: Vec<u32> = texts[..n].iter().flat_map(|ids| &ids[read..read + length]).copied().collect();
            let hidden = self.rows(&new, n)?;
            read += length;
            let left = texts.partition_point(|ids| ids.len() > read);
            self.head(&hidden, length, left..n)?;
            n = left;
        }
        let logits = self.logits.narrow(0, texts.len())?.to_vec()?;
        if texts.len() == 1 {
            return Ok(vec![logits]);
        }
        let width = self.model.vocab();
        Ok(self.places.iter().map(|place| logits[place * width..][..width].to_vec()).collect())
    }

    /// Changes the sequences: number i becomes one that has read what number `from[i]` has. Those that nothing
    /// continues are dropped, and several may continue one. What an encoder computed is not copied, and caches only
    /// where several continue one or where a dropped one leaves a gap.
    ///
    /// # Errors
    /// A sequence that is not there, more than there is room for, a GPU that fails.
    pub fn reorder(&mut self, from: &[usize]) -> Result<()> {
        if let Some(wrong) = from.iter().find(|&&sequence| sequence >= self.places.len()) {
            return Err(Error::run(format!("a batch of {} sequences has none of number {wrong}", self.places.len())));
        }
        let n = from.len();
        if n > self.room.sequences {
            return Err(Error::run(format!("{n} sequences in a batch with room for {}", self.room.sequences)));
        }
        let parents: Vec<usize> = from.iter().map(|&sequence| self.places[sequence]).collect();
        self.held.resize(self.held.len().max(n), Held { source: 0, position: 0 });
        // the first that continues what is in one of the first n places stays there
        let (mut is_taken, mut places) = (vec![false; n], vec![None; n]);
        for (place, &parent) in places.iter_mut().zip(&parents) {
            if parent < n && !is_taken[parent] {
                is_taken[parent] = true;
                *place = Some(parent);
            }
        }
        // the others are copied to places that nothing continues, which are therefore never copied from
        let mut free = (0..n).filter(|&place| !is_taken[place]);
        for (place, &parent) in places.iter_mut().zip(&parents).filter(|(place, _)| place.is_none()) {
            let Some(to) = free.next() else { break };
            let held = self.held[parent];
            self.memories.iter().flatten().try_for_each(|memory| memory.copy(parent, to, held.position))?;
            self.held[to] = held;
            *place = Some(to);
        }
        self.held.truncate(n);
        self.places = places.into_iter().flatten().collect();
        Ok(())
    }

    fn check(&self, ids: &[&[u32]]) -> Result<()> {
        if ids.len() != self.places.len() || ids.is_empty() {
            let (n, got) = (self.places.len(), ids.len());
            return Err(Error::run(format!("expected tokens of each of {n} sequences, got those of {got}")));
        }
        for (sequence, ids) in ids.iter().enumerate() {
            if ids.is_empty() {
                return Err(Error::run("expected tokens to read, got none"));
            }
            if self.position(sequence) + ids.len() > self.room.tokens {
                return Err(Error::run(format!("the context of {} tokens is full", self.room.tokens)));
            }
        }
        Ok(())
    }

    /// Gives the first places to the sequences that read most.
    fn sort(&mut self, ids: &[&[u32]]) -> Result<()> {
        if self.held.iter().any(|held| held.position > 0) {
            return Err(Error::run("sequences that have begun read equal numbers of tokens"));
        }
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by_key(|&sequence| Reverse(ids[sequence].len()));
        let held = order.iter().map(|&sequence| self.held[self.places[sequence]]).collect();
        order.iter().enumerate().for_each(|(place, &sequence)| self.places[sequence] = place);
        self.held = held;
        Ok(())
    }

    /// Reads `ids`, equal numbers of tokens of the sequences in the first `n` places; the last hidden states.
    fn rows(&mut self, ids: &[u32], n: usize) -> Result<Tensor> {
        let length = ids.len() / n;
        let beside = || self.buffers.beside(&self.plan, (n, length), &Allocator::new(self.model.engine()));
        let longer = match length {
            1 => None,
            _ => Some(beside()?),
        };
        if length == 1 && !self.buffers.are_of((n, 1)) {
            self.buffers = beside()?;
        }
        let buffers = longer.as_ref().unwrap_or(&self.buffers);
        self.pass(buffers, ids, length, |pass, positions| {
            for (step, memory) in self.plan.steps.iter().zip(&self.memories) {
                match memory {
                    _ if self.is_once(step) => {}
                    None => pass.step(step)?,
                    Some(memory) => memory.step(pass, step, positions)?,
                }
            }
            Ok(())
        })?;
        let hidden = buffers.tensor(&self.plan, self.plan.head.place.buffer).clone();
        self.held[..n].iter_mut().for_each(|held| held.position += length);
        Ok(hidden)
    }

    /// The logits of the sequences in `places`, of whose last rows `hidden` has `length` each.
    fn head(&self, hidden: &Tensor, length: usize, places: std::ops::Range<usize>) -> Result<()> {
        let (model, n) = (self.model, places.len());
        let logits = |first: usize, place: usize, n: usize| {
            let out = self.logits.narrow(place, n)?;
            model.head().logits(model.engine(), &hidden.narrow(first, n)?, &out)
        };
        match (length, n) {
            (_, 0) => Ok(()),
            (1, _) => logits(places.start, places.start, n),
            // of what a prompt ends with, once
            _ => places.into_iter().try_for_each(|place| logits((place + 1) * length - 1, place, 1)),
        }
    }

    fn is_once(&self, step: &Step) -> bool {
        self.plan.buffers[step.out.buffer].shape.is_once()
    }

    /// Does something with the next tokens `ids`, `length` of each of the sequences in the first places, or none at
    /// all, and their positions.
    ///
    /// # Errors
    /// Tokens that the model does not have, and what `body` reports.
    fn pass(
        &self,
        buffers: &Buffers,
        ids: &[u32],
        length: usize,
        body: impl FnOnce(&Pass<'_>, &[usize]) -> Result<()>,
    ) -> Result<()> {
        let (model, engine) = (self.model, self.model.engine());
        let held = &self.held[..ids.len() / length];
        let before: Vec<usize> = held.iter().map(|held| held.position).collect();
        let positions: Vec<u32> =
            before.iter().flat_map(|&before| before..before + length).map(|position| position as u32).collect();
        let types = vec![0; ids.len()];
        let types = if model.graph.reads(Index::TokenTypes) { Some(Column::new(engine, &types)?) } else { None };
        let source = self.sources.placed(model)?;
        let tokens = Tokens { types, source, ..Tokens::new(engine, ids, &positions, length)? };
        model.check(&tokens)?;
        // where each sequence reads the source of its own number nothing has to be looked up
        let sources: Vec<u32> = held.iter().map(|held| held.source).collect();
        let is_looked_up = !sources.iter().copied().eq(0..self.sources.len() as u32);
        let sources = (is_looked_up && !ids.is_empty()).then_some(&sources[..]);
        model.run(&self.plan, &tokens, None, buffers, |pass| body(&Pass { sources, ..*pass }, &before))
    }
}
