//! What steps remember of the rows that sequences have read.

use super::batch::Room;
use crate::model::Model;
use crate::model::memory::Allocator;
use crate::model::plan::{Plan, Shape, Step, Work};
use crate::model::run::Pass;
use crate::ops::attention::{self, Cache, Span};
use crate::ops::{Tensor, View, columns, conv, recurrent, shift};
use crate::{Error, Result};
use trainyard_plugin::network::Space;

/// What one step remembers of each sequence.
#[derive(Debug)]
pub(super) enum Memory {
    /// Keys and values of all positions so far, `[sequences · tokens, 2 · kv_heads · d]`.
    Cache { keys_values: Tensor, tokens: usize },
    /// A state that each row changes, `[sequences, width]`.
    State(Tensor),
}

impl Memory {
    /// What a step remembers; none if it looks at one row at a time, or at the source.
    ///
    /// # Errors
    /// A step that cannot read rows one after the other, a GPU without room.
    pub fn new(model: &Model, plan: &Plan, step: &Step, room: Room) -> Result<Option<Self>> {
        let allocator = Allocator::new(model.engine());
        let rows_of = |buffer: usize| matches!(plan.buffers[buffer].shape, Shape::Rows(Space::Row, _));
        let reads_rows = matches!(step.work, Work::Bag(_)) || step.reads.iter().any(|place| rows_of(place.buffer));
        if !rows_of(step.out.buffer) {
            return match reads_rows {
                true => Err(Error::run("a model that reads whole sequences cannot write text token by token")),
                false => Ok(None),
            };
        }
        let width = match &step.work {
            Work::Attention { .. } if !rows_of(step.reads[1].buffer) => return Ok(None),
            Work::Attention { span: Span::Full, .. } => {
                return Err(Error::run("attention to later tokens: this model cannot write text token by token"));
            }
            Work::Attention { .. } => {
                let (rows, tokens) = (room.sequences.saturating_mul(room.tokens), room.tokens);
                let keys_values = allocator.activations((rows, 2 * step.reads[1].width))?;
                return Ok(Some(Self::Cache { keys_values, tokens }));
            }
            Work::Recurrent { reverse: true, .. } => {
                return Err(Error::run("a layer that reads backward: this model cannot write text token by token"));
            }
            Work::Recurrent { kind, .. } => kind.states() * step.out.width,
            Work::Conv { weight, .. } => (model.weights.parameters[*weight].value.row_width() - 1) * step.out.width,
            Work::Shift(by) => by * step.out.width,
            _ => return Ok(None),
        };
        allocator.activations((room.sequences, width.max(1))).map(Self::State).map(Some)
    }

    /// Whether several rows of a sequence can be read at once.
    pub fn is_cache(&self) -> bool {
        matches!(self, Self::Cache { .. })
    }

    /// Makes sequence `to` one that has read what sequence `from` has, which are `position` rows.
    ///
    /// # Errors
    /// Sequences that are not there, a GPU that fails.
    pub fn copy(&self, from: usize, to: usize, position: usize) -> Result<()> {
        match self {
            Self::Cache { keys_values, tokens } => {
                columns::copy_rows(keys_values, from * tokens, to * tokens, position)
            }
            Self::State(states) => columns::copy_rows(states, from, to, 1),
        }
    }

    /// Runs a step that looks at rows before these, for the first sequences, which are at `positions`.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn step(&self, pass: &Pass<'_>, step: &Step, positions: &[usize]) -> Result<()> {
        let engine = pass.engine;
        let reads: Vec<View<'_>> = step.reads.iter().map(|&place| pass.buffers.view(pass.plan, place)).collect();
        let out = pass.buffers.view(pass.plan, step.out);
        let state = match self {
            Self::Cache { keys_values, tokens } => {
                let keys_values = &keys_values.narrow(0, positions.len() * tokens)?;
                let cache = Cache { keys_values, positions, bias: reads.get(3).map(|bias| bias.tensor) };
                let shape = pass.attention_shape(step);
                return attention::cached(engine, [reads[0], reads[1], reads[2]], shape, &cache, out.tensor);
            }
            Self::State(states) => &states.narrow(0, positions.len())?,
        };
        match &step.work {
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
}
