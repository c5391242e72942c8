//! `[adapter]` of a run's config: small matrices that are trained beside the weights of a model, which stay.

mod config;
mod peft;
mod rewrite;

pub use config::AdapterConfig;
pub use peft::{restore, write};
pub use rewrite::{Adapted, adapted};
