//! What a corpus is made of: counts and lengths, and documents as vectors of words.

pub mod features;
pub mod stats;
