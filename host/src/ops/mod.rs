//! The operations of training, each with a forward and a backward.

mod float;

pub use float::Float;
