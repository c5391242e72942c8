//! Tasks: what is learnt of documents. A task turns their content into tokens and planes, and these into rows.
//!
//! One file each. A second task that learns from part of the text, such as the answers of a conversation, adds a
//! variant to [`Content`], a plane such as `answer` (u8 per token) and rows whose weight is that plane.

mod causal;

pub use causal::Causal;

use super::shard::{Plane, Shard};
use crate::Result;
use crate::corpus::Content;
use crate::rows::Rows;
use std::fmt::Debug;
use std::ops::Range;
use std::panic::RefUnwindSafe;
use trainyard_plugin::{TokenBatch, Tokenizer};

/// What is learnt of documents.
pub trait Task: Debug + Sync + RefUnwindSafe {
    /// Name in messages.
    fn name(&self) -> &'static str;

    /// Planes that its shards have beside the tokens.
    fn planes(&self) -> &'static [Plane];

    /// Tokens and planes of documents: one sequence per content, in order.
    ///
    /// # Errors
    /// Whatever the tokenizer reports; a content that the task cannot learn from.
    fn encode(&self, contents: &[&Content], tokenizer: &mut dyn Tokenizer) -> Result<Samples>;

    /// Appends one sequence to a batch: the rows of some parts of a shard's stream, each of a document of its own, and
    /// padding up to the context. The shard has the task's planes. `token_bytes` are the bytes of text per token, shape
    /// `[vocabulary]`.
    fn rows(&self, shard: &Shard, parts: &mut dyn Iterator<Item = Range<u64>>, token_bytes: &[u32], rows: &mut Rows);
}

/// Tasks are the same if their names are.
impl PartialEq for dyn Task {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

/// Documents as a task encodes them.
#[derive(Debug, Default)]
pub struct Samples {
    /// A sequence per document.
    pub tokens: TokenBatch,
    /// Numbers per plane of the task and per document, as [`super::ShardWriter::push_with`] takes them.
    pub planes: Vec<Vec<Vec<f64>>>,
}

impl Samples {
    /// The numbers of each plane for one document.
    pub(super) fn planes_of(&self, document: usize) -> Vec<&[f64]> {
        self.planes.iter().map(|plane| plane.get(document).map_or(&[][..], Vec::as_slice)).collect()
    }
}
