//! The tokens that a task puts around and into texts.

use crate::{Error, Result};
use trainyard_plugin::Vocabulary;

/// Names of the token before a text, where it has one of its own: BERT's, and that of RoBERTa and BART.
const FIRST: [&str; 2] = ["[CLS]", "<s>"];
/// Names of the token that stands for one that is hidden.
const MASK: [&str; 3] = ["[MASK]", "<mask>", "<|mask|>"];

/// Ids of tokens that stand for no text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// Before a text: `[CLS]` or `<s>` where there is one, or else the end of text.
    pub first: Option<u32>,
    /// After a text: the end of text, which is `[SEP]` or `</s>` in some vocabularies.
    pub last: Option<u32>,
    /// In place of a hidden token. Where the tokenizer has none, the model gets one of its own behind its vocabulary.
    pub mask: u32,
    /// What a target begins with.
    pub start: Option<u32>,
    /// Tokens of the tokenizer.
    pub n_tokens: u32,
}

impl Marks {
    /// The tokens of `vocabulary`, in which `end_of_text` ends a document. `start` begins a target: by default the end
    /// of text does.
    ///
    /// # Errors
    /// An id of `start` outside the vocabulary.
    pub fn new(vocabulary: &Vocabulary, end_of_text: Option<u32>, start: Option<u32>) -> Result<Self> {
        let n_tokens = u32::try_from(vocabulary.tokens.len()).unwrap_or(u32::MAX);
        let named = |names: &[&str]| names.iter().find_map(|name| vocabulary.special(name));
        if let Some(id) = start.filter(|&id| id >= n_tokens) {
            let message = format!("the token {id} that begins a target is outside the vocabulary of {n_tokens}");
            return Err(Error::run(message));
        }
        Ok(Self {
            first: named(&FIRST).or(end_of_text),
            last: end_of_text,
            mask: named(&MASK).unwrap_or(n_tokens),
            start: start.or(end_of_text),
            n_tokens,
        })
    }

    /// Whether the mask is a token of the model alone.
    pub fn has_own_mask(&self) -> bool {
        self.mask == self.n_tokens
    }

    /// How many marks a text gets.
    pub fn around(&self) -> usize {
        usize::from(self.first.is_some()) + usize::from(self.last.is_some())
    }

    /// `ids` between the marks, cut to `context` tokens with them.
    pub fn wrap(&self, ids: impl Iterator<Item = u32>, context: usize) -> Vec<u32> {
        let room = context.saturating_sub(self.around());
        self.first.into_iter().chain(ids.take(room)).chain(self.last).collect()
    }

    /// A source that a target is written from, cut to `context` tokens: as [`Marks::wrap`], but without a first mark
    /// that is the last one too.
    pub fn source(&self, ids: &[u32], context: usize) -> Vec<u32> {
        let first = self.first.filter(|first| Some(*first) != self.last);
        Self { first, ..self.clone() }.wrap(ids.iter().copied(), context)
    }
}
