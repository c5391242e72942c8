//! The networks.

mod activations;
mod config;
mod decoder;
mod gpt;
mod params;

pub use config::{ModelConfig, ModelKind};
pub use decoder::Decoder;
pub use gpt::{Dropout, Gpt};
pub use params::{Init, Param, Params};

/// The input of a network: sequences of equal length, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a> {
    /// `[sequences · length]`, each below the vocabulary size.
    pub ids: &'a [u32],
    /// `[sequences · length]`, each below the context.
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
