//! The networks: [`Transformer`], made of parts, after the recipes `gpt` and `llama`.

mod activation;
mod activations;
mod block;
mod config;
mod decoder;
mod dropout;
mod gpt;
mod linear;
mod llama;
mod memory;
mod norm;
mod params;
mod parts;
mod placed;
mod transformer;

pub use config::{Architecture, ModelConfig};
pub use decoder::Decoder;
pub use dropout::Dropout;
pub use memory::Allocator;
pub use params::{Init, Param, Params};
pub use placed::{COLUMNS, PlacedBatch};
pub use transformer::Transformer;

use crate::Result;
use crate::ops::{Column, Engine};

/// The input of a network: sequences of equal length, one after the other.
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    /// `[sequences · length]`, each below the vocabulary size.
    pub ids: Column<'a, u32>,
    /// `[sequences · length]`, each below the context: of each token in its document. A token at position 0 begins a
    /// document, and no token attends to another document than its own.
    pub positions: Column<'a, u32>,
    /// Positions per sequence.
    pub length: usize,
}

impl<'a> Tokens<'a> {
    /// These tokens where `engine` computes.
    pub fn new(engine: &Engine, ids: &'a [u32], positions: &'a [u32], length: usize) -> Result<Self> {
        Ok(Self { ids: Column::new(engine, ids)?, positions: Column::new(engine, positions)?, length })
    }

    /// Number of sequences.
    pub fn sequences(&self) -> usize {
        self.ids.host().len() / self.length
    }
}
