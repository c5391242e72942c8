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
mod transformer;

pub use config::{Architecture, ModelConfig};
pub use decoder::Decoder;
pub use dropout::Dropout;
pub use memory::Allocator;
pub use params::{Init, Param, Params};
pub use transformer::Transformer;

/// The input of a network: sequences of equal length, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a> {
    /// `[sequences · length]`, each below the vocabulary size.
    pub ids: &'a [u32],
    /// `[sequences · length]`, each below the context: of each token in its document. A token at position 0 begins a
    /// document, and no token attends to another document than its own.
    pub positions: &'a [u32],
    /// Positions per sequence.
    pub length: usize,
}

impl Tokens<'_> {
    /// Number of sequences.
    pub fn sequences(&self) -> usize {
        self.ids.len() / self.length
    }
}
