//! Shared code of model plugins: reading and writing `config.json`, scalings of rotary positions, activations by name,
//! ranges of settings. Plugin authors can use it too.

pub mod activation;
mod export;
mod import;
pub mod kinds;
pub mod layers;
pub mod names;
pub mod pooling;
pub mod ranges;
pub mod recurrent;
mod rope;

pub use export::Export;
pub use import::Import;
pub use rope::Scaling;
