//! Tasks: what labels, tags, hidden tokens and pairs of texts are learnt by, on their own and as runs.

mod buckets;
mod embeddings;
mod learn;
mod masks;
mod parity;
mod predict;
mod toys;
mod wrong;
