//! Reads and writes texts, keeping what was read: keys and values of attention, states of recurrences, and what was
//! computed of a source.

mod batch;
mod memory;
mod sources;
#[cfg(test)]
mod tests;

pub use batch::{BatchDecoder, Room};

use super::Model;
use crate::Result;

/// One sequence being read and written: a batch of one.
pub struct Decoder<'m>(BatchDecoder<'m>);

impl<'m> Decoder<'m> {
    /// An empty sequence, written from the text `source` if the model has an encoder.
    ///
    /// # Errors
    /// A model that cannot write text token by token, a source that it does not read or cannot do without, a GPU
    /// without room for the caches.
    pub fn new(model: &'m Model, source: &[u32]) -> Result<Self> {
        let room = Room { sequences: 1, tokens: model.context() };
        BatchDecoder::new(model, &[source], room).map(Self)
    }

    /// Number of tokens read.
    pub fn position(&self) -> usize {
        self.0.position(0)
    }

    /// Reads tokens (at least one) and returns the logits `[vocab]` of the one that follows.
    ///
    /// # Errors
    /// An id outside the vocabulary, a full context, a GPU that fails.
    pub fn read(&mut self, ids: &[u32]) -> Result<Vec<f64>> {
        Ok(self.0.read(&[ids])?.swap_remove(0))
    }
}
