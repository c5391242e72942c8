//! The operations of training, each with a forward and a backward.

mod float;
mod matmul;

pub use float::Float;
pub use matmul::{Operand, Threads, matmul};
