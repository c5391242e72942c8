//! Beam search: writes the likeliest texts that it finds, several hypotheses of each at a time. Results are those of
//! transformers' `generate(do_sample=False)` with `early_stopping=False`.

mod allowed;
mod search;
#[cfg(test)]
mod tests;

pub use search::Hypothesis;

use crate::model::{BatchDecoder, Model, Room};
use crate::{Error, Result};
use search::Search;

/// How texts are searched for.
#[derive(Debug, Clone, PartialEq)]
pub struct BeamConfig {
    /// Hypotheses of each text at a time; 1 is greedy: always the likeliest token.
    pub beams: usize,
    /// α: hypotheses are compared by Σ log probability / length^α, of the tokens that are written, the end included.
    pub length_penalty: f64,
    /// Most tokens that are written, the end included.
    pub max_tokens: usize,
    /// Fewest tokens that are written before the end.
    pub min_tokens: usize,
    /// No run of this many tokens, prompt included, is there twice; 0: any may be.
    pub no_repeat_ngram: usize,
    /// The token that ends a text.
    pub end: Option<u32>,
    /// The first token that is written, whatever the model says (`forced_bos_token_id`).
    pub first: Option<u32>,
    /// The last of `max_tokens` tokens, whatever the model says (`forced_eos_token_id`).
    pub last: Option<u32>,
    /// Tokens that are written are below this: a model may have more than its tokenizer.
    pub n_tokens: usize,
}

/// Sequences that are read and written together, each by its number.
pub trait Sequences {
    /// Reads tokens of each sequence (at least one) and returns for each the logits of the one that follows.
    ///
    /// # Errors
    /// Tokens that the model does not have, no room for more, a model that fails.
    fn read(&mut self, ids: &[&[u32]]) -> Result<Vec<Vec<f64>>>;

    /// Makes number i a sequence that has read what number `from[i]` has.
    ///
    /// # Errors
    /// No such sequence, no room for more, a model that fails.
    fn reorder(&mut self, from: &[usize]) -> Result<()>;
}

impl Sequences for BatchDecoder<'_> {
    fn read(&mut self, ids: &[&[u32]]) -> Result<Vec<Vec<f64>>> {
        BatchDecoder::read(self, ids)
    }

    fn reorder(&mut self, from: &[usize]) -> Result<()> {
        BatchDecoder::reorder(self, from)
    }
}

/// A search for some texts at once. Each [`BeamSearch::step`] writes a token of each that is not finished.
pub struct BeamSearch<S> {
    config: BeamConfig,
    sequences: S,
    searches: Vec<Search>,
    /// What may follow each hypothesis, text after text.
    logits: Vec<Vec<f64>>,
}

impl<'m> BeamSearch<BatchDecoder<'m>> {
    /// A search for the texts that `model` writes from `sources` (empty for a model without an encoder) after
    /// `prompts`, which are read; an encoder-decoder model's begin with the token that its decoder starts with.
    ///
    /// # Errors
    /// Settings or texts that cannot be, a model that does not write token by token, a context that is too short.
    pub fn of_model(model: &'m Model, sources: &[&[u32]], prompts: &[&[u32]], config: BeamConfig) -> Result<Self> {
        let longest = prompts.iter().map(|prompt| prompt.len()).max().unwrap_or(0);
        // the last token is not read
        let tokens = (longest + config.max_tokens).saturating_sub(1);
        if tokens > model.context() {
            let (most, context) = (config.max_tokens, model.context());
            return Err(Error::usage(format!(
                "max_tokens = {most} after a prompt of {longest} tokens is more than the model's context of {context}; \
                 write fewer tokens"
            )));
        }
        let room = Room { sequences: sources.len().saturating_mul(config.beams), tokens };
        Self::new(BatchDecoder::new(model, sources, room)?, prompts, config)
    }
}

impl<S: Sequences> BeamSearch<S> {
    /// A search for the texts that begin with `prompts`, one of each of `sequences`, which have read nothing yet and
    /// have room for `config.beams` times as many.
    ///
    /// # Errors
    /// Settings that cannot be, a prompt without tokens, sequences that fail.
    pub fn new(mut sequences: S, prompts: &[&[u32]], config: BeamConfig) -> Result<Self> {
        for (name, value) in [("beams", config.beams), ("max_tokens", config.max_tokens), ("n_tokens", config.n_tokens)]
        {
            if value == 0 {
                return Err(Error::usage(format!("{name}: expected at least 1, got 0")));
            }
        }
        if !config.length_penalty.is_finite() {
            let got = config.length_penalty;
            return Err(Error::usage(format!("length_penalty: expected a finite number, got {got}")));
        }
        let logits = sequences.read(prompts)?;
        Ok(Self { config, sequences, searches: prompts.iter().map(|prompt| Search::new(prompt)).collect(), logits })
    }

    /// Number of texts that are not finished.
    pub fn open(&self) -> usize {
        self.searches.iter().filter(|search| search.n_hypotheses() > 0).count()
    }

    /// Writes one more token of each text that is not finished, and tells if there are any left.
    ///
    /// # Errors
    /// Logits that are not finite, sequences that fail.
    pub fn step(&mut self) -> Result<bool> {
        let (mut from, mut next, mut first) = (Vec::new(), Vec::new(), 0);
        for search in &mut self.searches {
            let n = search.n_hypotheses();
            let continued = search.step(&self.logits[first..first + n], &self.config)?;
            for (parent, id) in continued {
                from.push(first + parent);
                next.push([id]);
            }
            first += n;
        }
        self.logits.clear();
        if from.is_empty() {
            return Ok(false);
        }
        self.sequences.reorder(&from)?;
        self.logits = self.sequences.read(&next.iter().map(<[u32; 1]>::as_slice).collect::<Vec<_>>())?;
        Ok(true)
    }

    /// The hypotheses of each text that were finished, the best first, at most `config.beams`.
    pub fn finish(self) -> Vec<Vec<Hypothesis>> {
        self.searches.into_iter().map(Search::finish).collect()
    }
}
