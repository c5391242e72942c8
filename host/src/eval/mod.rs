//! How good a model is, and what it writes.

mod sample;

pub use sample::{choose, continue_tokens};
