//! Tasks: what is learnt of documents. A task turns them into tokens and planes, once, and these into the rows of each
//! batch. One file each.
//!
//! What a task learns from besides a document's text are fields of the document: a label, tags, a target.

mod borders;
mod causal;
mod chat;
mod classes;
mod config;
mod denoise;
mod embeddings;
mod features;
mod fields;
mod labels;
mod marks;
mod masked;
mod names;
mod noise;
mod pairs;
mod seq2seq;
mod tags;
mod weights;
mod word_features;
mod words;

pub use borders::Borders;
pub use causal::Causal;
pub use chat::{ChatTemplate, RenderedTokens, Renderer};
pub use classes::Classes;
pub use config::{
    ChatConfig, DenoiseConfig, EmbeddingsConfig, EmbeddingsForm, Form, LabelsConfig, MaskedConfig, Seq2SeqConfig,
    TagsConfig, TaskConfig,
};
pub use embeddings::Embeddings;
pub use features::{Bags, Features, FeaturesConfig, Weights};
pub use labels::Values;
pub use marks::Marks;
pub use names::{Named, Names};
pub use seq2seq::pair;
pub use tags::n_words;
pub use weights::ClassWeights;
pub use word_features::WordFeatures;
pub use words::{OUTSIDE, Span, Word, document_words, spans, words};

use super::shard::{Plane, Shard};
use crate::Result;
use crate::base::random::Stream;
use crate::corpus::Document;
use crate::rows::{InputSet, Rows};
use std::fmt::Debug;
use std::ops::Range;
use std::panic::{RefUnwindSafe, UnwindSafe};
use trainyard_plugin::{TokenBatch, Tokenizer};

/// Row inputs that the batches of some task carry.
pub const SUPPLIED: InputSet = crate::feed::batch::SUPPLIED.and(labels::NUMBERS);

/// How documents become tokens and planes.
pub trait Encode: Debug + Send + Sync + RefUnwindSafe + UnwindSafe {
    /// What the tokens and planes are a function of, besides the documents and the tokenizer.
    fn identity(&self) -> String;

    /// Planes that the shards have beside the tokens. Where documents have names, the last one holds them.
    fn planes(&self) -> &'static [Plane];

    /// Tokens and planes of documents: one sequence per document, in order.
    ///
    /// # Errors
    /// Whatever the tokenizer reports; a document that the task cannot learn from.
    fn encode(&self, documents: &[&Document], tokenizer: &mut dyn Tokenizer) -> Result<Samples>;
}

/// How tokens and planes become rows.
pub trait Task: Debug + Send + Sync + RefUnwindSafe + UnwindSafe {
    /// Name in messages.
    fn name(&self) -> &'static str;

    /// Planes that it reads.
    fn planes(&self) -> &'static [Plane] {
        &[]
    }

    /// What one sequence of a batch is made of.
    fn unit(&self) -> Unit {
        Unit::Window
    }

    /// Tokens that it puts around each part of a window; parts are shorter by as many.
    fn marks(&self) -> usize {
        0
    }

    /// Row inputs that its batches carry.
    fn supplied(&self) -> InputSet;

    /// The inputs of a document: the places of the stream whose next token may be learnt.
    fn inputs(&self, shard: &Shard, document: u64) -> Range<u64> {
        shard.rows(document)
    }

    /// Says whether it learns from a part of a document's inputs, which is the first one or not.
    fn learns(&self, _shard: &Shard, _part: &Range<u64>, _is_first: bool) -> bool {
        true
    }

    /// Lines before the first step about what windows of `context` tokens leave out of training data.
    fn lines(&self, _shard: &Shard, _context: usize) -> Vec<String> {
        Vec::new()
    }

    /// Line before the first step of a run with `tokens` tokens a step, where there is something to say.
    fn note(&self, _tokens: usize) -> Option<String> {
        None
    }

    /// The rows of a batch.
    fn rows(&self, batch: &Batch<'_>) -> Rows;
}

/// Tasks are the same if their names are.
impl PartialEq for dyn Task {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

/// What one sequence of a batch is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A run of the stream, or parts of documents, as `data.packing` says.
    Window,
    /// One whole document. Those of a batch have similar lengths.
    Document,
}

/// The sequences of a batch.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Where their tokens are.
    pub shard: &'a Shard,
    /// Bytes of text per token, shape `[vocabulary]`.
    pub token_bytes: &'a [u32],
    /// The longest sequence, in tokens.
    pub context: usize,
    /// In order.
    pub sequences: Vec<Sequence>,
    /// Random numbers of the task, of which each sequence takes those of its number.
    pub stream: Stream,
}

/// A sequence of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// Its number, counted through the whole run.
    pub number: u64,
    /// Index of its document in the shard, where it is one document.
    pub document: Option<u64>,
    /// Places of the stream: the inputs of each part that a window has, or the tokens of a document.
    pub parts: Vec<Range<u64>>,
}

/// Documents as a task encodes them.
#[derive(Debug, Default)]
pub struct Samples {
    /// A sequence per document.
    pub tokens: TokenBatch,
    /// Numbers per plane of the task and per document, as [`super::ShardWriter::push_with`] takes them.
    pub planes: Vec<Vec<Vec<f64>>>,
    /// The same of the last plane where it holds names: they become numbers in the order in which they appear.
    pub names: Option<Vec<Vec<Named>>>,
    /// How many tokens of each document are its text's; none if all are.
    pub of_text: Option<Vec<usize>>,
    /// The text that each document was written as before it was encoded; none where that is its own. Special tokens
    /// that the task has put in are not in it.
    pub written: Option<Vec<String>>,
}

impl Samples {
    /// The text that the tokens of `document` stand for, which is number `index` of those that were encoded.
    pub(super) fn text<'a>(&'a self, index: usize, document: &'a Document) -> &'a str {
        self.written.as_ref().and_then(|written| written.get(index)).map_or(document.text(), String::as_str)
    }

    /// The tokens of each document's text.
    pub(super) fn texts(&self) -> impl Iterator<Item = &[u32]> {
        let lengths = self.of_text.as_ref();
        let text = move |(document, tokens): (usize, _)| -> &[u32] {
            let tokens: &[u32] = tokens;
            let length = lengths.and_then(|lengths| lengths.get(document)).copied().unwrap_or(tokens.len());
            &tokens[..length.min(tokens.len())]
        };
        self.tokens.sequences().enumerate().map(text)
    }

    /// The numbers of each plane for one document; `names` numbers those of the last one.
    pub(super) fn planes_of(&self, document: usize, names: &mut Names) -> Vec<Vec<f64>> {
        let numbers = |plane: &Vec<Vec<f64>>| plane.get(document).cloned().unwrap_or_default();
        let mut planes: Vec<_> = self.planes.iter().map(numbers).collect();
        if let Some(named) = &self.names {
            let named = named.get(document).map_or(&[][..], Vec::as_slice);
            planes.push(named.iter().map(|name| f64::from(names.number(name))).collect());
        }
        planes
    }
}
