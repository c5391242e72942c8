//! The tokens that a task puts around and into texts.

use crate::{Error, Result};
use trainyard_plugin::Vocabulary;

/// Names of the token before a text, where it has one of its own: BERT's, and that of RoBERTa and BART.
const FIRST: [&str; 2] = ["[CLS]", "<s>"];
/// Names of the token that stands for one that is hidden.
const MASK: [&str; 3] = ["[MASK]", "<mask>", "<|mask|>"];
/// Sentinels of T5, and their number where the model gets ones of its own, unless a window needs more.
const SENTINELS: usize = 100;

/// Ids of tokens that stand for no text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// Before a text: `[CLS]` or `<s>` where there is one, or else the end of text.
    pub first: Option<u32>,
    /// After a text: the end of text, which is `[SEP]` or `</s>` in some vocabularies.
    pub last: Option<u32>,
    /// In place of a hidden token. Where the tokenizer has none, the model gets one of its own behind its vocabulary.
    pub mask: u32,
    /// What a target is written after.
    pub start: Option<u32>,
    /// The first token of every target, where the model that the run starts from was taught so: `<s>`, or a language.
    pub begin: Option<u32>,
    /// In place of hidden spans, in this order.
    pub sentinels: Vec<u32>,
    /// Tokens of the tokenizer.
    pub n_tokens: u32,
}

impl Marks {
    /// The tokens of `vocabulary`, in which `end_of_text` ends a document. A target is written after `start`, by
    /// default the end of text, and begins with `begin` if there is one.
    ///
    /// # Errors
    /// An id of `start` or `begin` outside the vocabulary.
    pub fn new(
        vocabulary: &Vocabulary,
        end_of_text: Option<u32>,
        (start, begin): (Option<u32>, Option<u32>),
    ) -> Result<Self> {
        let n_tokens = u32::try_from(vocabulary.tokens.len()).unwrap_or(u32::MAX);
        let named = |names: &[&str]| names.iter().find_map(|name| vocabulary.special(name));
        if let Some(id) = start.into_iter().chain(begin).find(|&id| id >= n_tokens) {
            let message = format!("the token {id} that begins a target is outside the vocabulary of {n_tokens}");
            return Err(Error::run(message));
        }
        Ok(Self {
            first: named(&FIRST).or(end_of_text),
            last: end_of_text,
            mask: named(&MASK).unwrap_or(n_tokens),
            start: start.or(end_of_text),
            begin,
            sentinels: Vec::new(),
            n_tokens,
        })
    }

    /// The same with sentinels: T5's `<extra_id_0>` and so on if the tokenizer has them, or else tokens of the model
    /// alone behind the vocabulary, counted from the end as T5 does. `most` is how many a window can need.
    ///
    /// # Errors
    /// Fewer of them in the tokenizer.
    pub fn with_sentinels(mut self, vocabulary: &Vocabulary, most: usize) -> Result<Self> {
        self.sentinels = (0..).map_while(|index: u32| vocabulary.special(&format!("<extra_id_{index}>"))).collect();
        let n = self.sentinels.len();
        if n == 0 {
            let n = most.max(SENTINELS) as u32;
            self.sentinels = (0..n).map(|index| self.n_tokens + n - 1 - index).collect();
        } else if n < most {
            return Err(Error::usage(format!(
                "task.span: windows of this length have {most} hidden spans, and the tokenizer has {n} sentinels \
                 (<extra_id_0> …); raise task.span, or lower task.rate or model.context"
            )));
        }
        Ok(self)
    }

    /// Number of ids that these tokens and those of the tokenizer have.
    pub fn n_ids(&self) -> usize {
        let most = self.sentinels.iter().copied().max().map_or(0, |id| id + 1);
        most.max(self.n_tokens) as usize
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

    /// Number of tokens that are written for a target.
    pub fn n_written(&self, target: &[u32]) -> usize {
        usize::from(self.begin.is_some()) + target.len() + usize::from(self.last.is_some())
    }
}
