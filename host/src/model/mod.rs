//! The networks: [`Transformer`], made of parts, after the recipes `gpt` and `llama`.

mod activation;
mod activations;
mod block;
mod config;
mod decoder;
mod dropout;
mod gpt;
mod head;
mod linear;
mod llama;
mod memory;
mod norm;
mod params;
mod parts;
mod transformer;

pub use config::{Architecture, Gelu, ModelConfig};
pub use decoder::Decoder;
pub use dropout::Dropout;
pub use head::Head;
pub use memory::Allocator;
pub use params::{Init, Param, Params};
pub use transformer::Transformer;
