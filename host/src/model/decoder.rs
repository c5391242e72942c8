//! Writes text token by token, keeping the keys and values of what was read.

use super::Transformer;
use super::activations::{BlockActivations, Size};
use super::block::Cache;
use super::memory::Allocator;
use crate::ops::Tensor;
use crate::ops::embedding::{self, Lookup};
use crate::rows::Tokens;
use crate::{Error, Result};

/// One sequence being read and written.
pub struct Decoder<'m> {
    model: &'m Transformer,
    /// Per block `[context, 2 · kv_heads · d]`: keys and values of all positions so far.
    caches: Vec<Tensor>,
    position: usize,
    /// `[1, C]`: before and after a block, by turns.
    stream: [Tensor; 2],
    /// Activations of one row, which all blocks share.
    block: BlockActivations,
    /// `[1, vocab]`
    logits: Tensor,
    /// `[1, C]`: the last hidden state.
    hidden: Tensor,
}

impl<'m> Decoder<'m> {
    /// An empty sequence.
    ///
    /// # Errors
    /// A GPU without room for the caches.
    pub fn new(model: &'m Transformer) -> Result<Self> {
        let config = model.config();
        let allocator = Allocator::new(model.engine());
        let cache = |_| allocator.activations((config.context, 2 * config.kv_width()));
        let one_row = Size { sequences: 1, length: 1, recompute: true };
        Ok(Self {
            model,
            caches: (0..config.layers).map(cache).collect::<Result<_>>()?,
            position: 0,
            stream: [allocator.zeros((1, config.width))?, allocator.zeros((1, config.width))?],
            block: BlockActivations::new(config, one_row, &allocator)?,
            logits: allocator.zeros((1, model.vocab()))?,
            hidden: allocator.activations((1, config.width))?,
        })
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
        let (engine, parts) = (model.engine(), &model.parts);
        if id as usize >= model.vocab() {
            return Err(Error::run(format!("token id {id} is outside the model's vocabulary of {}", model.vocab())));
        }
        if position >= model.config().context {
            return Err(Error::run(format!("the context of {} tokens is full", model.config().context)));
        }
        let (ids, positions) = ([id], [position as u32]);
        let tokens = Tokens::new(engine, &ids, &positions, 1)?;
        let pass = model.pass(&tokens, None, None);
        let [mut x, mut out] = [&self.stream[0], &self.stream[1]];
        let learned = parts.positions.as_ref().map(|table| Lookup::new(&tokens.positions, &table.value));
        let lookups: Vec<_> = [Lookup::new(&tokens.ids, &parts.tokens.value)].into_iter().chain(learned).collect();
        embedding::forward(engine, &lookups, x)?;
        for (block, keys_values) in parts.blocks.iter().zip(&self.caches) {
            block.forward(&pass, x, &self.block, Some(Cache { keys_values, position }), out)?;
            (x, out) = (out, x);
        }
        parts.final_norm.forward(engine, x, &self.hidden, &self.block.stats_1)?;
        model.head().logits(engine, &self.hidden, &self.logits)?;
        self.position += 1;
        self.logits.to_vec()
    }
}
