//! Reads and writes one text, keeping what was read: keys and values of attention, states of recurrences, and what was
//! computed of a source.

use super::Model;
use super::graph::Index;
use super::memory::Allocator;
use super::plan::{Plan, Shape, Step, Work};
use super::run::{Buffers, Pass, Size};
use crate::ops::attention::{self, Cache};
use crate::ops::{Column, Engine, Tensor, View, conv, recurrent, shift};
use crate::rows::{Source, Tokens};
use crate::{Error, Result};
use trainyard_plugin::network::Space;

/// Most tokens that are read at once.
const ROWS_MAX: usize = 256;

/// One sequence being read and written.
pub struct Decoder<'m> {
    model: &'m Model,
    plan: Plan,
    /// The text that an encoder read.
    source: Vec<u32>,
    /// What each step remembers: keys and values of all positions so far `[context, 2 · kv_heads · d]`, or a state.
    states: Vec<Option<Tensor>>,
    position: usize,
    /// Activations of one row, and what is the same for all rows.
    buffers: Buffers,
    /// `[1, vocab]`
    logits: Tensor,
}

impl<'m> Decoder<'m> {
    /// An empty sequence, written from the text `source` if the model has an encoder.
    ///
    /// # Errors
    /// A model that cannot write text token by token, a source that it does not read or cannot do without, a GPU
    /// without room for the caches.
    pub fn new(model: &'m Model, source: &[u32]) -> Result<Self> {
        match (model.graph.reads(Index::SourceIds), source.is_empty()) {
            (true, true) => return Err(Error::run("this model writes from a source text, and was given none")),
            (false, false) => return Err(Error::run("this model reads no source text, and was given one")),
            _ => {}
        }
        let (engine, allocator) = (model.engine(), Allocator::new(model.engine()));
        let split = engine.activations() != engine.precision().dtype();
        let plan = Plan::decoding(&model.graph, split)?;
        let states = plan.steps.iter().map(|step| state(model, &plan, step, &allocator)).collect::<Result<_>>()?;
        let size = Size { sequences: 1, length: 1, source: source.len(), reach: model.context() };
        let buffers = Buffers::new(&plan, size, &allocator)?;
        let logits = allocator.zeros((1, model.vocab()))?;
        let decoder = Self { model, plan, source: source.into(), states, position: 0, buffers, logits };
        decoder.pass(&decoder.buffers, &[], |pass| {
            let mut once = decoder.plan.steps.iter().filter(|step| decoder.shape(step).is_once());
            once.try_for_each(|step| pass.step(step))
        })?;
        Ok(decoder)
    }

    /// Number of tokens read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Reads tokens (at least one) and returns the logits `[vocab]` of the one that follows.
    ///
    /// # Errors
    /// An id outside the vocabulary, a full context, a GPU that fails.
    pub fn read(&mut self, ids: &[u32]) -> Result<Vec<f64>> {
        let context = self.model.context();
        if ids.is_empty() {
            return Err(Error::run("expected tokens to read, got none"));
        }
        if self.position + ids.len() > context {
            return Err(Error::run(format!("the context of {context} tokens is full")));
        }
        // what has one state reads one token after the other
        let is_cached =
            |(step, state): (&Step, &Option<Tensor>)| state.is_none() || matches!(step.work, Work::Attention { .. });
        let at_once = if self.plan.steps.iter().zip(&self.states).all(is_cached) { ROWS_MAX } else { 1 };
        for ids in ids.chunks(at_once) {
            self.rows(ids)?;
        }
        self.logits.to_vec()
    }

    /// Reads these tokens at once.
    fn rows(&mut self, ids: &[u32]) -> Result<()> {
        let (model, n) = (self.model, ids.len());
        let longer = match n {
            1 => None,
            n => Some(self.buffers.beside(&self.plan, n, &Allocator::new(model.engine()))?),
        };
        let buffers = longer.as_ref().unwrap_or(&self.buffers);
        self.pass(buffers, ids, |pass| {
            for (step, state) in self.plan.steps.iter().zip(&self.states) {
                match state {
                    _ if self.shape(step).is_once() => {}
                    None => pass.step(step)?,
                    Some(state) => remember(model.engine(), pass, step, state, self.position)?,
                }
            }
            Ok(())
        })?;
        let hidden = buffers.tensor(&self.plan, self.plan.head.place.buffer).narrow(n - 1, 1)?;
        model.head().logits(model.engine(), &hidden, &self.logits)?;
        self.position += n;
        Ok(())
    }

    fn shape(&self, step: &Step) -> Shape {
        self.plan.buffers[step.out.buffer].shape
    }

    /// Does something with the next tokens `ids`, of which there may be none.
    ///
    /// # Errors
    /// Tokens that the model does not have, and what `body` reports.
    fn pass(&self, buffers: &Buffers, ids: &[u32], body: impl FnOnce(&Pass<'_>) -> Result<()>) -> Result<()> {
        let (model, engine, n) = (self.model, self.model.engine(), ids.len());
        let column = |numbers| Column::new(engine, numbers);
        let positions: Vec<u32> = (self.position..self.position + n).map(|position| position as u32).collect();
        let places: Vec<u32> = (0..self.source.len() as u32).collect();
        let (types, valid) = (vec![0; n], [places.len() as u32]);
        let source = match places.is_empty() {
            true => None,
            false => Some(Source {
                ids: column(&self.source)?,
                positions: column(&places)?,
                valid: column(&valid)?,
                length: places.len(),
            }),
        };
        let types = if model.graph.reads(Index::TokenTypes) { Some(column(&types)?) } else { None };
        let tokens = Tokens { types, source, ..Tokens::new(engine, ids, &positions, n.max(1))? };
        model.check(&tokens)?;
        model.run(&self.plan, &tokens, None, buffers, body)
    }
}

/// What a step remembers of the rows that were read; none if it looks at one row at a time, or at the source.
fn state(model: &Model, plan: &Plan, step: &Step, allocator: &Allocator) -> Result<Option<Tensor>> {
    let rows_of = |buffer: usize| matches!(plan.buffers[buffer].shape, Shape::Rows(Space::Row, _));
    let reads_rows = step.reads.iter().any(|place| rows_of(place.buffer));
    if !rows_of(step.out.buffer) {
        return match reads_rows {
            true => Err(Error::run("a model that reads whole sequences cannot write text token by token")),
            false => Ok(None),
        };
    }
    let width = match &step.work {
        Work::Attention { .. } if !rows_of(step.reads[1].buffer) => return Ok(None),
        Work::Attention { span: attention::Span::Full, .. } => {
            return Err(Error::run("attention to later tokens: this model cannot write text token by token"));
        }
        Work::Attention { .. } => {
            return allocator.activations((model.context(), 2 * step.reads[1].width)).map(Some);
        }
        Work::Recurrent { reverse: true, .. } => {
            return Err(Error::run("a layer that reads backward: this model cannot write text token by token"));
        }
        Work::Recurrent { kind, .. } => kind.states() * step.out.width,
        Work::Conv { weight, .. } => (model.weights.parameters[*weight].value.row_width() - 1) * step.out.width,
        Work::Shift(by) => by * step.out.width,
        _ => return Ok(None),
    };
    allocator.activations((1, width.max(1))).map(Some)
}

/// Runs a step that looks at rows before these, which are in `state`.
fn remember(engine: &Engine, pass: &Pass<'_>, step: &Step, state: &Tensor, position: usize) -> Result<()> {
    let reads: Vec<View<'_>> = step.reads.iter().map(|&place| pass.buffers.view(pass.plan, place)).collect();
    let out = pass.buffers.view(pass.plan, step.out);
    match &step.work {
        Work::Attention { .. } => {
            let cache = Cache { keys_values: state, position, bias: reads.get(3).map(|bias| bias.tensor) };
            let shape = pass.attention_shape(step);
            attention::cached(engine, [reads[0], reads[1], reads[2]], shape, &cache, out.tensor)
        }
        Work::Recurrent { .. } => {
            let (recurrence, weights) = pass.recurrence(step);
            recurrent::step(engine, recurrence.kind, reads[0], weights, state, out)
        }
        Work::Conv { weight, bias } => {
            let value = |parameter: usize| pass.weights.parameters[parameter].as_type(out.tensor.dtype());
            conv::step(engine, reads[0], value(*weight), bias.map(value), state, out)
        }
        Work::Shift(by) => shift::step(engine, *by, reads[0], state, out),
        _ => pass.step(step),
    }
}
