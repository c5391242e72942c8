//! Tensors in the format safetensors, in one file or in shards with an index, read one tensor at a time.
//!
//! A file is the length of its header (8 bytes, little-endian), the header (JSON: names with type, shape and place) and
//! the numbers. Every size is compared with the file's before anything of that size is allocated. Files are read, not
//! mapped: one that is cut off meanwhile is an error and not the end of the process.

mod file;
mod header;
mod index;
mod numbers;
mod weights;
mod writer;

pub(in crate::formats) use file::TensorFile;
pub use header::Entry;
pub use numbers::Format;
pub use weights::Weights;
pub use writer::{SHARD_BYTES, Saved, TensorSource, write};

/// The file of a model that is not sharded.
pub const MODEL: &str = "model.safetensors";
/// The index of a model that is sharded.
pub const INDEX: &str = "model.safetensors.index.json";
