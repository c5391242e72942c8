//! Writes text token by token, keeping what was read: keys and values of attention, states of recurrences.

use super::Model;
use super::memory::Allocator;
use super::plan::{Plan, Purpose, Shape, Step, Work};
use super::run::{Buffers, Pass, Size};
use crate::ops::attention::{self, Cache};
use crate::ops::{Column, Engine, Tensor, View, conv, recurrent, shift};
use crate::rows::Tokens;
use crate::{Error, Result};
use trainyard_plugin::network::Space;

/// One sequence being read and written.
pub struct Decoder<'m> {
    model: &'m Model,
    plan: Plan,
    /// What each step remembers: keys and values of all positions so far `[context, 2 · kv_heads · d]`, or a state.
    states: Vec<Option<Tensor>>,
    position: usize,
    /// Activations of one row.
    buffers: Buffers,
    /// `[1, vocab]`
    logits: Tensor,
}

impl<'m> Decoder<'m> {
    /// An empty sequence.
    ///
    /// # Errors
    /// A model that cannot write text token by token, a GPU without room for the caches.
    pub fn new(model: &'m Model) -> Result<Self> {
        let allocator = Allocator::new(model.engine());
        let engine = model.engine();
        let split = engine.activations() != engine.precision().dtype();
        let plan = Plan::new(&model.graph, Purpose::Inference, split, &[])?;
        let states = plan.steps.iter().map(|step| state(model, &plan, step, &allocator)).collect::<Result<_>>()?;
        let buffers = Buffers::new(&plan, Size { sequences: 1, length: 1, source: 0 }, &allocator)?;
        let logits = allocator.zeros((1, model.vocab()))?;
        Ok(Self { model, plan, states, position: 0, buffers, logits })
    }

    /// Number of tokens read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Reads one token and returns the logits `[vocab]` of the next.
    ///
    /// # Errors
    /// An id outside the vocabulary, a full context, a GPU that fails.
    pub fn read(&mut self, id: u32) -> Result<Vec<f64>> {
        let (model, position) = (self.model, self.position);
        let engine = model.engine();
        if position >= model.context() {
            return Err(Error::run(format!("the context of {} tokens is full", model.context())));
        }
        let (ids, positions) = ([id], [position as u32]);
        let tokens = Tokens::new(engine, &ids, &positions, 1)?;
        model.check(&tokens)?;
        let ranges = Column::from(&[][..]);
        let pass = Pass {
            engine,
            plan: &self.plan,
            weights: &model.weights,
            buffers: &self.buffers,
            tokens: &tokens,
            dropout: None,
            ranges: &ranges,
        };
        for (step, state) in self.plan.steps.iter().zip(&self.states) {
            match state {
                None => pass.step(step)?,
                Some(state) => remember(engine, &pass, step, state, position)?,
            }
        }
        let hidden = self.buffers.tensor(&self.plan, self.plan.head.place.buffer);
        model.head().logits(engine, hidden, &self.logits)?;
        self.position += 1;
        self.logits.to_vec()
    }
}

/// What a step remembers of the rows that were read; none if it looks at one row at a time.
fn state(model: &Model, plan: &Plan, step: &Step, allocator: &Allocator) -> Result<Option<Tensor>> {
    let Shape::Rows(Space::Row, _) = plan.buffers[step.out.buffer].shape else {
        return Err(Error::run("a model that reads whole sequences cannot write text token by token"));
    };
    let width = match &step.work {
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

/// Runs a step that looks at rows before this one, which are in `state`.
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
